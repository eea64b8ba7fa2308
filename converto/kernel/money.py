"""Amounts of money: exact decimals with a currency, never floats."""

import re
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BeforeValidator, PlainSerializer, StringConstraints, WithJsonSchema

from converto.kernel.interface import Value

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
_PLAIN = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?", re.ASCII)
_PLAIN_SCHEMA = {"type": "string", "pattern": f"^{_PLAIN.pattern}$", "examples": ["25.00"]}
Amount = Annotated[Decimal, PlainSerializer(lambda amount: format(amount, "f"), return_type=str, when_used="json")]


def _plain(given: object) -> object:
    if isinstance(given, Decimal) or (isinstance(given, str) and _PLAIN.fullmatch(given)):
        return given
    msg = 'an amount is written "25.00"'
    raise ValueError(msg)


class Money(Value):
    """An amount in one currency; on the wire `{"amount": "12.34", "currency": "EUR"}`."""

    amount: Amount
    currency: Currency = "EUR"

    @classmethod
    def of_cents(cls, cents: int, currency: Currency = "EUR") -> Self:
        """Return so many hundredths of a currency's unit."""
        return cls(amount=Decimal(cents).scaleb(-2), currency=currency)


class Ceiling(Money):
    """An amount that somebody says may be spent at most: never below zero, and written as a text."""

    amount: Annotated[Amount, BeforeValidator(_plain), WithJsonSchema(_PLAIN_SCHEMA, mode="validation")]
