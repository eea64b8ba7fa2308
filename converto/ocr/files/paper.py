"""Where the paper lies on a photo, one sheet or several: what is around it would be read as specks."""

from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps, ImageStat

from converto.ocr.interface import Box

_SIDE = 144
# Paper is this much lighter than what it lies on, of 255; less may be a shadow on the paper itself.
_LIGHTER = 45
_PERHAPS_LIGHTER = 15
_LEAST_SHARE, _MOST_SHARE = 0.12, 0.97
# Of several sheets each is at least so much of the picture, and of the largest: a till's slip beside a long receipt is small.
_LEAST_SHEET_SHARE, _LEAST_OF_LARGEST = 0.03, 0.15
_MOST_SHEETS = 12
_FILLED_SHARE, _LEANING_FILLED_SHARE = 0.75, 0.55
_PAPER, _SHEET = 255, 128


@dataclass(frozen=True)
class Paper:
    """Where the paper lies: a small mask, white on black, and the rectangle of each sheet in shares of the picture, from the top left."""

    mask: Image.Image
    sheets: tuple[Box, ...]


def find_paper(small: Image.Image) -> Paper | None:
    """Return where the paper lies on a grey picture; None where it fills the picture or cannot be told."""
    grey = small.convert("L") if small.mode != "L" else small.copy()
    grey.thumbnail((_SIDE, _SIDE))
    if not _darker_at_both_sides(grey):
        return None
    # Letters go: only the paper's own lightness is looked at.
    flat = grey.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.GaussianBlur(1))
    threshold = _otsu(flat.histogram())
    light = flat.point(lambda value: _PAPER if value > threshold else 0).filter(ImageFilter.MinFilter(5)).filter(ImageFilter.MaxFilter(3))
    sheets = [sheet for sheet in _sheets(light) if _is_sheet(sheet, grey)]
    largest = max((_share(sheet) for sheet in sheets), default=0.0)
    sheets = [sheet for sheet in sheets if _share(sheet) >= _LEAST_OF_LARGEST * largest]
    mask = _union(sheets, grey.size)
    if not _LEAST_SHARE < _share(mask) < _MOST_SHARE or not _is_lighter(mask, grey):
        return None
    return Paper(mask, tuple(sorted((_box(sheet) for sheet in sheets), key=lambda box: (round(box.y, 1), box.x))))


def on_white(picture: Image.Image, mask: Image.Image) -> Image.Image:
    """Return a picture in grey with everything but its paper made white; places stay as they are."""
    white = Image.new("L", picture.size, _PAPER)
    white.paste(evened(picture.convert("L")), mask=mask.resize(picture.size))
    return white


def evened(picture: Image.Image) -> Image.Image:
    """Return a grey picture with its background made white and its contrast stretched: shadows and dark paper vanish."""
    radius = max(8, min(picture.size) // 30)
    small = picture.resize((max(1, picture.width // 4), max(1, picture.height // 4)))
    background = small.filter(ImageFilter.MaxFilter(9)).filter(ImageFilter.GaussianBlur(radius / 4)).resize(picture.size)
    lit = ImageChops.invert(ImageChops.subtract(background, picture))
    return ImageOps.autocontrast(lit, cutoff=(2, 5))


def _sheets(light: Image.Image) -> Iterator[Image.Image]:
    """Yield each light area as a mask of its own."""
    for _ in range(_MOST_SHEETS):
        at = light.tobytes().find(_PAPER)
        if at < 0:
            return
        ImageDraw.floodfill(light, (at % light.width, at // light.width), _SHEET)
        yield light.point(lambda value: _PAPER if value == _SHEET else 0)
        light = light.point(lambda value: _PAPER if value == _PAPER else 0)


def _darker_at_both_sides(grey: Image.Image) -> bool:
    """Tell, before anything costly is done, whether there may be a table to the left and to the right of the paper."""
    edge = max(1, grey.width // 40)
    sides = [grey.crop((0, 0, edge, grey.height)), grey.crop((grey.width - edge, 0, grey.width, grey.height))]
    # Not the median: between two sheets the table lies in the middle.
    lightness = quantile(grey.crop((grey.width // 8, 0, grey.width * 7 // 8, grey.height)).histogram(), 0.75)
    return all(lightness - ImageStat.Stat(side).median[0] >= _PERHAPS_LIGHTER for side in sides)


def quantile(histogram: list[int], share: float) -> int:
    """Return the grey that so much of a picture is not lighter than."""
    wanted, seen = share * sum(histogram), 0
    for value, count in enumerate(histogram):
        seen += count
        if seen >= wanted:
            return value
    return _PAPER


def _is_sheet(mask: Image.Image, grey: Image.Image) -> bool:
    """Tell whether a light area is one sheet that something darker surrounds."""
    share, box = _share(mask), mask.getbbox()
    # A scan's own edge runs along one side; a sheet on a table has the table on both.
    if share < _LEAST_SHEET_SHARE or box is None or box[0] == 0 or box[2] == mask.width:
        return False
    filled = share * mask.width * mask.height / ((box[2] - box[0]) * (box[3] - box[1]))
    return filled > (_FILLED_SHARE if share > _LEAST_SHARE else _LEANING_FILLED_SHARE) and _is_lighter(mask, grey)


def _is_lighter(mask: Image.Image, grey: Image.Image) -> bool:
    return ImageStat.Stat(grey, mask).median[0] - ImageStat.Stat(grey, ImageChops.invert(mask)).median[0] >= _LIGHTER


def _share(mask: Image.Image) -> float:
    return ImageStat.Stat(mask).mean[0] / _PAPER


def _union(masks: list[Image.Image], size: tuple[int, int]) -> Image.Image:
    union = Image.new("L", size)
    for mask in masks:
        union = ImageChops.lighter(union, mask)
    return union


def _box(mask: Image.Image) -> Box:
    left, top, right, bottom = mask.getbbox() or (0, 0, 1, 1)
    width, height = mask.size
    return Box(x=left / width, y=top / height, width=(right - left) / width, height=(bottom - top) / height)


def _otsu(histogram: list[int]) -> int:
    """Return the grey that parts a picture's lights from its darks best."""
    total, weighted = sum(histogram), sum(at * count for at, count in enumerate(histogram))
    best, threshold, below, below_weighted = -1.0, 127, 0, 0
    for at, count in enumerate(histogram):
        below += count
        below_weighted += at * count
        above = total - below
        if below == 0 or above == 0:
            continue
        apart = below_weighted / below - (weighted - below_weighted) / above
        spread = below * above * apart * apart
        if spread > best:
            best, threshold = spread, at
    return threshold
