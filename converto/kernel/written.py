"""Types of what comes from outside, taken only as the OpenAPI document writes them: no `"5"` for 5, no `true` for 1, no 0 for 1970."""

import re
from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator, Strict

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:?\d{2})", re.ASCII)


def _day(given: Any) -> Any:
    if isinstance(given, date) or (isinstance(given, str) and _DAY.fullmatch(given)):
        return given
    msg = "a day is written 2026-11-23"
    raise ValueError(msg)


def _moment(given: Any) -> Any:
    if isinstance(given, date) or (isinstance(given, str) and _MOMENT.fullmatch(given)):
        return given
    msg = "a moment is written 2026-11-23T08:00:00Z"
    raise ValueError(msg)


def _whole(given: Any) -> Any:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return given
    msg = "a whole number is written without quotes"
    raise ValueError(msg)


Number = Annotated[float, Strict()]
YesNo = Annotated[bool, Strict()]
Day = Annotated[date, BeforeValidator(_day)]
WHOLE = BeforeValidator(_whole)
"""Beside an `int` and its bounds, the last of them: 5 and 5.0, which JSON holds for the same."""
WRITTEN_MOMENT = BeforeValidator(_moment)
"""Beside an `AwareDatetime` and its bounds, the last of them."""
