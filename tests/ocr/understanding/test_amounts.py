"""Amounts as people write them, and as recognisers misread them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converto.ocr.understanding.amounts import digits_apart, find_amounts, parse_amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12,34", "12.34"),
        ("12.34", "12.34"),
        ("1 234,56", "1234.56"),
        ("1\u00a0234,56", "1234.56"),
        ("1\u202f234,56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1'234.56", "1234.56"),
        ("12 345 678,90", "12345678.90"),
        ("7,48-", "-7.48"),
        ("-7,48", "-7.48"),
        ("\u22127,48", "-7.48"),
        ("€ 5,00", "5.00"),
        ("5,00 EUR", "5.00"),
        ("RM5.00", "5.00"),
    ],
)
def test_an_amount_is_read_however_it_is_written(text: str, amount: str) -> None:
    assert parse_amount(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["", "12", "12,5", "1.234", "1,23,45", "6i.00", "12,345", "EUR", "--1,00", "1 23,45"])
def test_what_is_no_amount_is_not_taken_for_one(text: str) -> None:
    assert parse_amount(text) is None


@given(st.decimals(min_value=Decimal("-999999.99"), max_value=Decimal("999999.99"), places=2))
def test_an_amount_survives_being_written_the_finnish_way(amount: Decimal) -> None:
    written = f"{abs(amount):,.2f}".replace(",", "\u00a0").replace(".", ",") + ("-" if amount < 0 else "")

    assert parse_amount(written) == amount


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("1 24,00%  52,56  12,58  65,14", ["52.56", "12.58", "65.14"]),
        ("OLUT 24X0,33L TLK  16,56", ["16.56"]),
        ("9 BE 95  30,04  1,439  43,23 EUR", ["30.04", "43.23"]),
        ("TAKAISIN  36,05-", ["-36.05"]),
        ("Viite 171124568855", []),
        ("A 16.90SR", ["16.90"]),
        ("2 kpl x 1,19 EUR/kpl", ["1.19"]),
    ],
)
def test_the_amounts_of_a_line_are_found_and_nothing_else(text: str, amounts: list[str]) -> None:
    assert [str(found.value) for found in find_amounts(text)] == amounts


def test_a_misread_amount_is_found_where_leniency_is_asked_for() -> None:
    assert find_amounts("TOTAL  4O.S0") == []
    assert [(found.value, found.guessed) for found in find_amounts("TOTAL  4O.S0", lenient=True)] == [(Decimal("40.50"), True)]


def test_plain_digits_with_a_gap_are_hardly_a_guess() -> None:
    found = find_amounts("RM 73. 00", lenient=True)

    assert [(amount.value, amount.guessed) for amount in found] == [(Decimal("73.00"), False)]


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [("728.10", "78.10", True), ("12.34", "12.84", True), ("12.34", "12.34", False), ("12.34", "99.34", False)],
)
def test_one_misread_digit_is_told_from_another_amount(first: str, second: str, *, apart: bool) -> None:
    assert digits_apart(Decimal(first), Decimal(second)) is apart
