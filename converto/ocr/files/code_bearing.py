"""Where a program has drawn what may be a barcode on a PDF's page: only there pixels are needed."""

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import pypdfium2
import pypdfium2.raw as pdfium

from converto.ocr.interface import Box

NESTED_FORMS = 3
_BARS = re.compile(rb"bar|code ?-?(?:128|39)|c128|ean|qr", re.IGNORECASE)
_LONGEST_FONT_NAME = 128
_CORNERS = 4
_FEWEST_BARS = 40
"""A bank barcode has over a hundred bars, a QR code hundreds of dots; an invoice has some lines and boxes."""
_BAR_POINTS = (40, 150)
"""How wide and how high one bar or dot is at most; what is larger rules off, frames or fills."""
_QUIET_POINTS = 12
"""What stays white around a code, for its reader to find it."""

Area = tuple[float, float, float, float]
"""The left, lower, right and upper edge, in points from the page's lower left corner."""


class CodeBearing(Enum):
    """By what a PDF's page may show a barcode."""

    NOTHING = 0
    """There is only text, and a few lines and boxes."""
    SHAPES = 1
    """Many bars, or letters that are bars: such a code is drawn clean and upright."""
    PICTURE = 2


@dataclass(frozen=True)
class Bearing:
    """By what a PDF's page may show a barcode, and where it does; without an area anywhere."""

    by: CodeBearing
    area: Area | None = None


@dataclass(frozen=True)
class Drawn:
    """A part of a PDF's page as it is drawn: a grey byte for each pixel, row by row from the top."""

    pixels: bytes
    width: int
    height: int
    place: Box
    """Which part of the page it is."""


def bearing_of(page: pypdfium2.PdfPage) -> Bearing:
    """Tell by what, and where, a barcode may be drawn on a page."""
    bars, areas, is_placed = 0, [], not page.get_rotation()
    for placed in page.get_objects(max_depth=NESTED_FORMS):
        if placed.type == pdfium.FPDF_PAGEOBJ_TEXT:
            here = _FEWEST_BARS if _BARS.search(_font_name(placed)) else 0
        elif placed.type == pdfium.FPDF_PAGEOBJ_PATH:
            # one shape may be a whole barcode: its bars are segments then
            here = max(1, pdfium.FPDFPath_CountSegments(placed) // _CORNERS)
        elif placed.type == pdfium.FPDF_PAGEOBJ_FORM:
            here = 0
        else:
            return Bearing(CodeBearing.PICTURE)
        if here:
            area = placed.get_bounds()
            if here > 1 or (area[2] - area[0] <= _BAR_POINTS[0] and area[3] - area[1] <= _BAR_POINTS[1]):
                bars += here
                areas.append(area)
                is_placed = is_placed and not placed.level  # a form inside of a page has edges of its own
    if bars < _FEWEST_BARS:
        return Bearing(CodeBearing.NOTHING)
    return Bearing(CodeBearing.SHAPES, _around(areas, page) if is_placed else None)


def _around(areas: Sequence[Area], page: pypdfium2.PdfPage) -> Area | None:
    """Return where all these lie, with what stays white around them; None where that is not on the page."""
    x, y, _, _ = page.get_bbox()
    width, height = page.get_size()
    lefts, bottoms, rights, tops = zip(*areas, strict=True)
    left, bottom = max(0.0, min(lefts) - x - _QUIET_POINTS), max(0.0, min(bottoms) - y - _QUIET_POINTS)
    right, top = min(width, max(rights) - x + _QUIET_POINTS), min(height, max(tops) - y + _QUIET_POINTS)
    return (left, bottom, right, top) if right - left > _QUIET_POINTS and top - bottom > _QUIET_POINTS else None


def drawn(page: pypdfium2.PdfPage, area: Area | None, *, scale: float) -> Drawn:
    """Return a page, or an area of it, as its bare pixels, with so many of them for a point."""
    width, height = page.get_size()
    left, bottom, right, top = area or (0.0, 0.0, width, height)
    bitmap = page.render(scale=scale, grayscale=True, crop=(left, bottom, width - right, height - top))
    place = Box(x=left / width, y=1 - top / height, width=(right - left) / width, height=(top - bottom) / height)
    return Drawn(bytes(bitmap.buffer), bitmap.width, bitmap.height, place)


def _font_name(placed: pypdfium2.PdfObject) -> bytes:
    font = pdfium.FPDFTextObj_GetFont(placed)
    name = ctypes.create_string_buffer(_LONGEST_FONT_NAME)
    pdfium.FPDFFont_GetBaseFontName(font, name, _LONGEST_FONT_NAME)
    return name.value
