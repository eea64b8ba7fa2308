"""Net, tax and gross of what is sold: exact decimals, rounded half up to the cent."""

import datetime
from collections import defaultdict
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Annotated, Final

from pydantic import StringConstraints

from converto.kernel.interface import Value
from converto.kernel.money import Amount
from converto.kernel.written import YesNo
from converto.vat.rates import Rates
from converto.vat.written import Percent, Sum

CENT: Final = Decimal("0.01")
HUNDRED: Final = Decimal(100)
STANDARD: Final = "standard"


class Rounding(StrEnum):
    """Where cents are rounded: once for each rate of the document, or on every line."""

    DOCUMENT = "document"
    LINE = "line"


class SoldLine(Value):
    """One line: an amount, with or without the tax, and its rate or its category.

    The rate holds where both are given, and the standard rate where neither is.
    """

    amount: Sum
    category: Annotated[str | None, StringConstraints(max_length=60)] = None
    rate: Percent | None = None
    gross: YesNo = False
    """Whether the amount includes the tax."""


class Sums(Value):
    """An amount without its tax, the tax, and both."""

    net: Amount
    vat: Amount
    gross: Amount


class RateSums(Sums):
    """The sums of one rate."""

    rate: Amount


class LineSums(RateSums):
    """The sums of one line."""

    category: str | None = None
    in_force: bool
    """Whether the rate is one that an invoice of the day may bear."""


class Calculation(Sums):
    """What lines come to."""

    on: datetime.date
    rounding: Rounding
    lines: tuple[LineSums, ...]
    rates: tuple[RateSums, ...]
    """By rate, the highest first."""
    rules_version: str


def rounded(amount: Decimal) -> Decimal:
    """Return an amount in whole cents."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def tax_on(net: Decimal, rate: Decimal) -> Decimal:
    """Return the tax on an amount without tax, in cents."""
    return rounded(net * rate / HUNDRED)


def tax_within(gross: Decimal, rate: Decimal) -> Decimal:
    """Return the tax within an amount that includes it, in cents."""
    return rounded(gross * rate / (HUNDRED + rate))


def margin_tax(sold: Decimal, bought: Decimal, *, rate: Decimal) -> Decimal:
    """Return the tax within a dealer's margin, in cents; a loss bears none."""
    return tax_within(max(sold - bought, Decimal(0)), rate)


def calculated(lines: Sequence[SoldLine], rates: Rates, *, on: datetime.date, rounding: Rounding = Rounding.DOCUMENT) -> Calculation:
    """Return what lines come to on a day. Raises NoRate for a category that has no rate then."""
    legal = rates.legal_set(on)
    known = [rates.rate(line.category or STANDARD, on).value if line.rate is None else line.rate for line in lines]
    each = [
        LineSums(
            **_sums(line.amount, rate, gross=line.gross),
            rate=rate,
            category=line.category if line.rate is not None else line.category or STANDARD,
            in_force=rate in legal,
        )
        for line, rate in zip(lines, known, strict=True)
    ]
    by_rate: dict[Decimal, list[tuple[SoldLine, LineSums]]] = defaultdict(list)
    for line, sums in zip(lines, each, strict=True):
        by_rate[sums.rate].append((line, sums))
    found = [_of_rate(rate, by_rate[rate], rounding) for rate in sorted(by_rate, reverse=True)]
    total = _added(found)
    return Calculation(**total, on=on, rounding=rounding, lines=tuple(each), rates=tuple(found), rules_version=rates.version)


def _of_rate(rate: Decimal, lines: Sequence[tuple[SoldLine, LineSums]], rounding: Rounding) -> RateSums:
    if rounding is Rounding.LINE:
        return RateSums(**_added([sums for _, sums in lines]), rate=rate)
    net = sum((line.amount for line, _ in lines if not line.gross), Decimal(0))
    gross = sum((line.amount for line, _ in lines if line.gross), Decimal(0))
    parts = [_sums(amount, rate, gross=is_gross) for amount, is_gross in ((net, False), (gross, True)) if amount]
    return RateSums(**_added([Sums(**part) for part in parts]), rate=rate)


def _sums(amount: Decimal, rate: Decimal, *, gross: bool) -> dict[str, Decimal]:
    whole = rounded(amount)
    if gross:
        vat = tax_within(amount, rate)
        return {"net": whole - vat, "vat": vat, "gross": whole}
    vat = tax_on(amount, rate)
    return {"net": whole, "vat": vat, "gross": whole + vat}


def _added(parts: Sequence[Sums]) -> dict[str, Decimal]:
    zero = Decimal("0.00")
    return {name: sum((getattr(part, name) for part in parts), zero) for name in ("net", "vat", "gross")}
