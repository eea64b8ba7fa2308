"""Two readings of one document: what they agree on, what they differ in, and the dots that one of them drops."""

import datetime
from collections.abc import Sequence
from decimal import Decimal

import pytest

from converto.ocr.document import Kind
from converto.ocr.recognition.diacritics import restored
from converto.ocr.understanding.agreement import adds_up, agreed
from converto.ocr.understanding.extraction import Extracted, extract
from tests.ocr.drawn import GROCERY
from tests.ocr.pages import line, page

TODAY = datetime.date(2026, 11, 23)
RECEIPT = [text.replace("YHTEENSA", "YHTEENSÄ") for text in GROCERY]


def understood(lines: Sequence[str], *, confidence: float = 0.95) -> Extracted:
    return extract([page(lines, confidence=confidence)], kind=Kind.RECEIPT, today=TODAY)


def changed(before: str, after: str) -> list[str]:
    return [text.replace(before, after) for text in RECEIPT]


def test_what_both_say_is_surer() -> None:
    one = understood(RECEIPT, confidence=0.7)

    both = agreed(one, one)

    assert one.fields.date is not None
    assert both.fields.date is not None
    assert one.fields.date.confidence < both.fields.date.confidence <= 0.99
    assert both.findings == one.findings


def test_of_two_dates_one_is_taken_in_doubt_and_the_other_is_said() -> None:
    both = agreed(understood(changed("14.11.2026", "11.11.2026")), understood(RECEIPT))

    date = both.fields.date
    assert date is not None
    assert date.value == datetime.date(2026, 11, 14)
    assert date.confidence <= 0.6
    (finding,) = [finding for finding in both.findings if finding.code == "readings_differ"]
    assert finding.field == "date"
    assert "2026-11-14" in finding.detail
    assert "2026-11-11" in finding.detail


def test_the_total_that_its_vat_adds_up_to_wins() -> None:
    right, misread = understood(RECEIPT), understood(changed("9,62", "8,62"))
    assert adds_up(right)
    assert not adds_up(misread)

    both = agreed(right, misread)

    assert both.fields.total is not None
    assert right.fields.total is not None
    assert both.fields.total.value == right.fields.total.value
    assert both.vat_lines == right.vat_lines


def test_what_only_one_engine_finds_is_kept_and_is_not_said_to_be_missing() -> None:
    blind = understood(changed("14.11.2026", ""))
    assert "date_missing" in {finding.code for finding in blind.findings}

    both = agreed(understood(RECEIPT), blind)

    assert both.fields.date is not None
    assert "date_missing" not in {finding.code for finding in both.findings}


def test_of_one_name_in_two_spellings_the_one_with_dots_is_taken() -> None:
    both = agreed(understood(changed("Kahvila Koivu", "Kahvila Mäkelä")), understood(changed("Kahvila Koivu", "Kahvila Makela")))

    assert both.fields.vendor is not None
    assert both.fields.vendor.value == "Kahvila Mäkelä"


@pytest.mark.parametrize(
    ("text", "seen", "expected"),
    [
        ("YHTEENSA 9,62", "YHTEENSÄ 9,62", "YHTEENSÄ 9,62"),
        ("Aitoleipa Oy:n", "aitoleipä", "Aitoleipä Oy:n"),
        ("Åbo Makela", "Mäkelä", "Åbo Mäkelä"),
        ("saa", "sää saa", "saa"),  # both are words here
        ("TOTAL", "TOTAL", "TOTAL"),
    ],
)
def test_the_dots_of_a_word_come_back_from_the_other_reading(text: str, seen: str, expected: str) -> None:
    (found,) = restored([line(text)], [line(seen)])

    assert found.text == expected


def test_a_doubtful_reading_restores_nothing() -> None:
    (found,) = restored([line("LEIPA")], [line("LEIPÄ", confidence=0.3)])

    assert found.text == "LEIPA"


def test_a_sum_that_the_vat_rows_give_is_no_doubt_whatever_the_other_engine_read() -> None:
    right = understood(RECEIPT)
    misread = understood([text for text in RECEIPT if not text.startswith(("13,50%", "YHTEENSÄ   8,12"))])
    both = agreed(misread, right)
    sums = (both.fields.net_total, both.fields.vat_total)
    assert [one and (one.value.amount, one.confidence > 0.6) for one in sums] == [(Decimal("8.12"), True), (Decimal("1.50"), True)]
    assert not {"net_total", "vat_total"} & {finding.field for finding in both.findings if finding.code == "readings_differ"}
