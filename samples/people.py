"""Faces of nobody, drawn by hand of numbers: for detectors, which find them as they find those of people."""

import math
import random
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
SKINS: tuple[Colour, ...] = ((224, 172, 140), (198, 134, 102), (141, 90, 62), (240, 200, 175))
HAIRS: tuple[Colour, ...] = ((40, 30, 25), (90, 60, 35), (20, 20, 22), (150, 120, 70))
WALL: Colour = (150, 160, 170)
ROOM: Colour = (180, 185, 180)
_LARGER = 2


def face(size_pixels: int, *, seed: int) -> Image.Image:
    """Return the picture of a head and shoulders before a wall."""
    choice = random.Random(seed)  # noqa: S311 - of colours
    side = size_pixels * _LARGER
    skin, hair = choice.choice(SKINS), choice.choice(HAIRS)
    picture = _head(side, skin, hair)
    _shade(picture, skin)
    _parts(picture, skin, hair)
    return picture.filter(ImageFilter.GaussianBlur(side * 0.004)).resize((size_pixels, size_pixels), Image.Resampling.LANCZOS)


def group(size: tuple[int, int], places: Sequence[tuple[int, int, int]]) -> Image.Image:
    """Return a picture of several portraits on a wall, each at its left, top and side in pixels."""
    picture = Image.new("RGB", size, ROOM)
    for seed, (left, top, side) in enumerate(places):
        picture.paste(face(side, seed=seed), (left, top))
    return picture


def _head(side: int, skin: Colour, hair: Colour) -> Image.Image:
    picture = Image.new("RGB", (side, side), WALL)
    draw = ImageDraw.Draw(picture)
    draw.ellipse(_box(side, 0.2, 0.06, 0.8, 0.72), fill=hair)
    draw.rectangle(_box(side, 0.4, 0.7, 0.6, 0.95), fill=_times(skin, 0.72))
    draw.ellipse(_box(side, 0.05, 0.85, 0.95, 1.4), fill=(60, 70, 110))
    draw.ellipse(_box(side, 0.25, 0.14, 0.75, 0.86), fill=skin)
    return picture.filter(ImageFilter.GaussianBlur(side * 0.008))


def _shade(picture: Image.Image, skin: Colour) -> None:
    """Darken what lies deeper: the edge of the head, the eyes' hollows, beside the nose, below it and the mouth."""
    side = picture.width
    shade = Image.new("L", picture.size, 0)
    draw = ImageDraw.Draw(shade)
    for box, depth in (
        ((0.25, 0.14, 0.75, 0.86), 120),
        ((0.3, 0.17, 0.68, 0.8), 0),
        ((0.3, 0.37, 0.46, 0.47), 90),
        ((0.54, 0.37, 0.7, 0.47), 90),
        ((0.44, 0.57, 0.56, 0.62), 110),
        ((0.42, 0.735, 0.58, 0.77), 70),
    ):
        draw.ellipse(_box(side, *box), fill=depth)
    draw.polygon([(side * 0.49, side * 0.42), (side * 0.44, side * 0.58), (side * 0.56, side * 0.58)], fill=40)
    picture.paste(Image.new("RGB", picture.size, _times(skin, 0.72)), (0, 0), shade.filter(ImageFilter.GaussianBlur(side * 0.015)))


def _parts(picture: Image.Image, skin: Colour, hair: Colour) -> None:
    side = picture.width
    draw = ImageDraw.Draw(picture)
    draw.chord(_box(side, 0.23, 0.08, 0.77, 0.55), 200, 340, fill=hair)
    for across in (0.385, 0.615):
        x, y = side * across, side * 0.43
        for wide, high, colour in ((0.062, 0.026, (236, 232, 228)), (0.026, 0.027, (60, 45, 35)), (0.012, 0.012, (10, 10, 10))):
            draw.ellipse((x - side * wide, y - side * high, x + side * wide, y + side * high), fill=colour)
        draw.ellipse((x + side * 0.004, y - side * 0.014, x + side * 0.012, y - side * 0.006), fill=(255, 255, 255))
        lid = (x - side * 0.066, y - side * 0.034, x + side * 0.066, y + side * 0.04)
        draw.arc(lid, 190, 350, fill=(40, 28, 24), width=math.ceil(side * 0.009))
        brow = (x - side * 0.085, y - side * 0.085, x + side * 0.085, y + side * 0.03)
        draw.arc(brow, 205, 335, fill=hair, width=math.ceil(side * 0.018))
    for across in (0.465, 0.535):
        draw.ellipse(_box(side, across - 0.014, 0.595, across + 0.014, 0.612), fill=_times(skin, 0.45))
    lips = [(0.4, 0.695), (0.47, 0.675), (0.5, 0.682), (0.53, 0.675), (0.6, 0.695), (0.5, 0.735)]
    draw.polygon([(side * x, side * y) for x, y in lips], fill=(170, 80, 80))
    between = [(0.4, 0.695), (0.5, 0.703), (0.6, 0.695)]
    draw.line([(side * x, side * y) for x, y in between], fill=(100, 40, 40), width=math.ceil(side * 0.006))


def _box(side: int, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
    return side * left, side * top, side * right, side * bottom


def _times(colour: Colour, factor: float) -> Colour:
    red, green, blue = (int(part * factor) for part in colour)
    return red, green, blue
