"""The facts that billing tells."""

from datetime import datetime
from typing import ClassVar

from converto.kernel.event import Event


class UsageRecorded(Event):
    """Something was used: `quantity` more than before, in one or in several pieces."""

    type: ClassVar[str] = "billing.usage.recorded"
    subject_field: ClassVar[str | None] = "feature"

    feature: str
    quantity: int
    used: int
    """In the period, with this."""
    limit: int | None
    period_start: datetime
    period_end: datetime


class LimitNear(Event):
    """A company has used 80 or 100 per cent of what its plan holds; told once for each period."""

    type: ClassVar[str] = "billing.limit.reached"
    subject_field: ClassVar[str | None] = "feature"

    feature: str
    percent: int
    used: int
    limit: int
    period_start: datetime
    resets_at: datetime
