"""The port to whoever takes the money."""

from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from converto.billing.plans import Interval, PlanVersion
from converto.billing.seen import Quote, Seen, SeenCharge, SeenSubscription
from converto.billing.tax import Treatment
from converto.kernel.errors import Conflict, PaymentRequired, Unavailable


class NotSold(Conflict):
    """This installation takes no money."""

    code = "billing.not_sold"
    message = "This installation sells no plans: everything that it does is yours already."


class PaymentsAway(Unavailable):
    """The payment service does not answer."""

    code = "billing.payments_away"
    message = "The payment service does not answer now; nothing was charged twice, try again shortly."


class CardDeclined(PaymentRequired):
    """The card was not charged."""

    code = "billing.card_declined"
    message = "The payment was declined: {reason}"


class PaymentRefused(Conflict):
    """The payment service does not do this."""

    code = "billing.payment_refused"
    message = "The payment service refused: {reason}"


class Customer(NamedTuple):
    """Whom invoices are for."""

    tenant_id: UUID
    country: str
    treatment: Treatment
    name: str | None = None
    vat_id: str | None = None


class Wanted(NamedTuple):
    """What somebody subscribes to."""

    plan: PlanVersion
    interval: Interval
    trial_end: datetime | None = None
    coupon: str | None = None


class Payments(Protocol):
    """Takes the money. Each of these raises PaymentsAway, CardDeclined, PaymentRefused."""

    async def customer(self, customer: Customer, known: str | None) -> str:
        """Keep whom invoices are for, or change it; returns the id."""
        ...

    async def checkout(self, customer_id: str, wanted: Wanted, *, back_to: str) -> str:
        """Open the one page where somebody subscribes; returns its address. The same wish opens the same page, another closes it."""
        ...

    async def portal(self, customer_id: str, *, back_to: str) -> str:
        """Open a page where somebody changes the card; returns its address."""
        ...

    async def quote(self, subscription: SeenSubscription, wanted: Wanted, *, at: datetime) -> Quote:
        """Return what a change of plan would cost at a moment."""
        ...

    async def change(self, subscription: SeenSubscription, wanted: Wanted, *, at: datetime) -> None:
        """Change the plan as quoted for a moment."""
        ...

    async def cancel(self, subscription_id: str, *, at_once: bool) -> None:
        """End a subscription, now or at the end of what is paid."""
        ...

    async def resume(self, subscription_id: str) -> None:
        """Let a subscription go on that was to end."""
        ...

    async def undo(self, subscription_id: str) -> None:
        """End a subscription that should not be there, and give back what was paid for it; asked again, no more than once."""
        ...

    async def refund(self, charge: SeenCharge, cents: int, *, reference: str | None = None) -> None:
        """Give money back; asked again under the same reference, however much later, no more than once."""
        ...

    async def report(self, customer_id: str, *, meter: str, quantity: int, identifier: str, at: datetime) -> None:
        """Report usage; what was reported under an identifier counts as reported."""
        ...

    async def look(self, customer_id: str) -> Seen:
        """Return everything of a customer, as it is there now."""
        ...


def price_key(plan: PlanVersion, interval: Interval) -> str:
    """Return the name under which a plan's price is kept."""
    return f"{plan.name}_{interval}_v{plan.version}"


Params = dict[str, Any]
