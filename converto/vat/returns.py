"""The return of a period: its lines by number, where each figure comes from, and what changed since it was filed."""

import datetime
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import Field

from converto.kernel.interface import Value
from converto.kernel.money import Amount
from converto.vat.boxes import DEDUCTION, NO_ACTIVITY, PAYABLE, Form, Names
from converto.vat.calendar import Period, PeriodKind
from converto.vat.thresholds import Threshold
from converto.vat.vouchers import Evidence

ZERO: Final = Decimal("0.00")


class ReturnStatus(StrEnum):
    """Where a return stands."""

    OPEN = "open"
    """Its period goes on: the figures are those of now."""
    ENDED = "ended"
    FILED = "filed"
    CORRECTING = "correcting"
    """It was filed, and a replacement is being made."""


class BoxLine(Value):
    """One line of a return."""

    box: str
    names: Names
    amount: Amount


class Return(Value):
    """The return of a period."""

    period: str
    kind: PeriodKind
    first: datetime.date
    last: datetime.date
    due: datetime.date
    status: ReturnStatus
    boxes: dict[str, Amount]
    """By number, without those that are zero; 308 always."""
    lines: tuple[BoxLine, ...]
    payable: Amount
    """Negative where it is refundable."""
    version: int = 0
    """0 before it is filed; 1 for what was filed first, one more for each replacement."""
    reason: str | None = None
    """Why it replaces the one before."""
    rules_version: str
    filed_at: datetime.datetime | None = None
    filed_by: UUID | None = None
    entries_upto: int
    """The last entry of the chain that it counts."""


class Explained(Value):
    """One entry that a box is made of, down to the rectangle on the page."""

    entry: int
    voucher_id: UUID
    voucher_number: int
    year: int
    line: int
    amount: Amount
    """What it adds to the box."""
    tax_date: datetime.date
    treatment: str
    rate: Amount
    net: Amount
    vat: Amount
    deductible_vat: Amount
    supplier: str | None = None
    description: str | None = None
    scan_id: UUID | None = None
    evidence: Evidence | None = None


class Explanation(Value):
    """A box, and what it is made of."""

    period: str
    box: str
    names: Names
    amount: Amount
    made_of: dict[str, Amount] = Field(default_factory=dict)
    """For the sum: the other boxes, each with its sign."""
    items: tuple[Explained, ...] = ()
    next_cursor: str | None = None


class Difference(Value):
    """A box of a return: as it was filed, and as the entries are now."""

    filed: Amount
    now: Amount


class FiledDiff(Value):
    """What a return would say now beside what was filed."""

    period: str
    version: int
    changed: dict[str, Difference]
    """By box."""


class PeriodStanding(Value):
    """A period in the list of a company."""

    period: str
    kind: PeriodKind
    first: datetime.date
    last: datetime.date
    due: datetime.date
    status: ReturnStatus


class Obligation(Value):
    """Something to file by a day."""

    period: str
    what: str
    due: datetime.date
    days_left: int
    overdue: bool
    payable: Amount
    late_fee: Amount
    """An estimate of what it costs if it is filed today."""


class Obligations(Value):
    """What is to be filed, and how near the turnover is to the limit of small businesses."""

    items: tuple[Obligation, ...]
    threshold: Threshold
    previous_year: Threshold


class Contribution(Value):
    """What the entries of one base box and one tax box come to, in cents."""

    base_box: str | None
    tax_box: str | None
    net: int
    vat: int
    deductible: int


def boxes_of(contributions: list[Contribution], form: Form, *, on: datetime.date) -> dict[str, Decimal]:
    """Return the boxes of a return by number, without those that are zero, and always what is payable."""
    sums: dict[str, Decimal] = {}

    def add(box: str | None, cents: int) -> None:
        if box is not None:
            sums[box] = sums.get(box, ZERO) + Decimal(cents).scaleb(-2)

    for one in contributions:
        add(one.base_box, one.net)
        add(one.tax_box, one.vat)
        add(DEDUCTION, one.deductible)
    known = {box.id for box in form.of(on)}
    found = {box: amount for box, amount in sorted(sums.items()) if amount and box in known}
    return found | {PAYABLE: form.sum_due(found)}


def is_empty(boxes: Mapping[str, Decimal]) -> bool:
    """Tell whether a return says that there was no activity: box 056."""
    return not any(boxes.values())


def lines_of(boxes: Mapping[str, Decimal], form: Form, *, on: datetime.date) -> tuple[BoxLine, ...]:
    """Return every line that a return of a day has, in its order, with its amount."""
    shown = [box for box in form.of(on) if box.kind not in ("flag", "relief") or box.id in boxes]
    lines = [BoxLine(box=box.id, names=box.names, amount=boxes.get(box.id, ZERO)) for box in shown]
    empty = form.box(NO_ACTIVITY)
    return (*lines, BoxLine(box=NO_ACTIVITY, names=empty.names, amount=Decimal(1))) if is_empty(boxes) and empty else tuple(lines)


def differences(filed: Mapping[str, Decimal], now: Mapping[str, Decimal]) -> dict[str, Difference]:
    """Return the boxes that differ."""
    both = {box: Difference(filed=filed.get(box, ZERO), now=now.get(box, ZERO)) for box in sorted({*filed, *now})}
    return {box: difference for box, difference in both.items() if difference.filed != difference.now}


def standing(period: Period, *, today: datetime.date, filed: bool, correcting: bool) -> ReturnStatus:
    """Return where the return of a period stands."""
    if correcting:
        return ReturnStatus.CORRECTING
    if filed:
        return ReturnStatus.FILED
    return ReturnStatus.OPEN if today <= period.last else ReturnStatus.ENDED
