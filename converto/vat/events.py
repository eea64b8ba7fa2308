"""The facts that value added tax tells."""

import datetime
from typing import ClassVar
from uuid import UUID

from converto.kernel.event import Event
from converto.kernel.money import Money


class VoucherBooked(Event):
    """A voucher was booked; it will never change."""

    type: ClassVar[str] = "vat.voucher.booked"
    subject_field: ClassVar[str | None] = "voucher_id"

    voucher_id: UUID
    number: int
    year: int
    tax_date: datetime.date
    total: Money
    vat: Money
    reverses: UUID | None = None


class ReturnFiled(Event):
    """The return of a period was frozen as filed."""

    type: ClassVar[str] = "vat.return.filed"
    subject_field: ClassVar[str | None] = "period"

    period: str
    filing: int
    """1 for what was filed first, one more for each replacement."""
    payable: Money
    due: datetime.date


class PeriodDueSoon(Event):
    """A period is due in a few days, and is not filed."""

    type: ClassVar[str] = "vat.period.due_soon"
    subject_field: ClassVar[str | None] = "period"

    period: str
    due: datetime.date
    days_left: int
    payable: Money
    """As the entries are now; negative where it is refundable."""
