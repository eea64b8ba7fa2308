"""Periods of tax, the days by which they are filed, and what it costs to be late."""

import calendar
import datetime
import re
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Final

from converto.kernel.errors import Invalid
from converto.kernel.interface import Value
from converto.vat.calculation import rounded

DAY: Final = datetime.timedelta(days=1)
_PERIOD = re.compile(r"(?P<year>(?:19|20)[0-9]{2})(?:-(?P<month>0[1-9]|1[0-2])|-Q(?P<quarter>[1-4]))?")
DUE_DAY: Final = 12
"""A month or a quarter is due on this day of the second month after it."""
FEE_A_DAY: Final = Decimal(3)
FEE_DAYS: Final = 45
FEE_SHARE: Final = Decimal("0.02")
MOST_FEE: Final = Decimal(15_000)


FIRST_DAY, LAST_DAY = datetime.date(1994, 6, 1), datetime.date(2099, 12, 31)
"""Since when there has been value added tax, and how far ahead anybody plans."""


class BadStart(Invalid):
    """A day on which no period begins."""

    code = "vat.bad_start"
    message = "Periods begin between {first} and {last}, not on {day}."


class BadPeriod(Invalid):
    """A period that is not written as one."""

    code = "vat.bad_period"
    message = "A period is written 2026-11, 2026-Q4 or 2026, and not {period}."


class PeriodKind(StrEnum):
    """How long a period of tax is."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Period(Value):
    """A period of tax. The first of a company may begin within a month, when its liability did."""

    key: str
    kind: PeriodKind
    first: datetime.date
    last: datetime.date
    due: datetime.date

    def holds(self, day: datetime.date) -> bool:
        """Tell whether a day is within it."""
        return self.first <= day <= self.last


def period(key: str) -> Period:
    """Return a period by how it is written: 2026-11, 2026-Q4 or 2026. Raises BadPeriod."""
    match = _PERIOD.fullmatch(key)
    if match is None:
        raise BadPeriod(period=key[:20])
    year = int(match["year"])
    if match["month"]:
        return _period(key, PeriodKind.MONTH, year, months=(int(match["month"]), int(match["month"])))
    if match["quarter"]:
        last = 3 * int(match["quarter"])
        return _period(key, PeriodKind.QUARTER, year, months=(last - 2, last))
    return _period(key, PeriodKind.YEAR, year, months=(1, 12))


def _period(key: str, kind: PeriodKind, year: int, *, months: tuple[int, int]) -> Period:
    first = datetime.date(year, months[0], 1)
    last = datetime.date(year, months[1], calendar.monthrange(year, months[1])[1])
    return Period(key=key, kind=kind, first=first, last=last, due=due_date(last, kind))


def period_of(day: datetime.date, kind: PeriodKind) -> Period:
    """Return the period of a kind that a day is in."""
    quarter = (day.month + 2) // 3
    keys = {PeriodKind.MONTH: f"{day:%Y-%m}", PeriodKind.QUARTER: f"{day.year}-Q{quarter}", PeriodKind.YEAR: str(day.year)}
    return period(keys[kind])


def periods_between(first: datetime.date, last: datetime.date, kind: PeriodKind) -> Iterator[Period]:
    """Yield the periods of a kind from one day to another, the first cut to begin on its day."""
    day = first
    while day <= last:
        found = period_of(day, kind)
        yield found.model_copy(update={"first": max(found.first, first)})
        day = found.last + DAY


def due_date(last: datetime.date, kind: PeriodKind) -> datetime.date:
    """Return the day by which a period that ends on a day is filed and paid."""
    if kind is PeriodKind.YEAR:
        return next_banking_day(datetime.date(last.year + 1, 2, calendar.monthrange(last.year + 1, 2)[1]))
    month = last.month + 2
    return next_banking_day(datetime.date(last.year + (month > 12), (month - 1) % 12 + 1, DUE_DAY))


def recapitulative_due(last: datetime.date) -> datetime.date:
    """Return the day by which the recapitulative statement of a month is filed: the 20th of the next."""
    return next_banking_day(datetime.date(last.year + (last.month == 12), last.month % 12 + 1, 20))


def next_banking_day(day: datetime.date) -> datetime.date:
    """Return the day itself, or the next that is neither Saturday, Sunday nor a Finnish public holiday."""
    while day.weekday() >= calendar.SATURDAY or day in public_holidays(day.year):
        day += DAY
    return day


@cache
def public_holidays(year: int) -> frozenset[datetime.date]:
    """Return the days on which a term of the law does not end, but for the weekends: Act 150/1930, section 5."""
    easter = easter_sunday(year)
    midsummer = next(day for day in (datetime.date(year, 6, 20 + at) for at in range(7)) if day.weekday() == calendar.SATURDAY)
    fixed = ((1, 1), (1, 6), (5, 1), (12, 6), (12, 24), (12, 25), (12, 26))
    return frozenset(
        {
            *(datetime.date(year, month, day) for month, day in fixed),
            *(easter + datetime.timedelta(days=days) for days in (-2, 1, 39)),
            midsummer - DAY,
            midsummer,
        }
    )


def easter_sunday(year: int) -> datetime.date:
    """Return Easter Sunday of the Gregorian calendar."""
    golden, century, rest = year % 19, year // 100, year % 100
    epact = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    correction = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * correction + 114, 31)
    return datetime.date(year, month, day + 1)


def late_fee(days: int, payable: Decimal, *, replaces: bool = False) -> Decimal:
    """Return an estimate of what a return costs that comes so many days late, in euros.

    3 euros a day, at most for 45 days; later than that also two percent of the tax payable. A replacement costs no daily fee.
    """
    fee = Decimal(0) if replaces else FEE_A_DAY * max(0, min(days, FEE_DAYS))
    if days > FEE_DAYS:
        fee += min(max(payable, Decimal(0)) * FEE_SHARE, MOST_FEE)
    return rounded(fee)
