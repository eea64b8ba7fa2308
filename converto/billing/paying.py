"""What may be asked of billing where plans are sold: subscriptions, invoices, payments."""

import datetime
from typing import Literal, Protocol
from uuid import UUID

from pydantic import Field

from converto.kernel.actor import Actor
from converto.kernel.errors import Conflict, Invalid, NotFound
from converto.kernel.interface import Interface, Value, command, query
from converto.kernel.money import Money

PlanName = Literal["starter", "professional", "enterprise"]
IntervalName = Literal["month", "year"]


class NewSubscription(Value):
    """What somebody subscribes to."""

    plan: PlanName
    interval: IntervalName = "month"
    country: str = Field(default="FI", pattern="^[A-Z]{2}$")
    company_name: str | None = Field(default=None, min_length=1, max_length=200)
    vat_id: str | None = Field(default=None, pattern="^[A-Z]{2}[0-9A-Z+*]{2,13}$")
    coupon: str | None = Field(default=None, min_length=1, max_length=100)


class Change(Value):
    """Another plan, or another rhythm of paying."""

    plan: PlanName
    interval: IntervalName = "month"
    at: datetime.datetime | None = None
    """The moment of a preview: the invoice is then the one that it showed."""


class Subscription(Value):
    """What a company has subscribed to."""

    id: str
    plan: str
    interval: str
    status: str
    period_start: datetime.datetime
    period_end: datetime.datetime
    cancels_at: datetime.datetime | None
    trial_ends_at: datetime.datetime | None


class Subscribed(Value):
    """Where somebody who wants to subscribe goes on."""

    checkout_url: str | None = None
    subscription: Subscription | None = None


class PreviewLine(Value):
    """One line of an invoice to come, without VAT."""

    description: str
    amount: Money


class Preview(Value):
    """What a change of plan costs at once; below zero it is kept for the next invoices."""

    at: datetime.datetime
    lines: tuple[PreviewLine, ...]
    net: Money
    vat: Money
    total: Money
    due: Money
    """What is charged to the card."""


class Invoice(Value):
    """An invoice."""

    id: str
    number: str | None
    status: str
    reason: str | None
    created_at: datetime.datetime
    net: Money
    vat: Money
    total: Money
    paid: Money
    is_reverse_charge: bool
    url: str | None


class Payment(Value):
    """A try to have something paid."""

    id: str
    status: str
    created_at: datetime.datetime
    amount: Money
    refunded: Money
    failure: str | None


class Reconciled(Value):
    """What was found when one company was compared with the payment service, and mended."""

    changed: int
    """Subscriptions, invoices and charges that we had otherwise, or not at all."""
    details: tuple[str, ...] = ()


class NoSubscription(NotFound):
    """The company has no subscription that runs."""

    code = "billing.no_subscription"
    message = "Your company has no subscription; POST /billing/subscription makes one."


class AlreadySubscribed(Conflict):
    """The company has a subscription that runs."""

    code = "billing.already_subscribed"
    message = "Your company has the plan {plan} already; PATCH /billing/subscription changes it."


class SamePlan(Conflict):
    """The company has this very plan."""

    code = "billing.same_plan"
    message = "Your company has the plan {plan}, paid by the {interval}, already."


class UnknownPayment(NotFound):
    """The company has no such payment."""

    code = "billing.unknown_payment"
    message = "There is no payment {payment_id}."


class BadRefund(Invalid):
    """More than was paid, or of nothing that was."""

    code = "billing.bad_refund"
    message = "Of the payment {payment_id} at most {left} cents can be given back."


class Paying(Interface, Protocol):
    """Has companies pay; each of these raises NotSold where nobody sells plans, and PaymentsAway, CardDeclined, PaymentRefused."""

    @query
    async def subscription(self, actor: Actor) -> Subscription:
        """Return what the company has subscribed to, also where it has ended. Raises NoSubscription."""
        ...

    @command(timeout_s=60)
    async def subscribe(self, actor: Actor, wanted: NewSubscription) -> Subscribed:
        """Open a page where the company subscribes; nothing has begun before the payment service says so.

        Raises AlreadySubscribed, BadVatId.
        """
        ...

    @query(timeout_s=60)
    async def preview(self, actor: Actor, change: Change) -> Preview:
        """Return what a change of plan costs. Raises NoSubscription, SamePlan."""
        ...

    @command(timeout_s=60)
    async def change(self, actor: Actor, change: Change) -> Subscription:
        """Change the plan at once; what is used of the running period stays used. Raises NoSubscription, SamePlan."""
        ...

    @command(timeout_s=60)
    async def cancel(self, actor: Actor, *, at_once: bool = False) -> Subscription:
        """End the subscription with what is paid, or at once. Raises NoSubscription."""
        ...

    @command(timeout_s=60)
    async def resume(self, actor: Actor) -> Subscription:
        """Let a subscription go on that was to end. Raises NoSubscription."""
        ...

    @command(timeout_s=60)
    async def portal(self, actor: Actor) -> str:
        """Open a page where the company changes its card; returns the address. Raises NoSubscription."""
        ...

    @query
    async def invoices(self, actor: Actor, *, limit: int = 50) -> tuple[Invoice, ...]:
        """Return the newest invoices."""
        ...

    @query
    async def payments(self, actor: Actor, *, limit: int = 50, tenant_id: UUID | None = None) -> tuple[Payment, ...]:
        """Return the newest payments; for the operator those of any company."""
        ...

    @query
    async def payment(self, actor: Actor, payment_id: str, *, tenant_id: UUID | None = None) -> Payment:
        """Return one payment; for the operator one of any company. Raises UnknownPayment."""
        ...

    @command(timeout_s=60)
    async def refund(
        self, actor: Actor, payment_id: str, *, cents: int, reference: str | None = None, tenant_id: UUID | None = None
    ) -> None:
        """Give a payment back, or a part of it, once under a reference; for the operator. Raises BadRefund."""
        ...

    @command
    async def receive_webhook(self, payload: bytes, signature: str) -> None:
        """Keep what the payment service says; what it is about is looked at afterwards. Raises BadSignature."""
        ...

    @command(timeout_s=120)
    async def reconcile(self, actor: Actor, *, tenant_id: UUID | None = None) -> Reconciled:
        """Compare a company with what the payment service has, and mend what is ours; for the operator."""
        ...
