from typing import Any

import pytest

from converto.commands.compare import Difference, compare, rows_right, total_score

TRUTH: dict[str, Any] = {
    "fields": {"vendor": "Tuulikin Lähikauppa Oy", "time": "17:42", "total": "28.60", "currency": "EUR", "iban": None},
    "vat_lines": [{"rate": "25.5", "net": "6.76", "vat": "1.72", "gross": "8.48"}],
    "line_items": [{"description": "Kahvi", "total": "3.20"}, {"description": "Kahvi", "total": "3.20"}],
}


def found(value: object) -> dict[str, Any]:
    return {"value": value, "confidence": 0.9, "page": 1, "box": None, "source": "ocr"}


def scan(**fields: Any) -> dict[str, Any]:
    right = {
        "vendor": found("TUULIKIN LÄHIKAUPPA OY"),
        "time": found("17:42:00"),
        "total": found({"amount": "28.6", "currency": "EUR"}),
        "currency": found("EUR"),
    }
    return {"fields": right | fields, "vat_lines": [{"rate": "25.50", "vat": "1.72"}], "line_items": []}


def test_equal_values_in_other_forms_are_right() -> None:
    score = compare(TRUTH, scan())

    assert (score.right, score.printed, score.differences) == (5, 5, ())


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("vendor", found("Tuulikin Lahikauppa Oy"), "Tuulikin Lahikauppa Oy"),
        ("total", found({"amount": "28.63", "currency": "EUR"}), "28.63"),
        ("time", None, None),
    ],
)
def test_other_or_missing_values_are_wrong(name: str, value: dict[str, Any] | None, read: str | None) -> None:
    score = compare(TRUTH, scan(**{name: value}))

    assert (score.right, score.printed) == (4, 5)
    assert score.differences == (Difference(name, TRUTH["fields"][name], read),)


def test_a_value_that_is_not_printed_is_a_difference_but_no_printed_fact() -> None:
    score = compare(TRUTH, scan(iban=found("FI2112345600000785")))

    assert (score.right, score.printed) == (5, 5)
    assert score.differences == (Difference("iban", None, "FI2112345600000785"),)


def test_vat_of_another_rate_is_wrong() -> None:
    read = scan() | {"vat_lines": [{"rate": "24", "vat": "1.72"}]}

    assert compare(TRUTH, read).differences == (Difference("VAT 25.5 %", "1.72", None),)


def test_failed_scan_has_nothing_right() -> None:
    score = compare(TRUTH, {"status": "failed", "fields": None, "vat_lines": []})

    assert (score.right, score.printed) == (0, 5)


def test_a_row_read_once_counts_once_though_it_is_printed_twice() -> None:
    read = scan() | {"line_items": [{"description": "KAHVI", "total": "3.2"}]}

    assert rows_right(TRUTH, read) == (1, 2)


def test_scores_add_up() -> None:
    both = total_score([compare(TRUTH, scan()), compare(TRUTH, scan(time=None))])

    assert (both.right, both.printed, len(both.differences)) == (9, 10, 1)
