"""What the payment service has of a customer, as far as we look at it; amounts in whole cents."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from converto.kernel.interface import Value


class SeenSubscription(Value):
    """A subscription, as it is there now."""

    id: str
    status: str
    price_key: str
    """`professional_month_v1`."""
    item_id: str
    created: datetime
    anchor: datetime
    period_start: datetime
    period_end: datetime
    cancels_at: datetime | None = None
    trial_end: datetime | None = None


class SeenInvoice(Value):
    """An invoice, as it is there now."""

    id: str
    number: str | None
    status: str
    reason: str | None
    subscription_id: str | None
    created: datetime
    currency: str
    net_cents: int
    vat_cents: int
    total_cents: int
    due_cents: int
    paid_cents: int
    is_reverse_charge: bool
    url: str | None = None


class SeenCharge(Value):
    """A try to have something paid."""

    id: str
    status: str
    created: datetime
    currency: str
    amount_cents: int
    refunded_cents: int
    failure: str | None = None


class Seen(Value):
    """Everything of one customer."""

    subscriptions: tuple[SeenSubscription, ...] = ()
    invoices: tuple[SeenInvoice, ...] = ()
    charges: tuple[SeenCharge, ...] = ()


class QuotedLine(Value):
    """One line of an invoice to come."""

    description: str
    amount_cents: int


class Quote(Value):
    """What a change would cost."""

    at: datetime
    """The moment that it is reckoned for: the same moment gives the same invoice."""
    lines: tuple[QuotedLine, ...]
    net_cents: int
    vat_cents: int
    total_cents: int
    due_cents: int


def moment(second: Any) -> datetime:
    """Return a second as Stripe counts them."""
    return datetime.fromtimestamp(int(second), UTC)


def _maybe(second: Any) -> datetime | None:
    return None if second is None else moment(second)


def subscription_of(found: Mapping[str, Any]) -> SeenSubscription:
    """Return what a subscription says; the period stands on its item."""
    item = found["items"]["data"][0]
    return SeenSubscription(
        id=found["id"],
        status=found["status"],
        price_key=item["price"].get("lookup_key") or "",
        item_id=item["id"],
        created=moment(found["created"]),
        anchor=moment(found["billing_cycle_anchor"]),
        period_start=moment(item["current_period_start"]),
        period_end=moment(item["current_period_end"]),
        cancels_at=_maybe(found.get("cancel_at") or (item["current_period_end"] if found.get("cancel_at_period_end") else None)),
        trial_end=_maybe(found.get("trial_end")),
    )


def invoice_of(found: Mapping[str, Any]) -> SeenInvoice:
    """Return what an invoice says."""
    taxes = found.get("total_taxes") or []
    parent = (found.get("parent") or {}).get("subscription_details") or {}
    return SeenInvoice(
        id=found["id"],
        number=found.get("number"),
        status=found["status"],
        reason=found.get("billing_reason"),
        subscription_id=parent.get("subscription"),
        created=moment(found["created"]),
        currency=found["currency"].upper(),
        net_cents=found["total_excluding_tax"] if found.get("total_excluding_tax") is not None else found["total"],
        vat_cents=sum(tax["amount"] for tax in taxes),
        total_cents=found["total"],
        due_cents=found["amount_due"],
        paid_cents=found["amount_paid"],
        is_reverse_charge=any(tax.get("taxability_reason") == "reverse_charge" for tax in taxes),
        url=found.get("hosted_invoice_url"),
    )


def charge_of(found: Mapping[str, Any]) -> SeenCharge:
    """Return what a charge says."""
    return SeenCharge(
        id=found["id"],
        status=found["status"],
        created=moment(found["created"]),
        currency=found["currency"].upper(),
        amount_cents=found["amount"],
        refunded_cents=found["amount_refunded"],
        failure=found.get("failure_message"),
    )


def quote_of(found: Mapping[str, Any], at: datetime) -> Quote:
    """Return what an invoice to come says."""
    told = invoice_of(found)
    lines = tuple(QuotedLine(description=one["description"] or "", amount_cents=one["amount"]) for one in found["lines"]["data"])
    sums = told.model_dump(include={"net_cents", "vat_cents", "total_cents", "due_cents"})
    return Quote(at=at, lines=lines, **sums)
