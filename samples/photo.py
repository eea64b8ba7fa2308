"""What a camera or a scanner does to paper: noise, shadow, a desk, perspective. The same seed gives the same picture."""

from hashlib import shake_256
from math import radians, sin

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Colour = tuple[int, int, int]


def noise(size: tuple[int, int], *, amount: float, seed: str) -> Image.Image:
    """Return grey noise around 128; `amount` is its largest distance from there."""
    grains = Image.frombytes("L", size, shake_256(seed.encode()).digest(size[0] * size[1]))
    return grains.point([round(128 + (value - 127.5) / 127.5 * amount) for value in range(256)])


def grain(picture: Image.Image, *, amount: float, seed: str) -> Image.Image:
    """Return the picture with a sensor's noise on it."""
    grains = noise(picture.size, amount=amount, seed=seed).filter(ImageFilter.GaussianBlur(0.6))
    layers = [ImageChops.add(band, grains, 1, -128) for band in picture.split()]
    return Image.merge(picture.mode, layers)


def tinted(paper: Image.Image, *, dark: Colour = (24, 24, 30), light: Colour = (255, 253, 246)) -> Image.Image:
    """Return grey paper in the colours of ink on thermal paper."""
    ramps = [[round(low + (high - low) * value / 255) for value in range(256)] for low, high in zip(dark, light, strict=True)]
    return Image.merge("RGB", [paper.point(ramp) for ramp in ramps])


def shaded(picture: Image.Image, *, darkest: float, slope_deg: float) -> Image.Image:
    """Return the picture in uneven light: as bright as it was at one end, times `darkest` at the other."""
    ramp = Image.linear_gradient("L").rotate(slope_deg, Image.Resampling.BILINEAR, fillcolor=128).crop((38, 38, 218, 218))
    light = ramp.resize(picture.size, Image.Resampling.BILINEAR).point(
        [round(255 * (darkest + (1 - darkest) * v / 255)) for v in range(256)]
    )
    return ImageChops.multiply(picture, Image.merge("RGB", [light] * 3))


def with_shadow(picture: Image.Image, outline: list[tuple[float, float]], *, strength: float) -> Image.Image:
    """Return the picture with a soft shadow over an outline, given in shares of width and height."""
    mask = Image.new("L", picture.size, 255)
    points = [(x * picture.width, y * picture.height) for x, y in outline]
    ImageDraw.Draw(mask).polygon(points, fill=round(255 * (1 - strength)))
    soft = mask.filter(ImageFilter.GaussianBlur(picture.width / 18))
    return ImageChops.multiply(picture, Image.merge("RGB", [soft] * 3))


def desk(size: tuple[int, int], *, colour: Colour, seed: str) -> Image.Image:
    """Return a table top with a grain along its length."""
    fine = noise((max(size[0] // 90, 2), size[1]), amount=34, seed=seed).filter(ImageFilter.GaussianBlur(1.2))
    streaks = fine.resize(size, Image.Resampling.BICUBIC)
    plain = Image.new("RGB", size, colour)
    return Image.merge("RGB", [ImageChops.add(band, streaks, 1, -128) for band in plain.split()])


def on_desk(paper: Image.Image, *, colour: Colour, seed: str, margin: float = 0.12) -> Image.Image:
    """Return the paper lying on a desk that shows around it, with the shadow of its edge."""
    edge = round(paper.width * margin)
    size = (paper.width + 2 * edge, paper.height + 2 * edge)
    dark = Image.new("L", size, 255)
    ImageDraw.Draw(dark).rectangle((edge + 6, edge + 8, edge + paper.width + 10, edge + paper.height + 12), fill=110)
    picture = ImageChops.multiply(desk(size, colour=colour, seed=seed), Image.merge("RGB", [dark.filter(ImageFilter.GaussianBlur(9))] * 3))
    picture.paste(paper, (edge, edge))
    return picture


def seen_askew(picture: Image.Image, *, degrees: float, pinch: float) -> Image.Image:
    """Return the picture as a camera held askew sees it, without the outermost desk, which the turn leaves empty.

    `pinch` is how much narrower the far, upper edge seems than the lower one, as a share of the width.
    """
    turned = picture.rotate(degrees, Image.Resampling.BICUBIC)
    width, height = turned.size
    far = pinch * width / 2
    inset = height / 2 * sin(radians(abs(degrees))) + far + 2
    corners = (inset - far, inset, inset + far, height - inset, width - inset - far, height - inset, width - inset + far, inset)
    size = (round(width - 2 * inset), round(height - 2 * inset))
    return turned.transform(size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
