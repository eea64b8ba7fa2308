"""Barcodes and QR codes on a picture of a page, by zxing-cpp: only a reading process loads it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageFilter, ImageOps

from converto.ocr.document import Box
from converto.ocr.files.code_bearing import Drawn
from converto.ocr.words import Word, box_of

if TYPE_CHECKING:
    from zxingcpp import Barcode

# What a glance looks at: about an A4 page at 200 dots an inch, where a bank barcode's narrowest bar has two and a half pixels.
_GLANCE_SIDE_PIXELS = 2400
_MOST_SIDE_PIXELS = 5000
# A bank barcode at its smallest covers some forty such places, leaning and faded still a dozen; a page of text hardly one.
_PLACE_PIXELS = 32
_MUCH_MORE_ACROSS = 21
_LEAST_PLACES = 8
_LEANINGS_DEGREES = (-8, 8)
_SOFTENED_PIXELS = 0.8


@dataclass(frozen=True)
class Code:
    """A barcode or QR code as it was read, and where it stands."""

    content: bytes
    is_qr: bool
    page: int
    box: Box | None


def glance(picture: Image.Image, *, page: int, is_upright: bool = False) -> list[Code]:
    """Return the codes that a first look finds, in some ten milliseconds; of a page that is surely upright, in half of that."""
    shown = picture.convert("L")
    shown.thumbnail((_GLANCE_SIDE_PIXELS, _GLANCE_SIDE_PIXELS))
    return _read(shown, page, is_upright=is_upright)


def on_drawn(drawn: Drawn, *, page: int) -> list[Code]:
    """Return the codes on a page that a program has drawn: it is neither blurred nor unevenly lit, and the cheapest look will do."""
    pixels = memoryview(drawn.pixels).cast("B", (drawn.height, drawn.width))
    found = _found(pixels, page, is_upright=True, is_drawn=True)
    return [replace(code, box=_within(drawn.place, code.box)) for code in found]


def _within(place: Box, box: Box | None) -> Box | None:
    """Return what is told in shares of a part of a page in shares of the page."""
    if box is None:
        return None
    x, y = place.x + box.x * place.width, place.y + box.y * place.height
    return Box(x=x, y=y, width=box.width * place.width, height=box.height * place.height)


def has_bars(picture: Image.Image) -> bool:
    """Tell whether there may be an upright barcode: places where lightness changes across, again and again, and hardly downwards."""
    grey = picture.convert("L")
    grey.thumbnail((_GLANCE_SIDE_PIXELS, _GLANCE_SIDE_PIXELS))
    grey = ImageOps.autocontrast(grey, cutoff=0.3)
    places = (max(1, grey.width // _PLACE_PIXELS), max(1, grey.height // _PLACE_PIXELS))
    across, down = (
        ImageChops.difference(grey, ImageChops.offset(grey, *step)).resize(places, Image.Resampling.BOX) for step in ((1, 0), (0, 1))
    )
    barred = ImageChops.subtract(across, ImageChops.add(down, down)).histogram()
    return sum(barred[_MUCH_MORE_ACROSS:]) >= _LEAST_PLACES


def search(picture: Image.Image, *, page: int) -> Iterator[list[Code]]:
    """Yield what each further look finds: larger, softer, with more contrast, and leaning. Whoever has found enough stops asking."""
    grey = picture.convert("L")
    larger = grey.resize(_fitting(grey, 2), Image.Resampling.BICUBIC)
    softer = grey.filter(ImageFilter.GaussianBlur(_SOFTENED_PIXELS))
    looks = (grey, larger, softer, ImageOps.autocontrast(larger, cutoff=2), grey.resize(_fitting(grey, 1.5), Image.Resampling.BICUBIC))
    for look in looks:
        yield _read(look, page)
    for degrees in _LEANINGS_DEGREES:
        leaning = grey.rotate(degrees, resample=Image.Resampling.BICUBIC, fillcolor=255)
        # Where it stands is known on the leaning picture only.
        yield [Code(code.content, code.is_qr, page, None) for code in _read(leaning, page)]


def _fitting(picture: Image.Image, factor: float) -> tuple[int, int]:
    factor = min(factor, _MOST_SIDE_PIXELS / max(picture.size))
    return max(1, round(picture.width * factor)), max(1, round(picture.height * factor))


def _read(picture: Image.Image, page: int, *, is_upright: bool = False) -> list[Code]:
    pixels = memoryview(picture.tobytes()).cast("B", (picture.height, picture.width))  # of a picture itself it would take two copies
    return _found(pixels, page, is_upright=is_upright)


def _found(pixels: memoryview, page: int, *, is_upright: bool, is_drawn: bool = False) -> list[Code]:
    import zxingcpp  # noqa: PLC0415  only pages that are read need it

    formats = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.Code128, zxingcpp.BarcodeFormat.QRCode])
    binarizer = zxingcpp.Binarizer.GlobalHistogram if is_drawn else zxingcpp.Binarizer.LocalAverage
    found = zxingcpp.read_barcodes(
        pixels, formats=formats, try_invert=False, try_rotate=not is_upright, try_downscale=not is_drawn, binarizer=binarizer
    )
    height, width = pixels.shape or (1, 1)
    is_qr = zxingcpp.BarcodeFormat.QRCode
    return [Code(code.bytes, code.format == is_qr, page, _box(code, width, height)) for code in found if code.valid]


def _box(code: "Barcode", width: int, height: int) -> Box | None:
    place = code.position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    across = [corner.x / width for corner in corners]
    down = [corner.y / height for corner in corners]
    left, top = min(across), min(down)
    return box_of([Word("", left, top, max(across) - left, max(down) - top)])
