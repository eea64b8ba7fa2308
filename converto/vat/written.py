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
_TENTH_OF_MILLI, _MILLI, _MICRO = Decimal("0.00001"), Decimal("0.001"), Decimal("0.000001")


def _written(pattern: str, step: Decimal, what: str) -> Callable[[Any], Decimal]:
    wanted = re.compile(pattern, re.ASCII)

    def read(given: Any) -> Decimal:
        if isinstance(given, int | float) and not isinstance(given, bool):
            try:
                given = Decimal(repr(given)).quantize(step, rounding=ROUND_HALF_UP)
            except ArithmeticError as error:
                raise ValueError(what) from error
        text = format(given, "f") if isinstance(given, Decimal) else given
        if not isinstance(text, str) or not wanted.fullmatch(text):
            raise ValueError(what)
        return Decimal(text)

    return read


def _schema(pattern: str, *, least: float, most: float) -> WithJsonSchema:
    kinds = [{"type": "string", "pattern": pattern}, {"type": "number", "minimum": least, "maximum": most}]
    return WithJsonSchema({"anyOf": kinds}, mode="validation")


Sum = Annotated[
    Amount, BeforeValidator(_written(SUM_PATTERN, _MICRO, 'an amount is written "12.34"')), _schema(SUM_PATTERN, least=-999e9, most=999e9)
]
"""An amount of money."""
Percent = Annotated[
    Amount,
    BeforeValidator(_written(PERCENT_PATTERN, _MILLI, 'a percentage is written "25.5", and is less than 100')),
    _schema(PERCENT_PATTERN, least=0, most=99),
]
"""A percentage from 0 to less than 100."""
Share = Annotated[
    Amount,
    BeforeValidator(_written(SHARE_PATTERN, _TENTH_OF_MILLI, 'a share is written "0.5", and is from 0 to 1')),
    _schema(SHARE_PATTERN, least=0, most=1),
]
"""A share from 0 to 1."""
