"""Barcodes and QR codes on a picture, by zxing-cpp: only workers load it."""

from typing import TYPE_CHECKING

from PIL import Image

from converto.ocr.interface import Box
from converto.vision.interface import SeenCode

if TYPE_CHECKING:
    from zxingcpp import Barcode

_SIDES_PIXELS = (1600, 3200)
_MOST_LETTERS = 2000


def read(picture: Image.Image) -> tuple[SeenCode, ...]:
    """Return the codes on a picture, from the top down; a second, closer look is taken where the first finds none."""
    import zxingcpp  # noqa: PLC0415 - only pictures that are looked at need it

    for side in _SIDES_PIXELS:
        shown = picture.convert("L")
        shown.thumbnail((side, side))
        found = [code for code in zxingcpp.read_barcodes(shown) if code.valid and code.text]
        if found or max(picture.size) <= side:
            break
    seen = [SeenCode(format=str(code.format), text=code.text[:_MOST_LETTERS], box=_box(code, shown)) for code in found]
    return tuple(sorted(seen, key=lambda code: (code.box.y, code.box.x) if code.box is not None else (1.0, 1.0)))


def _box(code: "Barcode", shown: Image.Image) -> Box:
    place = code.position
    corners = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    across = [min(1.0, max(0.0, corner.x / shown.width)) for corner in corners]
    down = [min(1.0, max(0.0, corner.y / shown.height)) for corner in corners]
    left, top = round(min(across), 4), round(min(down), 4)
    return Box(x=left, y=top, width=round(max(across) - left, 4), height=round(max(down) - top, 4))
