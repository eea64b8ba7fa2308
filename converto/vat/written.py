"""Amounts and percentages as they come from outside: texts, or numbers as JSON writes them, never more digits than are kept."""

import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from converto.kernel.money import Amount

SUM_PATTERN = r"^-?[0-9]{1,12}(\.[0-9]{1,6})?$"
PERCENT_PATTERN = r"^[0-9]{1,2}(\.[0-9]{1,3})?$"
SHARE_PATTERN = r"^(0(\.[0-9]{1,5})?|1(\.0{1,5})?)$"
_SUMS = (-999e9, 999e9)
"""Within what an amount may be a number: a text has digits enough for more."""
_TENTH_OF_MILLI, _MILLI, _MICRO = Decimal("0.00001"), Decimal("0.001"), Decimal("0.000001")


def _written(pattern: str, step: Decimal, what: str, *, numbers: tuple[float, float]) -> Callable[[Any], Decimal]:
    wanted, (least, most) = re.compile(pattern, re.ASCII), numbers

    def read(given: Any) -> Decimal:
        if isinstance(given, int | float) and not isinstance(given, bool):
            if not least <= given <= most:
                raise ValueError(what)
            given = Decimal(repr(given)).quantize(step, rounding=ROUND_HALF_UP)
        text = format(given, "f") if isinstance(given, Decimal) else given
        if not isinstance(text, str) or not wanted.fullmatch(text):
            raise ValueError(what)
        return Decimal(text)

    return read


def _schema(pattern: str, *, numbers: tuple[float, float]) -> WithJsonSchema:
    kinds = [{"type": "string", "pattern": pattern}, {"type": "number", "minimum": numbers[0], "maximum": numbers[1]}]
    return WithJsonSchema({"anyOf": kinds}, mode="validation")


Sum = Annotated[
    Amount,
    BeforeValidator(_written(SUM_PATTERN, _MICRO, 'an amount is written "12.34"', numbers=_SUMS)),
    _schema(SUM_PATTERN, numbers=_SUMS),
]
"""An amount of money."""
Percent = Annotated[
    Amount,
    BeforeValidator(_written(PERCENT_PATTERN, _MILLI, 'a percentage is written "25.5", and is less than 100', numbers=(0, 99))),
    _schema(PERCENT_PATTERN, numbers=(0, 99)),
]
"""A percentage from 0 to less than 100."""
Share = Annotated[
    Amount,
    BeforeValidator(_written(SHARE_PATTERN, _TENTH_OF_MILLI, 'a share is written "0.5", and is from 0 to 1', numbers=(0, 1))),
    _schema(SHARE_PATTERN, numbers=(0, 1)),
]
"""A share from 0 to 1."""
