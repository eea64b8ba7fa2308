"""What a file is, told by its own bytes, and what of it can be refused before it is read."""

import io
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import pypdfium2
from PIL import Image

from converto.kernel.decoders import DECODER_ERRORS, HEIC_BRANDS
from converto.kernel.errors import Error
from converto.ocr.refusals import (
    DamagedFile,
    EmptyFile,
    EncryptedPdf,
    FileTooLarge,
    HarmfulFile,
    TooManyPages,
    TooManyPixels,
    TooSmall,
    UnsupportedFile,
)

MAX_BYTES = 20 * 1024 * 1024
MAX_PAGES = 50
MOST_PAGES = 1000
"""So many may be allowed by a setting."""
MAX_PIXELS = 80_000_000
MIN_SIDE_PIXELS = 24
_HEAD_BYTES = 64
_TAIL_BYTES = 66_000
# A progressive JPEG is gone through once for each of its scans, of which a few bytes suffice: a hundred of them on the largest picture.
_MAX_SCANNED_PIXELS = 100 * MAX_PIXELS
# A PDF's table of its objects is unpacked as soon as it is opened, at whatever length it says: a few kB may be a GB of it.
_MAX_TABLE_BYTES = 100_000_000
_MOST_STREAMS = 20_000
_HEAD_OF_STREAM_BYTES = 4096
_PIECE_BYTES = 65_536
_STREAM, _OBJECT = b"stream", b"obj"
# A name may be written with its letters as numbers behind a hash sign.
_TABLES = (b"/XRef", b"/ObjStm", b"#")
_PROGRESSIVE, _SCAN = b"\xff\xc2", b"\xff\xda"
_EICAR = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE"
# PDFium is not made for threads: one at a time.
_PDFIUM = threading.Lock()
_OPEN_PAGES = 4


class MediaType(StrEnum):
    """The kinds of file that are read."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    TIFF = "image/tiff"
    HEIC = "image/heic"
    PDF = "application/pdf"

    @property
    def formats(self) -> tuple[str, ...]:
        """Give the names of Pillow's decoders that may read it: no other is ever tried."""
        # A phone's JPEG with a second picture inside is an MPO to Pillow.
        return {MediaType.JPEG: ("JPEG", "MPO"), MediaType.HEIC: ("HEIF",), MediaType.PDF: ()}.get(self, (self.name,))


@dataclass(frozen=True)
class Inspected:
    """What a file is: `width` and `height` are pixels of the first page, 0 for a PDF."""

    media_type: MediaType
    pages: int
    width: int = 0
    height: int = 0


_MAGIC = (
    (b"\xff\xd8\xff", MediaType.JPEG),
    (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
    (b"II*\x00", MediaType.TIFF),
    (b"MM\x00*", MediaType.TIFF),
    (b"%PDF-", MediaType.PDF),
)
# Pictures packed by HEVC; films, and pictures packed otherwise, begin alike.
_FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
    (b"#!", "a script"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"%!PS", "a PostScript document"),
    (b"<svg", "an SVG picture"),
    (b"<?xml", "an XML document"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"{", "a JSON document"),
)
# What has no place behind the end of a picture or a PDF: phones do add films and thumbnails there, but none of these.
_STOWAWAYS = (
    (b"PK\x05\x06", "a ZIP archive"),
    (b"<script", "a web page"),
    (b"<html", "a web page"),
    (b"<?php", "a script"),
    (b"\x7fELF", "a program"),
    (b"This program cannot be run in DOS mode", "a program"),
    (b"Rar!\x1a", "a RAR archive"),
)


def sniff(head: bytes) -> MediaType:
    """Return what a file is by its first bytes; a name or a declared type is never believed. Raises UnsupportedFile, EmptyFile."""
    if not head:
        raise EmptyFile
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return MediaType.WEBP
    if head[4:8] == b"ftyp" and head[8:12] in HEIC_BRANDS and b"avif" not in head:
        return MediaType.HEIC
    for magic, media_type in _MAGIC:
        if head.startswith(magic):
            return media_type
    raise UnsupportedFile(found=_foreign(head))


def inspect(content: bytes, *, max_bytes: int = MAX_BYTES, max_pages: int = MAX_PAGES) -> Inspected:
    """Return what a file is, without decoding a pixel, or refuse it: a few milliseconds, to be run off the event loop.

    Raises:
        EmptyFile, FileTooLarge, UnsupportedFile, HarmfulFile, DamagedFile, TooManyPixels, TooSmall, TooManyPages, EncryptedPdf
    """
    if len(content) > max_bytes:
        raise FileTooLarge(bytes=len(content), max_bytes=max_bytes)
    media_type = sniff(content[:_HEAD_BYTES])
    _refuse_stowaways(content, media_type)
    inspected = _inspect_pdf(content) if media_type is MediaType.PDF else _inspect_picture(content, media_type, max_pages=max_pages)
    if inspected.pages > max_pages:
        raise TooManyPages(pages=inspected.pages, max_pages=max_pages)
    if inspected.pages < 1:
        raise DamagedFile(kind=media_type.name)
    return inspected


@contextmanager
def decoding(media_type: MediaType) -> Iterator[None]:
    """Turn whatever a decoder raises into one of the errors above."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels(width="very many", height="very many", max_pixels=MAX_PIXELS) from error
    except Error:
        raise
    except (pypdfium2.PdfiumError, *DECODER_ERRORS) as error:
        raise DamagedFile(kind=media_type.name) from error


def check_size(width: int, height: int) -> None:
    """Refuse a picture that is too large or too small to read. Raises TooManyPixels, TooSmall."""
    if width * height > MAX_PIXELS:
        raise TooManyPixels(width=width, height=height, max_pixels=MAX_PIXELS)
    if min(width, height) < MIN_SIDE_PIXELS:
        raise TooSmall(width=width, height=height)


class OpenPdf:
    """A PDF that stays open from page to page, each time alone among all threads. Whoever opens it closes it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._document: pypdfium2.PdfDocument | None = None
        self._pages: dict[int, pypdfium2.PdfPage] = {}

    @contextmanager
    def document(self) -> Iterator[pypdfium2.PdfDocument]:
        """Give the document. Raises EncryptedPdf, DamagedFile."""
        with _PDFIUM:
            if self._document is None:
                self._document = _document(self._content)
            with decoding(MediaType.PDF):
                yield self._document

    @contextmanager
    def page(self, number: int) -> Iterator[pypdfium2.PdfPage]:
        """Give a page, of which the last few stay open too: to go through what is drawn on one takes as long as to take its letters."""
        with self.document() as document:
            page = self._pages.pop(number, None) or document[number - 1]
            self._pages[number] = page
            if len(self._pages) > _OPEN_PAGES:
                self._pages.pop(next(iter(self._pages))).close()
            yield page

    def close(self) -> None:
        """Close it with its pages; it opens again when it is asked."""
        with _PDFIUM:
            self._pages.clear()
            document, self._document = self._document, None
            if document is not None:
                document.close()


def _document(content: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        # PDFium's last error may be an older one: a PDF that names no encryption needs no password.
        locked = "password" in str(error).casefold() and b"/Encrypt" in content
        raise EncryptedPdf if locked else DamagedFile(kind=MediaType.PDF.name) from error


@contextmanager
def opened_pdf(content: bytes) -> Iterator[pypdfium2.PdfDocument]:
    """Open a PDF, alone among all threads. Raises EncryptedPdf, DamagedFile."""
    with closing(OpenPdf(content)) as pdf, pdf.document() as document:
        yield document


@contextmanager
def opened_picture(content: bytes, media_type: MediaType) -> Iterator[Image.Image]:
    """Open a picture with the one decoder for its kind. Raises DamagedFile, TooManyPixels, TooSmall."""
    if media_type is MediaType.HEIC:
        _let_pillow_read_heic()
    with decoding(media_type), Image.open(io.BytesIO(content), formats=media_type.formats) as picture:
        check_size(*picture.size)
        yield picture


@cache
def _let_pillow_read_heic() -> None:
    import pi_heif  # noqa: PLC0415 - two libraries in C, which only whoever gets such a picture needs

    # A reading has one core.
    pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)


def _inspect_pdf(content: bytes) -> Inspected:
    _refuse_packed_tables(content)
    with opened_pdf(content) as document:
        return Inspected(MediaType.PDF, len(document))


def _refuse_packed_tables(content: bytes) -> None:
    """Refuse a PDF whose tables of objects unpack to more than any document's. Raises HarmfulFile."""
    if content.count(_STREAM) > 2 * _MOST_STREAMS:  # each of them has an end
        raise HarmfulFile(kind=MediaType.PDF.name, found=f"more than {_MOST_STREAMS} streams")
    at = content.find(_STREAM)
    while at >= 0:
        if _is_immense_table(content, at):
            raise HarmfulFile(kind=MediaType.PDF.name, found="a table of objects of immense length")
        at = content.find(_STREAM, at + len(_STREAM))


def _is_immense_table(content: bytes, at: int) -> bool:
    """Tell whether what is packed behind the word `stream` at a place may be a table of objects, and too long a one."""
    head = content[max(0, at - _HEAD_OF_STREAM_BYTES) : at]
    if head.endswith(b"end"):
        return False
    object_at = head.rfind(_OBJECT)
    if object_at >= 0 and head.rstrip().endswith(b">>"):
        entries = head[object_at:]
        if not any(name in entries for name in _TABLES):
            return False
        if entries.count(b"/Fl") > 1:  # packed twice: a thousandth of a thousandth is enough
            return True
    return _unpacks_to_more(content, at + len(_STREAM))


def _unpacks_to_more(content: bytes, at: int) -> bool:
    """Tell whether what begins at a place unpacks to more bytes than a table of objects may have."""
    while content[at : at + 1] in (b"\r", b"\n"):
        at += 1
    unpacking, unpacked_bytes = zlib.decompressobj(), 0
    try:
        while at < len(content) and not unpacking.eof and unpacked_bytes <= _MAX_TABLE_BYTES:
            unpacked_bytes += len(unpacking.decompress(content[at : at + _PIECE_BYTES]))
            at += _PIECE_BYTES
    except zlib.error:
        return False
    return unpacked_bytes > _MAX_TABLE_BYTES


def _inspect_picture(content: bytes, media_type: MediaType, *, max_pages: int) -> Inspected:
    with opened_picture(content, media_type) as picture:
        if media_type is MediaType.JPEG and content.find(_PROGRESSIVE, 0, _TAIL_BYTES) > 0:
            _refuse_endless_scans(content, picture)
        width, height = picture.size
        pages = _count_pages(picture, at_most=20 * max_pages) if media_type is MediaType.TIFF else 1
        return Inspected(media_type, pages, width, height)


def _count_pages(picture: Image.Image, *, at_most: int) -> int:
    """Return how many pages a TIFF has, as far as that matters: a file of millions of empty ones would be gone through for minutes."""
    for page in range(1, at_most):
        try:
            picture.seek(page)
        except EOFError:
            return page
    return at_most


def _refuse_endless_scans(content: bytes, picture: Image.Image) -> None:
    scans = content.count(_SCAN)
    if scans * picture.width * picture.height > _MAX_SCANNED_PIXELS:
        raise HarmfulFile(kind=MediaType.JPEG.name, found=f"{scans} scans of one picture")


def _refuse_stowaways(content: bytes, media_type: MediaType) -> None:
    if _EICAR in content:
        raise HarmfulFile(kind=media_type.name, found="the test pattern of virus scanners")
    if media_type is not MediaType.PDF and b"%PDF-1." in content[:_TAIL_BYTES] + content[-_TAIL_BYTES:]:
        raise HarmfulFile(kind=media_type.name, found="a PDF")
    end = _end_of(content, media_type)
    tail = content[max(end, len(content) - _TAIL_BYTES) :].lower()
    for mark, found in _STOWAWAYS:
        if mark.lower() in tail:
            raise HarmfulFile(kind=media_type.name, found=found)


def _end_of(content: bytes, media_type: MediaType) -> int:
    """Return where the file's own kind ends, as near as its last mark tells."""
    mark = {MediaType.JPEG: b"\xff\xd9", MediaType.PNG: b"IEND", MediaType.PDF: b"%%EOF"}.get(media_type)
    if media_type is MediaType.WEBP:
        return 8 + int.from_bytes(content[4:8], "little")
    if mark is None:
        return 0
    # A JPEG's end mark may occur by chance in what is stowed behind it, never before its own end.
    at = content.find(mark) if media_type is MediaType.JPEG else content.rfind(mark)
    return 0 if at < 0 else at + len(mark)


def _foreign(head: bytes) -> str:
    if head[4:8] == b"ftyp":
        return "an AVIF picture" if b"avif" in head or b"avis" in head else "a film"
    stripped = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return next((name for magic, name in _FOREIGN if stripped.lower().startswith(magic.lower())), "an unknown kind of file")
