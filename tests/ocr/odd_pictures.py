"""Pictures, written byte by byte, of colours, sizes and structures that no camera makes but a decoder may meet."""

import io
import struct
import zlib
from collections.abc import Sequence

import pillow_heif
from PIL import Image

from tests.ocr.drawn import drawn, saved

_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_SIDE = 96
_SHORT, _LONG = 3, 4


def odd_pictures() -> dict[str, bytes]:
    """Return them by name; each name begins with the kind of file."""
    return {**_pngs(), **_png_structures(), **_tiff_colours(), **_tiff_structures(), **_jpegs(), **_webps(), **_heics()}


def interlaced_png(picture: Image.Image) -> bytes:
    """Return a grey picture as a PNG that comes in seven passes, which Pillow reads but does not write."""
    width, height = picture.size
    rows = []
    for left, top, across, down in _ADAM7:
        xs, ys = range(left, width, across), range(top, height, down)
        if xs:
            rows += [b"\x00" + bytes(int(picture.getpixel((x, y))) for x in xs) for y in ys]  # type: ignore[arg-type]
    return png(width, height, 8, 0, b"".join(rows), interlace=1)


def png(width: int, height: int, depth: int, colours: int, rows: bytes, *, interlace: int = 0, chunks: bytes = b"") -> bytes:
    """Return a PNG of these rows, each of which begins with its filter."""
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunks + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a part of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def tiff(entries: dict[int, tuple[int, Sequence[int]]], data: bytes, *, next_page: int = 0) -> bytes:
    """Return a TIFF of one page: its entries by tag with their type and values, and its pixels, which lie at 8."""
    values = bytearray()
    at = 8 + len(data)
    directory = struct.pack("<H", len(entries))
    start_of_values = at + 2 + 12 * len(entries) + 4
    for tag, (kind, numbers) in sorted(entries.items()):
        packed = struct.pack(f"<{len(numbers)}{'H' if kind == _SHORT else 'I'}", *numbers)
        if len(packed) > 4:
            place, values = struct.pack("<I", start_of_values + len(values)), values + packed
        else:
            place = packed.ljust(4, b"\x00")
        directory += struct.pack("<HHI", tag, kind, len(numbers)) + place
    return b"II*\x00" + struct.pack("<I", at) + data + directory + struct.pack("<I", next_page) + bytes(values)


def _pngs() -> dict[str, bytes]:
    found = {}
    for colours, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            row = b"\x00" + b"\xa5" * ((_SIDE * depth * _CHANNELS[colours] + 7) // 8)
            palette = chunk(b"PLTE", bytes(range(96))) if colours == 3 else b""
            found[f"PNG of colours {colours} and {depth} bits"] = png(_SIDE, _SIDE, depth, colours, row * _SIDE, chunks=palette)
    row = b"\x00" + bytes(_SIDE * 8)
    for colours, depth in ((0, 3), (1, 8), (2, 4), (5, 8), (7, 16), (3, 16), (6, 0)):
        found[f"PNG of the impossible colours {colours} and {depth} bits"] = png(_SIDE, _SIDE, depth, colours, row * _SIDE)
    return found


def _png_structures() -> dict[str, bytes]:
    row = b"\x00" + b"\xff" * _SIDE
    rows = row * _SIDE
    blank = b"\x00" + bytes(8000 // 8)
    return {
        "PNG without a palette": png(_SIDE, _SIDE, 8, 3, rows),
        "PNG of unknown filters": png(_SIDE, _SIDE, 8, 0, (b"\x09" + row[1:]) * _SIDE),
        "PNG of unknown interlacing": png(_SIDE, _SIDE, 8, 0, rows, interlace=7),
        "PNG of too few rows": png(_SIDE, _SIDE, 8, 0, row * 5),
        "PNG of too many rows": png(_SIDE, _SIDE, 8, 0, rows + bytes(50_000_000)),
        "PNG with an endless transparency": png(_SIDE, _SIDE, 8, 0, rows, chunks=chunk(b"tRNS", bytes(10_000))),
        "PNG with a profile of noise": png(_SIDE, _SIDE, 8, 0, rows, chunks=chunk(b"iCCP", b"x\x00\x00" + zlib.compress(bytes(9_000_000)))),
        "PNG with 20,000 empty parts": png(_SIDE, _SIDE, 8, 0, rows, chunks=chunk(b"juNk", b"") * 20_000),
        "PNG with a part of 4 GB": png(_SIDE, _SIDE, 8, 0, rows, chunks=b"\xff\xff\xff\xffjuNk"),
        "PNG of 8,000 x 9,900 blank pixels": png(8000, 9900, 1, 0, blank * 9900),
        "PNG of 24 x 900,000": png(24, 900_000, 1, 0, b"\x00\xff\xff\xff" * 900_000),
        "PNG of 2,147,483,647 x 1": png(2_147_483_647, 1, 1, 0, b"\x00"),
        "PNG that says to turn it by 65,535": png(_SIDE, _SIDE, 8, 0, rows, chunks=chunk(b"eXIf", _exif(65_535))),
        "PNG whose EXIF is a loop": png(_SIDE, _SIDE, 8, 0, rows, chunks=chunk(b"eXIf", _exif_loop())),
        "PNG animated by 4 billion frames": png(
            _SIDE,
            _SIDE,
            8,
            0,
            rows,
            chunks=chunk(b"acTL", b"\xff" * 8) + chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, _SIDE, _SIDE, 0, 0, 1, 1, 0, 0)),
        ),
    }


def _exif(turned: int) -> bytes:
    return b"II*\x00\x08\x00\x00\x00\x01\x00" + struct.pack("<HHII", 0x0112, _SHORT, 1, turned) + bytes(4)


def _exif_loop() -> bytes:
    return b"II*\x00\x08\x00\x00\x00\x01\x00" + struct.pack("<HHII", 0x8769, _LONG, 1, 8) + struct.pack("<I", 8)


def _page(**changes: tuple[int, Sequence[int]]) -> dict[int, tuple[int, Sequence[int]]]:
    """Return the entries of a page of 96 x 96 grey pixels, some of them changed by tag."""
    entries: dict[int, tuple[int, Sequence[int]]] = {
        256: (_LONG, [_SIDE]), 257: (_LONG, [_SIDE]), 258: (_SHORT, [8]), 259: (_SHORT, [1]), 262: (_SHORT, [1]),
        273: (_LONG, [8]), 277: (_SHORT, [1]), 278: (_LONG, [_SIDE]), 279: (_LONG, [_SIDE * _SIDE]),
    }  # fmt: skip
    return {**entries, **{int(tag.removeprefix("t")): value for tag, value in changes.items()}}


def _tiff_colours() -> dict[str, bytes]:
    receipt = drawn(("KUITTI 12,00",), size=18)
    modes = {"1", "L", "P", "RGB", "RGBA", "CMYK", "LAB", "YCbCr", "I;16", "I", "F", "LA"}
    found = {}
    for mode in sorted(modes):
        picture = Image.new("LAB", receipt.size, (200, 128, 128)) if mode == "LAB" else _as(receipt, mode)
        found[f"TIFF of {mode}"] = saved(picture, "TIFF")
    pixels = _SIDE * _SIDE
    for bits, sample in ((2, 1), (4, 1), (12, 1), (16, 2), (24, 1), (32, 2), (32, 3), (64, 3), (5, 1)):
        data = b"\x55" * (pixels * bits // 8)
        entries = _page(t258=(_SHORT, [bits]), t339=(_SHORT, [sample]), t279=(_LONG, [len(data)]))
        found[f"TIFF of {bits} bits, sample format {sample}"] = tiff(entries, data)
    nan = struct.pack("<f", float("nan")) * pixels
    found["TIFF of what is no number"] = tiff(_page(t258=(_SHORT, [32]), t339=(_SHORT, [3]), t279=(_LONG, [len(nan)])), nan)
    for inks in (2, 5, 9):
        entries = _page(t262=(_SHORT, [5]), t277=(_SHORT, [inks]), t258=(_SHORT, [8] * inks), t279=(_LONG, [pixels * inks]))
        found[f"TIFF of {inks} inks"] = tiff(entries, bytes(pixels * inks))
    planes = _page(t262=(_SHORT, [2]), t277=(_SHORT, [3]), t258=(_SHORT, [8] * 3), t284=(_SHORT, [2]), t273=(_LONG, [8] * 3))
    found["TIFF of planes"] = tiff({**planes, 279: (_LONG, [pixels] * 3)}, bytes(pixels * 3))
    return found


def _as(picture: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return picture.convert("I").point(lambda value: value * 256).convert("I;16")
    return picture.convert(mode)


def _tiff_structures() -> dict[str, bytes]:
    data = b"\xff" * (_SIDE * _SIDE)
    directory_at = 8 + len(data)
    empty = struct.pack("<H", 0)
    chain = b"".join(empty + struct.pack("<I", 8 + 6 * (at + 1)) for at in range(500_000))
    return {
        "TIFF that is its own next page": tiff(_page(), data, next_page=directory_at),
        "TIFF whose next page is beyond its end": tiff(_page(), data, next_page=4_000_000_000),
        "TIFF of 500,000 empty pages": b"II*\x00\x08\x00\x00\x00" + chain + empty + bytes(4),
        "TIFF of a page and 500,000 empty ones": tiff(_page(), data, next_page=directory_at + 114) + _chain(directory_at + 114, 500_000),
        "TIFF of 4 billion x 4 billion": tiff(_page(t256=(_LONG, [2**32 - 1]), t257=(_LONG, [2**32 - 1])), data),
        "TIFF of 9,000 x 9,000 of which nothing is there": tiff(_page(t256=(_LONG, [9000]), t257=(_LONG, [9000])), data),
        "TIFF without a width": tiff({tag: value for tag, value in _page().items() if tag != 256}, data),
        "TIFF without pixels": tiff({tag: value for tag, value in _page().items() if tag not in (273, 279)}, data),
        "TIFF whose pixels are itself": tiff(_page(t273=(_LONG, [0])), data),
        "TIFF whose pixels are beyond its end": tiff(_page(t273=(_LONG, [2**31])), data),
        "TIFF of no rows in a strip": tiff(_page(t278=(_LONG, [0])), data),
        "TIFF of 4 billion bytes in a strip": tiff(_page(t279=(_LONG, [2**32 - 1])), data),
        "TIFF of 50,000 strips": tiff(_page(t273=(_LONG, [8] * 50_000), t279=(_LONG, [1] * 50_000), t278=(_LONG, [1])), data),
        "TIFF of tiles of no width": tiff({**_page(), 322: (_LONG, [0]), 323: (_LONG, [0]), 324: (_LONG, [8]), 325: (_LONG, [9])}, data),
        "TIFF packed in an unknown way": tiff(_page(t259=(_SHORT, [9999])), data),
        **{
            f"TIFF packed by {packing}, of junk": tiff(_page(t259=(_SHORT, [packing])), data)
            for packing in (2, 3, 4, 5, 6, 7, 8, 32773, 50000)
        },
        "TIFF turned by 65,535": tiff(_page(t274=(_SHORT, [65_535])), data),
        "TIFF of 60,000 colours": tiff(_page(t262=(_SHORT, [3]), t320=(_SHORT, [7] * 60_000)), data),
    }


def _chain(at: int, count: int) -> bytes:
    """Return so many pages without an entry, the first of which lies at `at`."""
    return b"".join(bytes(2) + struct.pack("<I", at + 6 * (number + 1)) for number in range(count)) + bytes(6)


def _jpegs() -> dict[str, bytes]:
    receipt = drawn(("KUITTI 12,00",), size=18)
    plain = saved(receipt.convert("RGB"), "JPEG")
    progressive = saved(receipt.convert("RGB"), "JPEG", progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    size_at = plain.index(b"\xff\xc0") + 5
    at = progressive.index(b"\xff\xc2") + 5
    large = progressive[:at] + struct.pack(">HH", 8000, 9000) + progressive[at + 4 :]
    return {
        **{f"JPEG of {mode}": saved(receipt.convert(mode), "JPEG") for mode in ("L", "CMYK", "YCbCr")},
        "JPEG of 12 bits": plain[: size_at - 1] + b"\x0c" + plain[size_at:],
        "JPEG packed by arithmetic": plain.replace(b"\xff\xc0", b"\xff\xc9", 1),
        "JPEG without loss": plain.replace(b"\xff\xc0", b"\xff\xc3", 1),
        "JPEG without tables": plain.replace(b"\xff\xdb", b"\xff\xfe"),
        "JPEG of 5,000 comments": plain[:2] + (b"\xff\xfe\x00\x06junk" * 5000) + plain[2:],
        "JPEG of 3,000 scans": progressive[:-2] + scan * 3000 + b"\xff\xd9",
        "JPEG of 8,000 x 9,000 and 3,000 scans": large[:-2] + scan * 3000 + b"\xff\xd9",
        "JPEG of 8,000 x 9,000 of which little is there": large,
        "JPEG without a height": plain[:size_at] + b"\x00\x00" + plain[size_at + 2 :],
        "JPEG that says to turn it by 0": _with_exif(plain, _exif(0)),
        "JPEG that says to turn it by 9": _with_exif(plain, _exif(9)),
        "JPEG whose EXIF is a loop": _with_exif(plain, _exif_loop()),
        "JPEG whose EXIF is noise": _with_exif(plain, b"II*\x00" + b"\xff" * 200),
        "JPEG with a second picture that is itself": _with_exif(plain, b"MPF\x00II*\x00\x08\x00\x00\x00" + b"\x01" * 60),
        "JPEG with a profile of noise": plain[:2] + b"\xff\xe2\x00\x40ICC_PROFILE\x00\x01\x01" + b"\x99" * 48 + plain[2:],
        "JPEG of restarts alone": plain[: plain.index(b"\xff\xda") + 14] + b"\xff\xd0\xff\xd1" * 20_000 + b"\xff\xd9",
    }


def _with_exif(jpeg: bytes, exif: bytes) -> bytes:
    body = b"Exif\x00\x00" + exif
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def _webps() -> dict[str, bytes]:
    receipt = drawn(("KUITTI 12,00",), size=18).convert("RGB")
    animated = saved(receipt, "WEBP", save_all=True, append_images=[receipt.rotate(1)] * 2, duration=50)
    canvas_at = animated.index(b"VP8X") + 12
    many = saved(receipt, "WEBP", save_all=True, append_images=[receipt.rotate(at / 10) for at in range(100)], quality=1)
    return {
        "WebP of 100 pictures": many,
        "WebP on a ground of 16,384 x 16,384": animated[:canvas_at] + b"\xff\x3f\x00\xff\x3f\x00" + animated[canvas_at + 6 :],
        "WebP on a ground of one pixel": animated[:canvas_at] + bytes(6) + animated[canvas_at + 6 :],
        "WebP whose pictures are cut out": animated[: animated.index(b"ANMF")],
        "WebP that says it is 4 GB": animated[:4] + b"\xff\xff\xff\xff" + animated[8:],
        "WebP that says it is empty": animated[:4] + bytes(4) + animated[8:],
    }


def _heics() -> dict[str, bytes]:
    receipt = drawn(("KUITTI 12,00",), size=18).convert("RGB")
    file = io.BytesIO()
    pillow_heif.from_pillow(receipt).save(file, quality=70)
    plain = file.getvalue()
    size_at = plain.index(b"ispe") + 8
    place_at = plain.index(b"iloc") + 4
    return {
        "HEIC of 65,000 x 65,000": plain[:size_at] + struct.pack(">II", 65_000, 65_000) + plain[size_at + 8 :],
        "HEIC of 9,000 x 8,000 of which little is there": plain[:size_at] + struct.pack(">II", 9000, 8000) + plain[size_at + 8 :],
        "HEIC of no pixel": plain[:size_at] + bytes(8) + plain[size_at + 8 :],
        "HEIC whose places are noise": plain[:place_at] + b"\xff" * 24 + plain[place_at + 24 :],
        "HEIC whose parts have no end": plain[:28] + b"\x00\x00\x00\x00" + plain[32:],
        "HEIC whose parts are endless": plain[:28] + b"\xff\xff\xff\xff" + plain[32:],
        "HEIC of 50,000 empty parts": plain[:28] + b"\x00\x00\x00\x08free" * 50_000 + plain[28:],
        "HEIC of boxes within boxes": plain[:28] + b"".join(struct.pack(">I4sI", 12 * (5000 - at), b"meta", 0) for at in range(5000)),
        "HEIC without a picture": plain[: plain.index(b"mdat") - 4],
    }
