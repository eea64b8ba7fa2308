"""Draws what is no document: portraits of nobody, and the label of a telephone: `python -m samples.pictures OUT_DIR`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import zxingcpp
from PIL import Image, ImageDraw

from samples.paper import font
from samples.people import group

PEOPLE, LABEL = "people.jpg", "label.png"
PLACES = ((60, 80, 220), (380, 60, 300), (740, 150, 180), (200, 400, 140))
"""Where the portraits hang: left, top and side in pixels."""
IMEI = "490154203237518"
SERIAL = "KX2H91FHJ1"
LINES = ("Manufacturer: Koivu Oy", "Model: KX-200", f"S/N: {SERIAL}", f"IMEI {IMEI}")


def people() -> Image.Image:
    """Return four portraits on a wall."""
    return group((1000, 700), PLACES)


def label() -> Image.Image:
    """Return a label: what it says, and two of its numbers as barcodes."""
    picture = Image.new("L", (900, 720), 250)
    draw = ImageDraw.Draw(picture)
    for row, line in enumerate(LINES):
        draw.text((60, 40 + row * 60), line, font=font("mono", 34), fill=25)
    for row, number in enumerate((IMEI, SERIAL)):
        bars = zxingcpp.create_barcode(number, zxingcpp.BarcodeFormat.Code128).to_image(scale=3)
        picture.paste(Image.fromarray(bars).convert("L").resize((700, 150), Image.Resampling.NEAREST), (60, 310 + row * 200))
    return picture


def generate(folder: Path) -> list[Path]:
    """Draw them into the folder, which is made, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    people().save(folder / PEOPLE, quality=88)
    label().save(folder / LABEL, optimize=True)
    return [folder / PEOPLE, folder / LABEL]


def main(arguments: Sequence[str]) -> int:
    """Run the command; the exit code is 2 when it was called wrongly."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m samples.pictures OUT_DIR\n")
        return 2
    for path in generate(Path(arguments[0])):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
