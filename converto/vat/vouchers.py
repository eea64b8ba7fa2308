"""Vouchers and their lines of tax, as the module and its callers speak of them."""

import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from converto.kernel.interface import Value
from converto.kernel.money import Amount, Currency
from converto.kernel.written import Number
from converto.vat.boxes import Treatment
from converto.vat.written import Percent, Share, Sum

Text = Annotated[str, StringConstraints(max_length=200)]


class Basis(StrEnum):
    """Where the tax of a line comes from."""

    PRINTED = "printed"
    COMPUTED = "computed"
    TYPED = "typed"
    E_INVOICE = "e-invoice"


class VoucherStatus(StrEnum):
    """Where a voucher stands."""

    DRAFT = "draft"
    BOOKED = "booked"


class VoucherSource(StrEnum):
    """How a voucher came."""

    TYPED = "typed"
    SCAN = "scan"
    E_INVOICE = "e-invoice"
    REVERSAL = "reversal"


class Place(Value):
    """A rectangle on a page, as shares of its width and height from the upper left corner."""

    x: Number
    y: Number
    width: Number
    height: Number


class Evidence(Value):
    """Where a figure stands on the document."""

    page: Annotated[int, Field(ge=1, le=10_000)] = 1
    box: Place | None = None
    words: Text | None = None
    engine: Text | None = None
    confidence: Annotated[Number, Field(ge=0, le=1)] | None = None


class NewLine(Value):
    """One line of tax as it is given: net and rate, or gross and rate; tax that is printed is taken as printed."""

    treatment: Treatment
    rate: Percent = Decimal(0)
    net: Sum | None = None
    vat: Sum | None = None
    """The tax as printed; without it it is worked out."""
    gross: Sum | None = None
    basis: Basis | None = None
    deductible_share: Share = Decimal(1)
    category: Text | None = None
    description: Text | None = None
    buyer_country: Annotated[str | None, StringConstraints(pattern=r"^[A-Z]{2}$")] = None
    buyer_vat_id: Text | None = None
    bought_for: Sum | None = None
    """What a margin dealer bought it for."""
    items: Annotated[int | None, Field(ge=1, le=10_000)] = None
    """How many things the row is of, where that is known: registers round the tax of each."""
    evidence: Evidence | None = None


class Line(Value):
    """One line of tax as it is booked: amounts in cents that add up."""

    treatment: Treatment
    rate: Amount
    net: Amount
    vat: Amount
    """What is reported: as printed where it is."""
    vat_printed: Amount | None = None
    vat_computed: Amount
    gross: Amount
    basis: Basis
    deductible_share: Amount
    deductible_vat: Amount
    """What is deducted: zero for a sale."""
    category: str | None = None
    description: str | None = None
    buyer_country: str | None = None
    buyer_vat_id: str | None = None
    base_box: str | None = None
    tax_box: str | None = None
    evidence: Evidence | None = None


class FindingText(Value):
    """What a finding says in one language, and what mends it."""

    message: str
    fix: str


class VoucherFinding(Value):
    """Something about a voucher that a person should know before it is booked."""

    code: str
    severity: Literal["info", "warning", "error"]
    law: str | None = None
    line: int | None = None
    """Which line it is about, counted from one."""
    details: dict[str, str] = Field(default_factory=dict)
    fi: FindingText
    sv: FindingText
    en: FindingText


class NewVoucher(Value):
    """A voucher as it is given."""

    supplier: Text | None = None
    seller_id: Text | None = None
    """The seller's business id or VAT number."""
    buyer: Text | None = None
    document_date: datetime.date
    supply_date: datetime.date | None = None
    payment_date: datetime.date | None = None
    cash_basis: bool = False
    """Whether the tax belongs to the period of the payment."""
    currency: Currency = "EUR"
    currency_rate: Sum | None = None
    """How many euros one unit of the currency is."""
    total: Sum | None = None
    receipt_number: Text | None = None
    reference_number: Text | None = None
    iban: Text | None = None
    description: Text | None = None
    scan_id: UUID | None = None
    original_sha256: Annotated[str | None, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = None
    """Of the document, which is kept unchanged."""
    lines: Annotated[tuple[NewLine, ...], Field(min_length=1, max_length=500)]

    @property
    def tax_date(self) -> datetime.date:
        """Give the day that decides about the period."""
        paid = self.payment_date if self.cash_basis else None
        return paid or self.supply_date or self.document_date


class Decision(Value):
    """Who decided that a voucher is booked."""

    by: Literal["person", "api_key", "rule", "service"]
    id: UUID | None = None
    at: datetime.datetime


class Voucher(Value):
    """A voucher: once it is booked nothing of it changes."""

    id: UUID
    status: VoucherStatus
    source: VoucherSource
    number: int | None = None
    """Counts the vouchers of a year without a gap; None while it is a draft."""
    year: int | None = None
    supplier: str | None = None
    seller_id: str | None = None
    buyer: str | None = None
    document_date: datetime.date
    supply_date: datetime.date | None = None
    payment_date: datetime.date | None = None
    tax_date: datetime.date
    cash_basis: bool = False
    currency: str = "EUR"
    currency_rate: Amount | None = None
    total: Amount
    vat_total: Amount
    receipt_number: str | None = None
    reference_number: str | None = None
    iban: str | None = None
    description: str | None = None
    scan_id: UUID | None = None
    original_sha256: str | None = None
    lines: tuple[Line, ...] = ()
    findings: tuple[VoucherFinding, ...] = ()
    reverses: UUID | None = None
    reversed_by: UUID | None = None
    reason: str | None = None
    """Why it reverses another."""
    retain_until: datetime.date
    """The last day on which the law has it kept."""
    rules_version: str
    ruled_by: UUID | None = None
    """The company's own rule about the supplier that filled it in."""
    created_at: datetime.datetime
    created_by: UUID | None = None
    booked_at: datetime.datetime | None = None
    decided: Decision | None = None


class VoucherFilter(Value):
    """Which vouchers a list shows."""

    status: VoucherStatus | None = None
    since: datetime.date | None = None
    """The first day, by the day that decides about the period."""
    until: datetime.date | None = None
