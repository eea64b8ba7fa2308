"""What the turnover of a small business means: when it becomes liable, and the relief that there was until 2024."""

import datetime
from decimal import Decimal
from typing import Final

from converto.kernel.interface import Value
from converto.kernel.money import Amount
from converto.vat.calculation import rounded

LIMIT_SINCE_2025: Final = Decimal(20_000)
LIMIT_BEFORE: Final = Decimal(15_000)
FIRST_YEAR: Final = 2025
LAST_RELIEF: Final = datetime.date(2024, 12, 31)
RELIEF_ENDS_AT: Final = Decimal(30_000)


class Threshold(Value):
    """How near the turnover of a calendar year is to the limit of small businesses."""

    year: int
    turnover: Amount
    limit: Amount
    remaining: Amount
    exceeded: bool


def limit_of(year: int) -> Decimal:
    """Return up to which turnover of a calendar year a business is not liable, in euros; exactly so much is within."""
    return LIMIT_SINCE_2025 if year >= FIRST_YEAR else LIMIT_BEFORE


def threshold(year: int, turnover: Decimal) -> Threshold:
    """Return how near a turnover is to the limit of its year."""
    limit = limit_of(year)
    return Threshold(year=year, turnover=turnover, limit=limit, remaining=max(limit - turnover, Decimal(0)), exceeded=turnover > limit)


def liable_from_sale(previous_year: Decimal, before: Decimal, *, sale: Decimal, year: int = FIRST_YEAR) -> bool:
    """Tell whether a sale makes a business liable, by the year before and what was sold this year before it."""
    limit = limit_of(year)
    return previous_year > limit or before + sale > limit


def lower_limit_relief(turnover: Decimal, tax: Decimal, *, year: int) -> Decimal:
    """Return the relief of a year's tax, in euros: all of it below 15,000 euros, falling to none at 30,000, and none since 2025."""
    if year > LAST_RELIEF.year or tax <= 0 or turnover >= RELIEF_ENDS_AT:
        return Decimal("0.00")
    if turnover < LIMIT_BEFORE:
        return rounded(tax)
    return rounded(tax - (turnover - LIMIT_BEFORE) * tax / LIMIT_BEFORE)
