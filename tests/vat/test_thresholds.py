"""The limit of small businesses, and the relief that there was."""

from decimal import Decimal

import pytest

from converto.vat.thresholds import liable_from_sale, lower_limit_relief, threshold


# Up to 20,000 euros in this calendar year and in the one before: vero.fi, guidance 48658.
@pytest.mark.parametrize(
    ("previous", "before", "sale", "liable"),
    [("18000", "19600", "1000", True), ("18000", "19000", "1000", False), ("20000.01", "0", "100", True), ("20000", "0", "20000", False)],
)
def test_the_sale_that_passes_the_limit_makes_liable(previous: str, before: str, sale: str, *, liable: bool) -> None:
    assert liable_from_sale(Decimal(previous), Decimal(before), sale=Decimal(sale)) is liable


@pytest.mark.parametrize(
    ("turnover", "tax", "relief"),
    [("18000", "4000", "3200.00"), ("14999.99", "3000", "3000.00"), ("30000", "5000", "0.00"), ("1", "-5", "0")],
)
def test_the_relief_falls_from_all_of_the_tax_to_none(turnover: str, tax: str, relief: str) -> None:
    assert lower_limit_relief(Decimal(turnover), Decimal(tax), year=2024) == Decimal(relief)
    assert lower_limit_relief(Decimal(turnover), Decimal(tax), year=2025) == 0


def test_exactly_the_limit_is_within_it() -> None:
    assert [threshold(2026, Decimal(turnover)).exceeded for turnover in ("20000", "20000.01")] == [False, True]
