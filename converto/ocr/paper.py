"""Where the paper lies on a photo: what is around it would be read as specks."""

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps, ImageStat

_SIDE = 144
# Paper is this much lighter than what it lies on, of 255; less may be a shadow on the paper itself.
_LIGHTER = 45
_PERHAPS_LIGHTER = 15
_LEAST_SHARE, _MOST_SHARE = 0.12, 0.97
_STARTS = ((0.5, 0.5), (0.5, 0.35), (0.5, 0.65), (0.4, 0.5), (0.6, 0.5))
_PAPER, _FILLED = 255, 128


def paper_mask(small: Image.Image) -> Image.Image | None:
    """Return where the paper lies on a small grey picture, white on black; None where it fills the picture or cannot be told."""
    grey = small.copy()
    grey.thumbnail((_SIDE, _SIDE))
    if not _darker_at_both_sides(grey):
        return None
    # Letters go: only the paper's own lightness is looked at.
    flat = grey.filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.GaussianBlur(1))
    threshold = _otsu(flat.histogram())
    light = flat.point(lambda value: _PAPER if value > threshold else 0)
    start = next((at for at in _starts(light) if light.getpixel(at) == _PAPER), None)
    if start is None:
        return None
    ImageDraw.floodfill(light, start, _FILLED)
    mask = light.point(lambda value: _PAPER if value == _FILLED else 0).filter(ImageFilter.MinFilter(5)).filter(ImageFilter.MaxFilter(3))
    return mask if _is_paper(mask, grey) else None


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


def _starts(picture: Image.Image) -> list[tuple[int, int]]:
    return [(int(picture.width * x), int(picture.height * y)) for x, y in _STARTS]


def _darker_at_both_sides(grey: Image.Image) -> bool:
    """Tell, before anything costly is done, whether there may be a table to the left and to the right of the paper."""
    edge = max(1, grey.width // 40)
    sides = [grey.crop((0, 0, edge, grey.height)), grey.crop((grey.width - edge, 0, grey.width, grey.height))]
    middle = ImageStat.Stat(grey.crop((grey.width // 4, 0, grey.width * 3 // 4, grey.height))).median[0]
    return all(middle - ImageStat.Stat(side).median[0] >= _PERHAPS_LIGHTER for side in sides)


def _is_paper(mask: Image.Image, grey: Image.Image) -> bool:
    """Tell whether a mask is one sheet that something darker surrounds."""
    share = ImageStat.Stat(mask).mean[0] / _PAPER
    if not _LEAST_SHARE < share < _MOST_SHARE:
        return False
    box = mask.getbbox()
    # A scan's own edge runs along one side; a sheet on a table has the table on both.
    if box is None or box[0] == 0 or box[2] == mask.width:
        return False
    filled = share * mask.width * mask.height / ((box[2] - box[0]) * (box[3] - box[1]))
    inside, outside = ImageStat.Stat(grey, mask).median[0], ImageStat.Stat(grey, ImageChops.invert(mask)).median[0]
    return filled > 0.75 and inside - outside >= _LIGHTER


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
