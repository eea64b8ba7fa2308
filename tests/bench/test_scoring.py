"""When a value counts as read right."""

from decimal import Decimal

import pytest

from bench.measuring.scoring import day, is_right, rows_right, wilson, word_f1
from converto.kernel.money import Money
from converto.ocr.document import VatLine


@pytest.mark.parametrize(("text", "iso"), [("12/02/2018", "2018-02-12"), ("5 MAR 18", "2018-03-05"), ("Mar 5, 2018", "2018-03-05"), ("20180305", "2018-03-05"), ("2018-03-05", "2018-03-05"), ("03/25/2018", "2018-03-25"), ("none", "")])  # fmt: skip  # noqa: E501
def test_a_day_is_the_same_however_it_is_written(text: str, iso: str) -> None:
    assert day(text) == iso


def test_an_amount_is_compared_by_its_value() -> None:
    assert is_right("total", "RM 1,234.50", Money(amount=Decimal("1234.50"), currency="MYR"))
    assert not is_right("total", "12.30", Money(amount=Decimal("12.03"), currency="MYR"))


def test_a_name_is_compared_by_letters_and_digits() -> None:
    assert is_right("vendor", "EXAMPLE (M) SDN. BHD.", "Example M Sdn Bhd")


def test_a_row_counts_when_it_is_right_to_the_cent() -> None:
    read = [VatLine(rate=Decimal("13.5"), net=Decimal("10.00"), vat=Decimal("1.35"), confidence=1.0)]

    assert rows_right([{"rate": "13.5", "net": "10.00", "vat": "1.35"}, {"rate": "25.5", "net": "1.00", "vat": "0.26"}], read) == 1


def test_words_are_counted_in_any_order() -> None:
    assert word_f1([(["a b", "c d"], "D c x b")]) == 0.75


def test_a_share_of_few_has_a_wide_interval() -> None:
    low, high = wilson(10, 10)

    assert (round(low, 2), round(high, 2)) == (0.72, 1.0)
