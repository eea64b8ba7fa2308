from itertools import pairwise
from typing import Any

import pytest
from PIL import Image, ImageChops

from converto.commands.confidence import CHECK, LIKELY, SURE, Colour
from converto.commands.drawing import ITEM_COLOUR, VAT_COLOUR, Mark, draw, spread

BOX = {"x": 0.3, "y": 0.5, "width": 0.2, "height": 0.05}


def page(shade: int = 255) -> Image.Image:
    return Image.new("RGB", (600, 800), (shade, shade, shade))


def scan(*, field: dict[str, Any] | None = None, vat: dict[str, Any] | None = None, item: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"fields": {"total": field}, "vat_lines": [vat] if vat else [], "line_items": [item] if item else []}


def total(confidence: float, **changes: Any) -> dict[str, Any]:
    return {"value": "1", "confidence": confidence, "page": 1, "box": BOX, "source": "ocr"} | changes


def frame_colours(picture: Image.Image) -> set[tuple[int, ...]]:
    """Return the colours along the row where the box's upper edge is, wherever the margin has moved the page."""
    edge = round(0.5 * 800 - 600 / 300)
    pixels = picture.convert("RGB").crop((0, edge, picture.width, edge + 1)).getcolors()
    return {colour for _, colour in pixels or () if isinstance(colour, tuple)}


@pytest.mark.parametrize("shade", [0, 255])
@pytest.mark.parametrize(("confidence", "colour"), [(0.95, SURE.colour), (0.75, LIKELY.colour), (0.2, CHECK.colour)])
def test_field_has_a_frame_in_the_colour_of_its_confidence_on_dark_and_light_paper(shade: int, confidence: float, colour: Colour) -> None:
    assert colour in frame_colours(draw(page(shade), scan(field=total(confidence)), page=1))


def test_vat_rows_and_line_items_have_colours_of_their_own() -> None:
    assert VAT_COLOUR in frame_colours(draw(page(), scan(vat={"rate": "25.5", "confidence": 0.9, "box": BOX}), page=1))
    assert ITEM_COLOUR in frame_colours(draw(page(), scan(item={"description": "x", "confidence": 0.9, "box": BOX}), page=1))


@pytest.mark.parametrize("hidden", [total(0.9, page=2), total(0.9, box=None), None])
def test_what_is_on_another_page_or_has_no_place_is_not_drawn(hidden: dict[str, Any] | None) -> None:
    drawn = draw(page(), scan(field=hidden), page=1)

    assert ImageChops.difference(drawn.crop((0, 0, 600, 800)), page()).getbbox() is None


def test_nothing_is_drawn_on_the_page_but_frame_tint_and_leader() -> None:
    drawn = draw(page(), scan(field=total(0.95)), page=1)
    margin = drawn.width - 600
    left, top, right, bottom = (margin + 0.3 * 600 - 8, 0.5 * 800 - 8, margin + 0.5 * 600 + 8, 0.55 * 800 + 8)

    changed = ImageChops.difference(drawn.crop((margin, 0, drawn.width, 800)), page()).getbbox()

    assert changed is not None
    assert top <= changed[1]
    assert changed[3] <= bottom
    assert changed[2] + margin <= right
    assert changed[0] + margin < left  # the leader goes to the margin


def test_labels_neither_overlap_nor_leave_the_page() -> None:
    crowd = [Mark(f"m{n}", SURE.colour, left=0, top=780 + n, right=10, bottom=785 + n) for n in range(12)]

    tops = [label.top for label in spread(crowd, step=30, height=800)]

    assert all(after - before >= 30 for before, after in pairwise(tops))
    assert tops[0] >= 0
    assert tops[-1] + 30 <= 800


def test_a_label_stands_at_the_height_of_its_box_where_there_is_room() -> None:
    (label,) = spread([Mark("m", SURE.colour, left=0, top=100, right=10, bottom=120)], step=30, height=800)

    assert label.top + 15 == 110


def test_many_fields_on_a_small_picture_make_it_longer() -> None:
    fields = {f"field_{n}": total(0.9) for n in range(30)}

    drawn = draw(Image.new("L", (200, 100), 255), {"fields": fields}, page=1)

    assert drawn.height > 30 * 12
