"""Barcodes that a program has drawn on a PDF's page: where they are looked for, and that they are found there."""

import datetime
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from decimal import Decimal

import pytest

from converto.ocr.answer_keys import codes
from converto.ocr.files.code_bearing import CodeBearing
from converto.ocr.files.media import inspect
from converto.ocr.files.pages import Pages
from tests.kernel.identifiers.encoders import barcode_digits, bars_of
from tests.ocr.pdfs import pdf

DIGITS = barcode_digits("FI2112345600000785", Decimal("482.99"), "1234561", datetime.date(2026, 12, 14))
# 105 mm from the left edge of an A4 page at 60 points, its lower edge at 100.
X, Y, HEIGHT = 60, 100, 36
RULES = b"".join(b"30 %d 535 0.5 re f\n" % y for y in range(200, 780, 10))


@pytest.fixture
def pages() -> Iterator[Callable[[bytes], Pages]]:
    """Return what opens a file's pages."""
    with ExitStack() as opened:
        yield lambda content: opened.enter_context(closing(Pages(content, inspect(content))))


def bars(*, x: float = X, y: float = Y, together: bool = False) -> bytes:
    """Return the bars of a bank barcode, each as a shape or all as one."""
    found, width = bars_of(DIGITS)
    module = 298 / width
    drawn = [b"%.3f %.3f %.3f %d re" % (x + at * module, y, wide * module, HEIGHT) for at, wide in found]
    return b" ".join(drawn) + b" f\n" if together else b"".join(b"%b f\n" % one for one in drawn)


def page_of(content: bytes, *, box: str = "0 0 595 842", more: str = "", objects: tuple[bytes, ...] = ()) -> bytes:
    """Return a PDF with one page that draws this."""
    page = f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents 4 0 R {more} >>".encode()
    kids = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    return pdf([b"<< /Type /Catalog /Pages 2 0 R >>", kids, page, stream(content), *objects])


def stream(content: bytes, head: bytes = b"") -> bytes:
    return b"<< %b /Length %d >>\nstream\n%b\nendstream" % (head, len(content), content)


def in_a_form() -> bytes:
    """Return a page that draws a form, moved to its place, that draws the bars from its own corner."""
    form = stream(bars(x=0, y=0), b"/Type /XObject /Subtype /Form /BBox [0 0 400 60]")
    return page_of(b"q 1 0 0 1 %d %d cm /Code Do Q" % (X, Y), more="/Resources << /XObject << /Code 5 0 R >> >>", objects=(form,))


@pytest.mark.parametrize(
    "content",
    [
        page_of(bars()),
        page_of(RULES + bars()),
        page_of(bars(together=True)),
        page_of(bars(x=X + 1000, y=Y - 500), box="1000 -500 1595 342"),
        page_of(bars(), box="-50 -70 700 900", more="/CropBox [0 0 595 842]"),
        in_a_form(),
    ],
    ids=["alone", "below a table", "as one shape", "page that begins elsewhere", "page that is cut", "in a form"],
)
def test_a_drawn_barcode_is_found_where_it_stands(content: bytes, pages: Callable[[bytes], Pages]) -> None:
    opened = pages(content)
    bearing = opened.bearing(1)

    [code] = codes.on_drawn(opened.drawn(1, bearing.area), page=1)

    assert code.content.decode() == DIGITS
    assert code.box is not None
    assert (code.box.x, code.box.x + code.box.width) == pytest.approx((X / 595, (X + 298) / 595), abs=0.01)
    assert 1 - (Y + HEIGHT) / 842 - 0.005 < code.box.y < 1 - Y / 842 + 0.005


def test_a_page_on_its_head_is_looked_at_as_a_whole(pages: Callable[[bytes], Pages]) -> None:
    opened = pages(page_of(bars(), more="/Rotate 180"))
    bearing = opened.bearing(1)

    assert bearing.area is None
    assert [code.content.decode() for code in codes.on_drawn(opened.drawn(1, bearing.area), page=1)] == [DIGITS]


def test_only_where_bars_are_pixels_are_needed(pages: Callable[[bytes], Pages]) -> None:
    opened = pages(page_of(RULES + bars()))

    part, whole = opened.drawn(1, opened.bearing(1).area), opened.drawn(1)

    assert len(part.pixels) * 15 < len(whole.pixels)


def test_a_table_bears_no_code(pages: Callable[[bytes], Pages]) -> None:
    assert pages(page_of(RULES)).bearing(1).by is CodeBearing.NOTHING


def test_bars_that_lie_beside_the_page_are_no_harm(pages: Callable[[bytes], Pages]) -> None:
    opened = pages(page_of(bars(x=5000)))
    bearing = opened.bearing(1)

    assert codes.on_drawn(opened.drawn(1, bearing.area), page=1) == []
