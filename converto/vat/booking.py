"""From a line as it is given to the line that is booked: pure arithmetic on the rules."""

import datetime
from decimal import Decimal
from typing import Final

from converto.kernel.errors import Invalid
from converto.vat.boxes import Form, Treatment
from converto.vat.calculation import margin_tax, rounded, tax_on, tax_within
from converto.vat.rates import Rates
from converto.vat.vouchers import Basis, Line, NewLine

ZERO: Final = Decimal("0.00")
KEPT_YEARS: Final = 6
"""Vouchers are kept six years from the end of the calendar year in which the financial year ended (Accounting Act 2:10)."""


class BadLine(Invalid):
    """A line whose amounts cannot be booked."""

    code = "vat.bad_line"
    message = "Line {line}: {reason}"


def booked_line(given: NewLine, at: int, *, rates: Rates, form: Form, on: datetime.date) -> Line:
    """Return a line with amounts in whole cents, and where it reports; `at` counts from one. Raises BadLine."""
    tier = rates.tier(given.rate, on)
    if tier is None:
        raise BadLine(line=at, reason=f"{given.rate:f} % has never been a rate of VAT in {rates.country}.")
    reporting = form.treatments[given.treatment]
    is_buyers = reporting.buyer_works_out
    bears_tax = reporting.tax is not None or reporting.deducts
    computed = _computed(given, at) if bears_tax else ZERO
    printed = None if given.vat is None or is_buyers else rounded(given.vat)
    if printed and not bears_tax:
        raise BadLine(line=at, reason=f"{given.treatment} bears no tax, but {printed:f} is given.")
    vat = computed if printed is None else printed
    net, gross = _net_and_gross(given, at, vat=ZERO if is_buyers else vat)
    base_box = form.base_box(given.treatment, tier)
    return Line(
        **given.model_dump(include={"treatment", "rate", "category", "description", "buyer_country", "buyer_vat_id"}),
        net=net,
        vat=vat,
        vat_printed=printed,
        vat_computed=computed,
        gross=gross,
        basis=given.basis or (Basis.COMPUTED if printed is None else Basis.TYPED),
        deductible_share=given.deductible_share,
        deductible_vat=rounded(vat * given.deductible_share) if reporting.deducts else ZERO,
        base_box=base_box,
        tax_box=form.tax_box(given.treatment, tier),
        evidence=given.evidence,
    )


def _computed(given: NewLine, at: int) -> Decimal:
    if given.treatment is Treatment.MARGIN_SALE:
        if given.bought_for is None:
            return rounded(given.vat) if given.vat is not None else _missing(at, "what it was bought for")
        return margin_tax(given.gross or given.net or ZERO, given.bought_for, rate=given.rate)
    if given.net is not None:
        return tax_on(given.net, given.rate)
    if given.gross is not None:
        return tax_within(given.gross, given.rate)
    return _missing(at, "net or gross")


def _missing(at: int, what: str) -> Decimal:
    raise BadLine(line=at, reason=f"{what} is missing.")


def _net_and_gross(given: NewLine, at: int, *, vat: Decimal) -> tuple[Decimal, Decimal]:
    if given.treatment is Treatment.MARGIN_SALE and given.net is None and given.gross is None:
        return ZERO, vat
    if given.net is None and given.gross is None:
        _missing(at, "net or gross")
    net = rounded(given.net) if given.net is not None else rounded(given.gross or ZERO) - vat
    gross = rounded(given.gross) if given.gross is not None else net + vat
    if net + vat != gross:
        raise BadLine(line=at, reason=f"{net:f} and {vat:f} of tax are {net + vat:f}, and not {gross:f}.")
    return net, gross


def negated(line: Line) -> Line:
    """Return the line that takes another back."""
    signs = ("net", "vat", "vat_computed", "gross", "deductible_vat")
    changed = {name: -getattr(line, name) for name in signs}
    return line.model_copy(update={**changed, "vat_printed": None if line.vat_printed is None else -line.vat_printed})


def retain_until(booked: datetime.date) -> datetime.date:
    """Return the last day on which a voucher is kept, for a financial year that is the calendar year."""
    return datetime.date(booked.year + KEPT_YEARS, 12, 31)
