"""A till's paper: rows of text set in cells, drawn as a picture."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

Align = Literal["left", "right", "centre"]
ANCHORS = {"left": "ls", "right": "rs", "centre": "ms"}
FONTS = {
    "mono": ("captcha", "data/DroidSansMono.ttf"),
    "sans": ("reportlab", "fonts/Vera.ttf"),
    "sans-bold": ("reportlab", "fonts/VeraBd.ttf"),
}


@cache
def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Return a font that a locked package ships, so that every machine draws the same picture."""
    package, path = FONTS[name]
    return ImageFont.truetype(BytesIO((files(package) / path).read_bytes()), size)


@dataclass(frozen=True)
class Cell:
    """A piece of text in a row; `at` is where it is anchored, as a share of the printable width."""

    text: str
    at: float = 0.0
    align: Align = "left"


@dataclass(frozen=True)
class Row:
    """One printed row. `scale` is its size against the paper's; a row without cells is a gap, `rule` a line across."""

    cells: tuple[Cell, ...] = ()
    scale: float = 1.0
    bold: bool = False
    rule: str = ""


@dataclass(frozen=True)
class Paper:
    """A kind of paper and how a till prints on it; lengths in pixels, `ink` and `shade` from 0 (black) to 255."""

    width: int = 760
    margin: int = 44
    size: int = 25
    leading: float = 1.36
    family: str = "mono"
    ink: int = 38
    shade: int = 250

    def print_rows(self, rows: list[Row]) -> Image.Image:
        """Return the picture of the rows, grey, as long as they need."""
        heights = [round(self.size * self.leading * (row.scale if row.cells or row.rule else 0.6)) for row in rows]
        picture = Image.new("L", (self.width, sum(heights) + 2 * self.margin), self.shade)
        drawing = ImageDraw.Draw(picture)
        baseline = self.margin
        for row, height in zip(rows, heights, strict=True):
            baseline += height
            self._print_row(drawing, row, baseline=baseline - round(height * 0.28))
        return picture

    def _print_row(self, drawing: ImageDraw.ImageDraw, row: Row, *, baseline: int) -> None:
        inner = self.width - 2 * self.margin
        name = "sans-bold" if row.bold and self.family == "sans" else self.family
        type_face = font(name, round(self.size * row.scale))
        stroke = 0.5 if row.bold and self.family == "mono" else 0
        if row.rule:
            count = int(inner / type_face.getlength(row.rule))
            drawing.text((self.margin, baseline), row.rule * count, font=type_face, fill=self.ink, anchor="ls")
        for cell in row.cells:
            place = (self.margin + cell.at * inner, baseline)
            drawing.text(place, cell.text, font=type_face, fill=self.ink, anchor=ANCHORS[cell.align], stroke_width=stroke)


def left(text: str, *, scale: float = 1.0, bold: bool = False, indent: float = 0.0) -> Row:
    """Return a row that starts at the left edge."""
    return Row((Cell(text, indent),), scale, bold)


def centre(text: str, *, scale: float = 1.0, bold: bool = False) -> Row:
    """Return a row in the middle."""
    return Row((Cell(text, 0.5, "centre"),), scale, bold)


def pair(first: str, last: str, *, scale: float = 1.0, bold: bool = False) -> Row:
    """Return a row with one text at the left edge and one at the right."""
    return Row((Cell(first), Cell(last, 1.0, "right")), scale, bold)


def columns(*texts: str, at: tuple[float, ...], bold: bool = False) -> Row:
    """Return a table row: the first text at the left edge, the others right-aligned at the places given."""
    return Row((Cell(texts[0]), *(Cell(text, place, "right") for text, place in zip(texts[1:], at, strict=True))), 1.0, bold)


def gap() -> Row:
    """Return an empty row, lower than a printed one."""
    return Row()


def rule(mark: str = "-") -> Row:
    """Return a line of marks across the paper."""
    return Row(rule=mark)
