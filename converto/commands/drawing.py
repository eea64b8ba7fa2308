"""A page with what was found on it: boxes coloured by confidence, and their names in the margins, where they cover nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from converto.commands.confidence import LEVELS, Colour, level

Scan = Mapping[str, Any]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

VAT_COLOUR: Colour = (0, 90, 200)
ITEM_COLOUR: Colour = (125, 70, 175)
MARGIN_COLOUR: Colour = (250, 250, 250)
TEXT_COLOUR: Colour = (25, 25, 25)
WHITE: Colour = (255, 255, 255)
FILL_ALPHA = 30
HALO_ALPHA = 110
LEADER_ALPHA = 170
LETTERS_ACROSS = 40  # a page is as wide as so many labels are high
SMALLEST_TEXT = 12
LARGEST_TEXT = 48


@dataclass(frozen=True)
class Mark:
    """A box to draw, in pixels of the page, and the name beside it; without a name it gets no label."""

    name: str
    colour: Colour
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Label:
    """A mark's name in a margin; `top` in pixels of the page."""

    mark: Mark
    top: float


def draw(picture: Image.Image, scan: Scan, *, page: int) -> Image.Image:
    """Return the page's picture with every found place on it, margins with their names, and a legend below.

    Fields are coloured by confidence; VAT rows and line items have colours of their own.
    """
    size = round(min(LARGEST_TEXT, max(SMALLEST_TEXT, picture.width / LETTERS_ACROSS)))
    font = ImageFont.load_default(size)
    marks = list(marks_on(scan, page=page, size=picture.size))
    named = sorted((mark for mark in marks if mark.name), key=lambda mark: mark.top + mark.bottom)
    sides = [[mark for mark in named if (mark.left + mark.right < picture.width) is on_left] for on_left in (True, False)]
    widths = [_margin_width(side, font, size=size) for side in sides]
    step = round(size * 1.5)
    height = max(picture.height, *(step * (len(side) + 1) for side in sides))
    marked = _with_boxes(picture, marks, thickness=max(2, size // 8))
    canvas = Image.new("RGB", (widths[0] + picture.width + widths[1], height), MARGIN_COLOUR)
    canvas.paste(marked, (widths[0], 0))
    for side, on_left in zip(sides, (True, False), strict=True):
        labels = spread(side, step=step, height=height)
        canvas = _with_labels(canvas, labels, on_left=on_left, page_left=widths[0], page_width=picture.width, font=font)
    return _with_legend(canvas, font, size=size)


def marks_on(scan: Scan, *, page: int, size: tuple[int, int]) -> Iterator[Mark]:
    """Yield the marks of one page: line items first, so that fields are drawn over them; what has no place is left out."""
    for item in scan.get("line_items", ()):
        yield from _mark("", ITEM_COLOUR, item, page=page, size=size)
    for line in scan.get("vat_lines", ()):
        yield from _mark(f"VAT {line['rate']} %", VAT_COLOUR, line, page=page, size=size)
    for name, found in scan.get("fields", {}).items():
        if found is not None:
            label = f"{name.replace('_', ' ')} {found['confidence']:.0%}"
            yield from _mark(label, level(found["confidence"]).colour, found, page=page, size=size)


def spread(marks: Sequence[Mark], *, step: float, height: float) -> list[Label]:
    """Return a label for each mark, at its mark's height where there is room; labels never overlap nor leave the page.

    `marks` come from the top down; `step` is a label's height and the gap below it. More labels than fit start at the top.
    """
    tops: list[float] = []
    for mark in marks:
        wanted = (mark.top + mark.bottom - step) / 2
        tops.append(max(wanted, 0.0, tops[-1] + step if tops else 0.0))
    lowest = height - step
    for place in range(len(tops) - 1, -1, -1):
        tops[place] = max(min(tops[place], lowest), place * step)
        lowest = tops[place] - step
    return [Label(mark, top) for mark, top in zip(marks, tops, strict=True)]


def _mark(name: str, colour: Colour, found: Mapping[str, Any], *, page: int, size: tuple[int, int]) -> Iterator[Mark]:
    box = found.get("box")
    if box is None or found.get("page", 1) != page:
        return
    width, height = size
    air = width / 300
    yield Mark(
        name,
        colour,
        left=max(0.0, box["x"] * width - air),
        top=max(0.0, box["y"] * height - air),
        right=min(float(width - 1), (box["x"] + box["width"]) * width + air),
        bottom=min(float(height - 1), (box["y"] + box["height"]) * height + air),
    )


def _margin_width(marks: Sequence[Mark], font: Font, *, size: int) -> int:
    longest = max((font.getlength(mark.name) for mark in marks), default=0.0)
    return round(longest + size * 3) if marks else 0


def _with_boxes(picture: Image.Image, marks: Sequence[Mark], *, thickness: int) -> Image.Image:
    tint = Image.new("RGBA", picture.size)
    drawing = ImageDraw.Draw(tint)
    for mark in marks:
        frame = (mark.left, mark.top, mark.right, mark.bottom)
        around = (mark.left - thickness, mark.top - thickness, mark.right + thickness, mark.bottom + thickness)
        drawing.rectangle(around, outline=(*WHITE, HALO_ALPHA), width=thickness)  # tells the frame from dark paper
        drawing.rectangle(frame, fill=(*mark.colour, FILL_ALPHA), outline=(*mark.colour, 255), width=thickness)
    return Image.alpha_composite(picture.convert("RGBA"), tint).convert("RGB")


def _with_labels(
    canvas: Image.Image, labels: Sequence[Label], *, on_left: bool, page_left: int, page_width: int, font: Font
) -> Image.Image:
    over = Image.new("RGBA", canvas.size)
    drawing = ImageDraw.Draw(over)
    size = round(font.getbbox("Ag")[3])
    edge = page_left if on_left else page_left + page_width
    for label in labels:
        mark = label.mark
        width = font.getlength(mark.name) + size
        start = edge - size - width if on_left else edge + size
        middle = label.top + size * 0.7
        corner = page_left + (mark.left if on_left else mark.right)
        # along the foot of the box, so that the line strikes no text through
        leader = [(corner, mark.bottom), (edge, mark.bottom), (start + (width if on_left else 0), middle)]
        drawing.line(leader, fill=(*mark.colour, LEADER_ALPHA), width=max(1, size // 12))
        drawing.rounded_rectangle((start, label.top, start + width, label.top + size * 1.4), size * 0.3, fill=(*mark.colour, 255))
        drawing.text((start + width / 2, middle), mark.name, font=font, fill=(*WHITE, 255), anchor="mm")
    return Image.alpha_composite(canvas.convert("RGBA"), over).convert("RGB")


def _with_legend(canvas: Image.Image, font: Font, *, size: int) -> Image.Image:
    entries = [(found.colour, f"{found.word} ({found.least:.0%} or more)" if found.least else found.word) for found in LEVELS]
    entries += [(VAT_COLOUR, "VAT row"), (ITEM_COLOUR, "line item")]
    places: list[tuple[float, float]] = []
    x, y = float(size), size * 0.5
    for _, text in entries:
        needed = font.getlength(text) + size * 3
        if places and x + needed > canvas.width:
            x, y = float(size), y + size * 1.6
        places.append((x, y))
        x += needed
    whole = Image.new("RGB", (canvas.width, round(canvas.height + y + size * 2)), MARGIN_COLOUR)
    whole.paste(canvas)
    drawing = ImageDraw.Draw(whole)
    for (colour, text), (left, down) in zip(entries, places, strict=True):
        top = canvas.height + down
        drawing.rectangle((left, top, left + size, top + size), fill=colour)
        drawing.text((left + size * 1.5, top + size / 2), text, font=font, fill=TEXT_COLOUR, anchor="lm")
    return whole
