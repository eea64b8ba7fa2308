"""What other modules, and the REST API, may ask of billing."""

import datetime
from typing import Literal, Protocol
from uuid import UUID

from pydantic import Field

from converto.billing.correcting import AgreedOverride, Correcting, NewOverride, PastOverride, UnknownOverride
from converto.billing.paying import (
    AlreadySubscribed,
    BadRefund,
    Change,
    Invoice,
    NewSubscription,
    NoSubscription,
    Paying,
    Payment,
    Preview,
    Reconciled,
    SamePlan,
    Subscribed,
    Subscription,
    UnknownPayment,
)
from converto.kernel.actor import Actor
from converto.kernel.errors import Forbidden, Invalid
from converto.kernel.interface import Value, command, query
from converto.kernel.money import Money
from converto.kernel.paid_work import LARGEST_QUANTITY, LimitReached, PaidWork, Use

# what every module may ask, and what is asked where plans are sold, are part of this interface, though they have files of their own
__all__ = [
    "AgreedOverride",
    "AlreadySubscribed",
    "BadRefund",
    "Change",
    "Correcting",
    "Invoice",
    "LimitReached",
    "NewOverride",
    "NewSubscription",
    "NoSubscription",
    "PaidWork",
    "PastOverride",
    "Paying",
    "Payment",
    "Preview",
    "Reconciled",
    "SamePlan",
    "Subscribed",
    "Subscription",
    "UnknownOverride",
    "UnknownPayment",
    "Use",
]

FeatureName = Literal[
    "ocr_scans_per_month", "vision_analyses_per_month", "ai_tokens_per_month", "ai_spend_per_month",
    "api_access", "analytics", "seats", "webhooks",
]  # fmt: skip
CountedFeature = Literal["ocr_scans_per_month", "vision_analyses_per_month", "ai_tokens_per_month", "ai_spend_per_month"]


class Plan(Value):
    """A plan as it is sold now."""

    name: str
    title: str
    version: int
    monthly: Money
    yearly: Money
    trial_days: int
    limits: dict[str, int | None]
    """By feature; null is without end, and 0 not at all. `ai_spend_per_month` is in millionths of a euro."""


class Allowance(Value):
    """How much of a feature a company may use."""

    feature: str
    limit: int | None
    """None is without end."""
    is_hard: bool
    """Whether what is beyond is refused."""
    used: int | None = None
    """In the running period; None of what is not counted by the month."""
    reserved: int | None = None
    remaining: int | None = None


class Entitlements(Value):
    """What a company may do now."""

    plan: str
    status: str
    """unmetered, granted, trialing, active, past_due or read_only."""
    version: int
    """Grows with every change."""
    period_start: datetime.datetime
    period_end: datetime.datetime
    trial_ends_at: datetime.datetime | None = None
    paid_until: datetime.datetime | None = None
    grace_until: datetime.datetime | None = None
    features: tuple[Allowance, ...]


class UsagePeriod(Value):
    """From its start on, up to its end and not including it."""

    start: datetime.datetime
    end: datetime.datetime


class Recorded(Value):
    """How a feature stands after something was counted."""

    feature: str
    used: int
    limit: int | None
    remaining: int | None
    period: UsagePeriod


class DayOfUsage(Value):
    """What was used on a day, UTC."""

    day: datetime.date
    quantity: int


class FeatureUsage(Value):
    """What was used of a feature, day by day."""

    feature: str
    quantity: int
    """Of all the days."""
    days: tuple[DayOfUsage, ...]


class Usage(Value):
    """Something that was used."""

    feature: CountedFeature
    quantity: int = Field(ge=1, le=LARGEST_QUANTITY)
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=150)
    occurred_at: datetime.datetime | None = None


class ForeignUsage(Forbidden):
    """Usage of a company that the caller does not act for."""

    code = "billing.foreign_usage"
    message = "You may record the usage of your own company only."


class KeyReused(Invalid):
    """A key that has been counted with another quantity."""

    code = "billing.key_reused"
    message = "Under the key {key} another quantity has been counted; choose a new key."


class BadMoment(Invalid):
    """Usage of too long ago, or of a time to come."""

    code = "billing.bad_moment"
    message = "Usage is recorded within {days} days, and not before it happens."


class BadSpan(Invalid):
    """Days that are too many, or none."""

    code = "billing.bad_span"
    message = "Ask for 1 to {days} days; the last is not before the first."


class Billing(PaidWork, Paying, Correcting, Protocol):
    """Counts what companies use, says what they may, and has them pay for it."""

    @query
    async def plans(self) -> tuple[Plan, ...]:
        """Return the plans on sale, the cheapest first."""
        ...

    @query
    async def entitlements(self, actor: Actor) -> Entitlements:
        """Return what the company may do now, and what of it is used."""
        ...

    @command
    async def record(self, actor: Actor, usage: Usage, *, tenant_id: UUID | None = None) -> Recorded:
        """Count something that was used; the same idempotency key is counted once.

        Raises LimitReached, KeyReused, BadMoment, and ForeignUsage for another company than the actor's.
        """
        ...

    @command
    async def correct(self, actor: Actor, feature: CountedFeature, *, key: str, tenant_id: UUID | None = None) -> None:
        """Count what is under a key back, once, by an entry of its own in the same period; for the operator."""
        ...

    @query
    async def usage(
        self, actor: Actor, *, feature: CountedFeature | None = None, since: datetime.date | None = None, until: datetime.date | None = None
    ) -> tuple[FeatureUsage, ...]:
        """Return what was used by feature and day, of the last 31 days unless said otherwise. Raises BadSpan."""
        ...
