"""Documents drawn by Pillow, for the real Tesseract to read."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

GROCERY = (
    "Kahvila Koivu",
    "Koivutie 4, 33100 TAMPERE",
    "Kauppa Koivu Oy  Y-tunnus 2345678-0",
    "Kuitti 10482   14.11.2026  17:42",
    "",
    "RUISLEIPÄ              2,95",
    "KEVYTMAITO             2,38",
    "  2 KPL   1,19 EUR/KPL",
    "TALOUSPAPERI           4,29",
    "",
    "YHTEENSÄ EUR           9,62",
    "PANKKIKORTTI           9,62",
    "**** **** **** 4417",
    "",
    "ALV     VEROTON   VERO  VEROLLINEN",
    "25,50%     3,42   0,87        4,29",
    "13,50%     4,70   0,63        5,33",
    "YHTEENSÄ   8,12   1,50        9,62",
)


# Pillow's own font has none of these letters.
_PLAIN = str.maketrans("ÄÖÅäöå", "AOAaoa")


def drawn(lines: Sequence[str] = GROCERY, *, size: int = 26, ink: int = 0, paper: int = 255) -> Image.Image:
    """Return lines of text on paper, each column of letters under the one above."""
    font = ImageFont.load_default(size)
    step = round(size * 0.62)
    picture = Image.new("L", (step * max(len(line) for line in lines) + 4 * size, round(1.6 * size) * (len(lines) + 2)), paper)
    draw = ImageDraw.Draw(picture)
    for row, line in enumerate(lines):
        y, at = round(1.6 * size) * (row + 1), 0
        for word in line.translate(_PLAIN).split(" "):
            draw.text((2 * size + at * step, y), word, font=font, fill=ink)
            at += len(word) + 1
    return picture


def saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Return a picture as a file."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def slow() -> bytes:
    """Return a picture of noise over which Tesseract broods for many seconds."""
    return saved(Image.effect_noise((3000, 3000), 120), compress_level=1)
