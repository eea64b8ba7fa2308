"""Net, tax and gross."""

import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from converto.vat.calculation import Rounding, SoldLine, calculated, margin_tax, tax_within
from converto.vat.rates import installed_rates

ON = datetime.date(2026, 11, 23)
CENTS = st.integers(-10_000_000, 10_000_000).map(lambda cents: Decimal(cents).scaleb(-2))
RATES = st.sampled_from([Decimal(0), Decimal(10), Decimal("13.5"), Decimal("25.5"), Decimal(24)])


def line(amount: str, rate: str, *, gross: bool = False) -> SoldLine:
    return SoldLine(amount=Decimal(amount), rate=Decimal(rate), gross=gross)


@pytest.mark.parametrize(("rounding", "vat"), [(Rounding.DOCUMENT, "44.63"), (Rounding.LINE, "44.64")])
def test_cents_are_rounded_for_the_document_or_on_each_line(rounding: Rounding, vat: str) -> None:
    # the amounts of Odoo's pull request 34560
    found = calculated([line("115.98", "24"), line("69.98", "24")], installed_rates(), on=ON, rounding=rounding)
    assert found.vat == Decimal(vat)


def test_a_category_has_the_rate_of_the_day() -> None:
    lines = [SoldLine(amount=Decimal(100), category="food_and_feed")]
    assert calculated(lines, installed_rates(), on=datetime.date(2025, 12, 31)).vat == Decimal("14.00")
    assert calculated(lines, installed_rates(), on=datetime.date(2026, 1, 1)).vat == Decimal("13.50")


def test_the_tax_within_a_gross_amount_is_taken_out() -> None:
    found = calculated([line("125.50", "25.5", gross=True)], installed_rates(), on=ON)
    assert (found.net, found.vat, found.gross) == (Decimal("100.00"), Decimal("25.50"), Decimal("125.50"))


def test_a_rate_that_is_not_in_force_is_said_so() -> None:
    assert [one.in_force for one in calculated([line("1", "24"), line("1", "25.5")], installed_rates(), on=ON).lines] == [False, True]


def test_a_dealers_margin_bears_the_tax() -> None:
    assert margin_tax(Decimal(1000), Decimal(600), rate=Decimal("25.5")) == Decimal("81.27")
    assert margin_tax(Decimal(600), Decimal(1000), rate=Decimal("25.5")) == 0


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e3", "", True, None, "1234567890123", float("inf")])
def test_what_is_no_amount_is_refused(amount: object) -> None:
    with pytest.raises(ValidationError):
        SoldLine.model_validate({"amount": amount, "rate": "24"})


def test_a_line_without_a_rate_has_the_standard_one_and_a_rate_holds_before_a_category() -> None:
    lines = [SoldLine(amount=Decimal(100)), SoldLine(amount=Decimal(100), rate=Decimal(10), category="standard")]
    assert [one.rate for one in calculated(lines, installed_rates(), on=ON).lines] == [Decimal("25.5"), Decimal(10)]


@given(st.lists(st.tuples(CENTS, RATES, st.booleans()), min_size=1, max_size=12), st.sampled_from(Rounding))
def test_the_sums_add_up_to_the_cent(lines: list[tuple[Decimal, Decimal, bool]], rounding: Rounding) -> None:
    sold = [SoldLine(amount=amount, rate=rate, gross=gross) for amount, rate, gross in lines]
    found = calculated(sold, installed_rates(), on=ON, rounding=rounding)
    assert found.net + found.vat == found.gross
    assert found.gross == sum(one.gross for one in found.rates)
    assert all(one.net + one.vat == one.gross for one in (*found.rates, *found.lines))


@given(CENTS, RATES)
def test_the_tax_within_is_the_tax_on_what_remains_but_for_a_cent(gross: Decimal, rate: Decimal) -> None:
    vat = tax_within(gross, rate)
    assert abs((gross - vat) * rate / 100 - vat) <= Decimal("0.01")
