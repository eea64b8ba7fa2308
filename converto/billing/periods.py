"""Periods: months that begin on a subscription's own day, not on the first."""

from calendar import monthrange
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

CALENDAR: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The anchor of those who have none: their periods are calendar months."""


class Period(NamedTuple):
    """From its start on, up to its end and not including it."""

    start: datetime
    end: datetime


@lru_cache(maxsize=10_000)  # every event that is counted asks for both ends of its period
def months_after(anchor: datetime, months: int) -> datetime:
    """Return the same day and time so many months later; where a month has no such day, its last: 31 January, 28 February, 31 March."""
    index = anchor.year * 12 + anchor.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return anchor.replace(year=year, month=month, day=min(anchor.day, monthrange(year, month)[1]))


def period_of(anchor: datetime, at: datetime) -> Period:
    """Return the month, counted from the anchor, that a moment lies in; also of moments before the anchor."""
    months = (at.year - anchor.year) * 12 + at.month - anchor.month
    if months_after(anchor, months) > at:
        months -= 1
    return Period(months_after(anchor, months), months_after(anchor, months + 1))
