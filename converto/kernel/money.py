"""Amounts of money: exact decimals with a currency, never floats."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import PlainSerializer, StringConstraints

from converto.kernel.interface import Value

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Amount = Annotated[Decimal, PlainSerializer(lambda amount: format(amount, "f"), return_type=str, when_used="json")]


class Money(Value):
    """An amount in one currency; on the wire `{"amount": "12.34", "currency": "EUR"}`."""

    amount: Amount
    currency: Currency = "EUR"

    @classmethod
    def of_cents(cls, cents: int, currency: Currency = "EUR") -> Self:
        """Return so many hundredths of a currency's unit."""
        return cls(amount=Decimal(cents).scaleb(-2), currency=currency)
