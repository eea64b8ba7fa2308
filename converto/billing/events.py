"""The facts that billing tells."""

from datetime import datetime
from typing import ClassVar

from converto.kernel.event import Event
from converto.kernel.interface import Value
from converto.kernel.money import Money


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


class _OfSubscription(Value):
    """How a subscription stands."""

    subject_field: ClassVar[str | None] = "subscription_id"

    subscription_id: str
    plan: str
    interval: str
    status: str
    period_end: datetime
    cancels_at: datetime | None


class SubscriptionCreated(_OfSubscription, Event):
    """A company has subscribed."""

    type: ClassVar[str] = "billing.subscription.created"


class SubscriptionUpdated(_OfSubscription, Event):
    """Another plan, a new period, a failed payment, or an end that is set or lifted: what holds now."""

    type: ClassVar[str] = "billing.subscription.updated"


class SubscriptionCancelled(_OfSubscription, Event):
    """A subscription has ended."""

    type: ClassVar[str] = "billing.subscription.cancelled"


class _OfPayment(Value):
    """A try to have something paid."""

    subject_field: ClassVar[str | None] = "payment_id"

    payment_id: str
    amount: Money


class PaymentSucceeded(_OfPayment, Event):
    """A payment has come."""

    type: ClassVar[str] = "billing.payment.succeeded"


class PaymentFailed(_OfPayment, Event):
    """A payment was declined."""

    type: ClassVar[str] = "billing.payment.failed"

    reason: str | None


class PaymentsSpoke(Event):
    """The payment service has said something of a company: look what it has now."""

    type: ClassVar[str] = "billing.payments.spoke"
    subject_field: ClassVar[str | None] = "customer_id"
    internal: ClassVar[bool] = True

    customer_id: str
