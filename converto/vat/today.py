"""The day that it is in Finland, by which a tax authority counts."""

import datetime
from typing import Final
from zoneinfo import ZoneInfo

from converto.kernel.clock import now

FINLAND: Final = "Europe/Helsinki"


def today() -> datetime.date:
    """Return the day that it is in Finland."""
    return finnish_day(now())


def finnish_day(moment: datetime.datetime) -> datetime.date:
    """Return the day that a moment is of in Finland."""
    return moment.astimezone(ZoneInfo(FINLAND)).date()
