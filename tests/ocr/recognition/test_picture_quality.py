"""Pictures of which another should be taken. The words on them are given, nothing is recognised."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from converto.ocr.document import Box, Finding
from converto.ocr.files.pages import Picture, save
from converto.ocr.recognition.picture_quality import by_sheet, picture_findings
from converto.ocr.words import Line, Word
from tests.ocr.drawn import drawn

RECEIPT = drawn()
LEFT, RIGHT = Box(x=0.05, y=0.1, width=0.4, height=0.8), Box(x=0.55, y=0.1, width=0.4, height=0.8)


def lines(*, x: float = 0.1, count: int = 9, confidence: float = 0.9, text: str = "YHTEENSÄ") -> tuple[Line, ...]:
    """Return lines of one word, one under the other."""
    return tuple(Line((Word(text, x, 0.15 + 0.05 * at, 0.2, 0.03, confidence),)) for at in range(count))


@pytest.fixture
def judged(tmp_path: Path) -> Callable[..., tuple[Finding, ...]]:
    """Return what judges a picture with the words that were read on it."""

    def judge(picture: Image.Image, words: tuple[Line, ...], *, sheets: tuple[Box, ...] = ()) -> tuple[Finding, ...]:
        kept = save(picture, tmp_path / "page.pgm")
        return picture_findings(Picture(kept.path, kept.width, kept.height, sheets), words, page=2)

    return judge


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.code for finding in findings]


def test_a_sharp_picture_that_is_read_well_is_good_enough(judged: Callable[..., tuple[Finding, ...]]) -> None:
    assert judged(RECEIPT, lines()) == ()


def test_a_sharp_picture_with_few_words_is_good_enough(judged: Callable[..., tuple[Finding, ...]]) -> None:
    assert judged(drawn(["KUITTI 12,00"]), lines(count=1)) == ()


@pytest.mark.parametrize("letters_px", [18, 26, 40])
def test_a_picture_too_blurred_to_be_read_is_told(letters_px: int, judged: Callable[..., tuple[Finding, ...]]) -> None:
    blurred = drawn(size=letters_px).filter(ImageFilter.GaussianBlur(letters_px / 7))

    (finding,) = judged(blurred, lines(confidence=0.2))

    assert (finding.code, finding.severity, finding.page) == ("blurred", "warning", 2)
    assert "take a new one" in finding.detail


def test_a_blurred_picture_that_is_read_all_the_same_is_good_enough(judged: Callable[..., tuple[Finding, ...]]) -> None:
    assert judged(RECEIPT.filter(ImageFilter.GaussianBlur(5)), lines()) == ()


def test_print_that_has_faded_is_told(judged: Callable[..., tuple[Finding, ...]]) -> None:
    assert codes(judged(drawn(ink=190, paper=230), lines(confidence=0.2))) == ["faint"]


@pytest.mark.parametrize("paper", [255, 120, 10])
def test_a_blank_page_is_told(paper: int, judged: Callable[..., tuple[Finding, ...]]) -> None:
    assert codes(judged(Image.new("L", (400, 600), paper), ())) == ["blank_page"]


@pytest.mark.parametrize(("x", "side"), [(0.0, "left"), (0.8, "right")])
def test_letters_that_are_cut_off_are_told_with_their_place(x: float, side: str, judged: Callable[..., tuple[Finding, ...]]) -> None:
    (finding,) = judged(RECEIPT, lines(x=x))

    assert finding.code == "cut_off"
    assert side in finding.detail
    assert [(box.x, box.width) for box in finding.boxes] == [(x, 0.2)]


@pytest.mark.parametrize(
    "words", [lines(x=0.0, count=2), lines(x=0.0, confidence=0.3), lines(x=0.02)], ids=["two lines", "specks", "a margin"]
)
def test_what_hardly_touches_the_edge_is_not_cut_off(words: tuple[Line, ...], judged: Callable[..., tuple[Finding, ...]]) -> None:
    assert "cut_off" not in codes(judged(RECEIPT, words))


def test_several_documents_on_one_picture_are_told_with_the_place_of_each(judged: Callable[..., tuple[Finding, ...]]) -> None:
    (finding,) = judged(RECEIPT, (*lines(), *lines(x=0.6)), sheets=(LEFT, RIGHT))

    assert finding.code == "several_documents"
    assert "2 documents" in finding.detail
    assert finding.boxes == (LEFT, RIGHT)


def test_a_sheet_without_letters_is_no_document(judged: Callable[..., tuple[Finding, ...]]) -> None:
    assert judged(RECEIPT, lines(), sheets=(LEFT, RIGHT)) == ()


def test_lines_that_run_over_two_sheets_are_parted() -> None:
    across = Line((Word("YHTEENSÄ", 0.1, 0.5, 0.2, 0.03), Word("TOTAL", 0.6, 0.5, 0.2, 0.03)))
    beside = Line((Word("muistio", 0.47, 0.95, 0.1, 0.03),))

    assert [line.text for line in by_sheet((beside, across, across), (LEFT, RIGHT))] == [
        *("YHTEENSÄ", "YHTEENSÄ"),
        *("TOTAL", "TOTAL"),
        "muistio",
    ]
