"""What people, programs and attackers send instead of a document: each with the code of the refusal that it must get.

`refused_at_once` says whether the refusal comes with the upload; the others fail when they are read.
"""

import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageDraw

from tests.ocr.pdfs import encrypted_pdf, pdf, pdf_of_text, pdf_with_page

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
MAX_BYTES = 20_000_000


@dataclass(frozen=True)
class Malformed:
    """A file that is no document, and how it must be refused."""

    name: str
    content: bytes
    code: str
    filename: str = "receipt.jpg"
    refused_at_once: bool = True


def malformed() -> list[Malformed]:
    """Return all of them."""
    return [*_nothing(), *_foreign(), *_two_in_one(), *_jpeg(), *_png(), *_webp_tiff_and_heic(), *_pdf()]


def _picture(width: int = 320, height: int = 480) -> Image.Image:
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)
    noise = random.Random(7)  # noqa: S311  a picture that does not pack to nothing
    for at in range(40):
        draw.text((10, 12 * at), "".join(noise.choice("ABCDEF0123456789 ,.") for _ in range(40)), fill="black")
    return picture


def _saved(kind: str, picture: Image.Image | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    (picture or _picture()).save(file, kind, **options)
    return file.getvalue()


def _zip(name: str = "receipt.txt", content: bytes = b"YHTEENSA 12,00") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def _nothing() -> Iterator[Malformed]:
    yield Malformed("zero bytes", b"", "ocr.empty_file")
    yield Malformed("one byte", b"\xff", "ocr.unsupported_file")
    yield Malformed("zeros", bytes(4096), "ocr.unsupported_file")
    yield Malformed("noise", random.Random(1).randbytes(4096), "ocr.unsupported_file")  # noqa: S311
    yield Malformed("too many bytes", _saved("JPEG") + bytes(MAX_BYTES), "ocr.file_too_large")
    yield Malformed("too many bytes of PDF", pdf_of_text([["A"]]) + b" " * MAX_BYTES, "ocr.file_too_large", "receipt.pdf")


def _foreign() -> Iterator[Malformed]:
    avif = b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00avifmif1" + bytes(200)
    foreign = {
        "ZIP named jpg": _zip(),
        "Word document": _zip("word/document.xml", b"<w:document/>"),
        "EICAR": EICAR,
        "EICAR in a ZIP": _zip("eicar.com", EICAR),
        "gzip": gzip.compress(b"receipt"),
        "GIF": _saved("GIF"),
        "BMP": _saved("BMP"),
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><text>12,00</text></svg>",
        "XML": b"<?xml version='1.0'?><Invoice/>",
        "web page": b"<!DOCTYPE html><html><script>alert(1)</script></html>",
        "JSON": b'{"total": "12.00"}',
        "plain text": b"YHTEENSA 12,00\n",
        "UTF-16 text": "YHTEENSÄ 12,00".encode("utf-16"),
        "Windows program": b"MZ\x90\x00" + bytes(300),
        "Linux program": b"\x7fELF\x02\x01\x01" + bytes(300),
        "script": b"#!/bin/sh\necho receipt\n",
        "AVIF": avif,
        "film": b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + bytes(200),
        "RAR": b"Rar!\x1a\x07\x01\x00" + bytes(200),
        "7z": b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(200),
        "old Word document": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "PostScript": b"%!PS-Adobe-3.0\nshowpage\n",
        "RIFF that is sound": b"RIFF\x24\x08\x00\x00WAVEfmt " + bytes(100),
        "JPEG after junk": b"junk" + _saved("JPEG"),
    }
    for name, content in foreign.items():
        yield Malformed(name, content, "ocr.unsupported_file")


def _two_in_one() -> Iterator[Malformed]:
    jpeg, png = _saved("JPEG"), _saved("PNG")
    document = pdf_of_text([["RECEIPT"]])
    yield Malformed("EICAR behind a JPEG", jpeg + EICAR, "ocr.harmful_file")
    yield Malformed("EICAR in a PDF", pdf_with_page(b"<< /Type /Page /Parent 2 0 R /Note (%b) >>" % EICAR), "ocr.harmful_file", "r.pdf")
    yield Malformed("ZIP behind a JPEG", jpeg + _zip(), "ocr.harmful_file")
    yield Malformed("ZIP behind a PNG", png + _zip(), "ocr.harmful_file", "receipt.png")
    yield Malformed("ZIP behind a PDF", document + _zip(), "ocr.harmful_file", "receipt.pdf")
    yield Malformed("ZIP behind a WebP", _saved("WEBP") + _zip(), "ocr.harmful_file", "receipt.webp")
    yield Malformed("web page behind a JPEG", jpeg + b"<html><script>alert(1)</script></html>", "ocr.harmful_file")
    yield Malformed("PHP behind a PNG", png + b"<?php system($_GET['c']); ?>", "ocr.harmful_file", "receipt.png")
    yield Malformed("program behind a JPEG", jpeg + b"\x7fELF\x02\x01\x01" + bytes(100), "ocr.harmful_file")
    yield Malformed("PDF in a JPEG's comment", _saved("JPEG", comment=document[:900]), "ocr.harmful_file")
    yield Malformed("PDF behind a PNG", png + document, "ocr.harmful_file", "receipt.png")


def _jpeg() -> Iterator[Malformed]:
    jpeg = _saved("JPEG")
    for percent in (30, 50, 70, 90):
        cut = jpeg[: len(jpeg) * percent // 100]
        yield Malformed(f"JPEG cut at {percent} %", cut, "ocr.damaged_file", refused_at_once=False)
    yield Malformed("JPEG of three bytes", jpeg[:3], "ocr.damaged_file")
    yield Malformed("JPEG without a picture", jpeg[:160], "ocr.damaged_file")
    yield Malformed("JPEG of noise", jpeg[:20] + random.Random(2).randbytes(3000), "ocr.damaged_file")  # noqa: S311
    yield Malformed("JPEG of 65,500 x 65,500", _with_jpeg_size(jpeg, 65_500, 65_500), "ocr.too_many_pixels")
    yield Malformed("JPEG of 40,000 x 40,000", _with_jpeg_size(jpeg, 40_000, 40_000), "ocr.too_many_pixels")
    yield Malformed("JPEG without a width", _with_jpeg_size(jpeg, 0, 480), "ocr.damaged_file")
    yield Malformed("JPEG of one pixel", _saved("JPEG", Image.new("RGB", (1, 1))), "ocr.too_small")


def _with_jpeg_size(jpeg: bytes, width: int, height: int) -> bytes:
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def _png() -> Iterator[Malformed]:
    png = _saved("PNG")
    for percent in (30, 60, 90):
        yield Malformed(f"PNG cut at {percent} %", png[: len(png) * percent // 100], "ocr.damaged_file", "r.png", refused_at_once=False)
    yield Malformed("PNG of eight bytes", png[:8], "ocr.damaged_file", "r.png")
    yield Malformed("PNG with a wrong checksum", png[:29] + b"\x00\x00\x00\x00" + png[33:], "ocr.damaged_file", "r.png")
    yield Malformed("PNG of 40,000 x 40,000", _png_of(40_000, 40_000, b""), "ocr.too_many_pixels", "r.png")
    bomb = zlib.compress(bytes(30_000 * (30_000 // 8 + 1)), 9)
    yield Malformed("PNG bomb", _png_of(30_000, 30_000, bomb), "ocr.too_many_pixels", "r.png")
    text = _chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(bytes(80_000_000), 9))
    yield Malformed("PNG with a text bomb", png[:33] + text + png[33:], "ocr.damaged_file", "r.png")
    broken = _png_of(320, 480, b"\x78\x9c" + b"\xff" * 500)
    yield Malformed("PNG with broken data", broken, "ocr.damaged_file", "r.png", refused_at_once=False)
    yield Malformed("PNG without data", _png_of(320, 480, b""), "ocr.damaged_file", "r.png", refused_at_once=False)
    yield Malformed("PNG of no pixel", _png_of(0, 0, b""), "ocr.damaged_file", "r.png")
    yield Malformed("PNG of 5 x 3,000", _saved("PNG", Image.new("L", (5, 3000))), "ocr.too_small", "r.png")


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _png_of(width: int, height: int, packed: bytes) -> bytes:
    """Return a PNG of one bit a pixel."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    data = _chunk(b"IDAT", packed) if packed else b""
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + data + _chunk(b"IEND", b"")


def _webp_tiff_and_heic() -> Iterator[Malformed]:
    webp, tiff = _saved("WEBP"), _saved("TIFF", compression="tiff_lzw")
    yield Malformed("WebP of twelve bytes", webp[:12], "ocr.damaged_file", "r.webp")
    yield Malformed("WebP cut in half", webp[: len(webp) // 2], "ocr.damaged_file", "r.webp")
    yield Malformed("WebP of noise", webp[:16] + random.Random(3).randbytes(500), "ocr.damaged_file", "r.webp")  # noqa: S311
    yield Malformed("TIFF of four bytes", b"II*\x00", "ocr.damaged_file", "r.tiff")
    yield Malformed("TIFF of noise", b"MM\x00*" + random.Random(4).randbytes(500), "ocr.damaged_file", "r.tiff")  # noqa: S311
    yield Malformed("TIFF cut at 60 %", tiff[: len(tiff) * 6 // 10], "ocr.damaged_file", "r.tiff")
    heic = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00heicmif1"
    yield Malformed("HEIC of nothing", heic + bytes(200), "ocr.damaged_file", "r.heic")
    yield Malformed("HEIC of noise", heic + random.Random(6).randbytes(500), "ocr.damaged_file", "r.heic")  # noqa: S311
    frames = [Image.new("1", (40, 40)) for _ in range(60)]
    many = _saved("TIFF", frames[0], save_all=True, append_images=frames[1:])
    yield Malformed("TIFF of 60 pages", many, "ocr.too_many_pages", "r.tiff")


def _pdf() -> Iterator[Malformed]:
    catalogue = b"<< /Type /Catalog /Pages 2 0 R >>"
    thousand = [b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 420] >>"] * 1000
    kids = b" ".join(b"%d 0 R" % (3 + at) for at in range(1000))
    yield Malformed("PDF of five bytes", b"%PDF-", "ocr.damaged_file", "r.pdf")
    yield Malformed("PDF of noise", b"%PDF-1.7\n" + random.Random(5).randbytes(3000), "ocr.damaged_file", "r.pdf")  # noqa: S311
    yield Malformed("PDF cut before its pages", pdf_of_text([["A"]])[:40], "ocr.damaged_file", "r.pdf")
    yield Malformed("encrypted PDF", encrypted_pdf(), "ocr.encrypted_pdf", "r.pdf")
    pages = b"<< /Type /Pages /Kids [%b] /Count 1000 >>" % kids
    yield Malformed("PDF of 1,000 pages", pdf([catalogue, pages, *thousand]), "ocr.too_many_pages", "r.pdf")
    yield Malformed("PDF of 51 pages", pdf_of_text([["A"]] * 51), "ocr.too_many_pages", "r.pdf")
    yield Malformed("PDF without pages", pdf([catalogue, b"<< /Type /Pages /Kids [] /Count 0 >>"]), "ocr.damaged_file", "r.pdf")
    yield Malformed(
        "PDF whose pages are missing",
        pdf([catalogue, b"<< /Type /Pages /Kids [9 0 R 10 0 R] /Count 2 >>"]),
        "ocr.damaged_file",
        "r.pdf",
        refused_at_once=False,
    )
