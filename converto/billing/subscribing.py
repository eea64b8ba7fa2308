"""Subscriptions: begun on the payment service's own page, changed and ended here, and true only once it says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from converto.billing.events import PaymentsSpoke
from converto.billing.paying import (
    AlreadySubscribed,
    BadRefund,
    Change,
    Invoice,
    NewSubscription,
    NoSubscription,
    Payment,
    Preview,
    PreviewLine,
    SamePlan,
    Subscribed,
    Subscription,
    UnknownPayment,
)
from converto.billing.payments import Customer, Payments, Wanted, price_key
from converto.billing.plans import Interval, plan_version
from converto.billing.reducer import ENDED, Paid
from converto.billing.repository import CHARGE, INVOICE, SUBSCRIPTION, Accounts, Seens, StripeEvents
from converto.billing.seen import Quote, SeenCharge, SeenInvoice, SeenSubscription
from converto.billing.syncing import Syncing
from converto.billing.tax import treatment
from converto.billing.terms import Terms
from converto.billing.webhook_signature import BadSignature, check
from converto.events.outbox import publish
from converto.kernel.clock import now
from converto.kernel.database import Database
from converto.kernel.money import Money

SHORTEST_TRIAL = timedelta(hours=48)
"""Stripe takes no trial that ends sooner: who subscribes that late pays at once."""


@dataclass(frozen=True, slots=True)
class Selling:
    """What is needed to take money."""

    payments: Payments
    secrets: tuple[str, ...]
    """What webhooks are signed with."""
    back_to: str
    """Where people come back to from the payment service's pages."""


class Subscribing:
    """Has companies pay."""

    def __init__(self, database: Database, selling: Selling, syncing: Syncing, *, terms: Terms) -> None:
        self._database = database
        self._selling = selling
        self._payments = selling.payments
        self._terms = terms
        self.syncing = syncing

    async def current(self, tenant_id: UUID) -> Subscription:
        """Return what a company has subscribed to."""
        return _shown(await self._seen(tenant_id))

    async def subscribe(self, tenant_id: UUID, new: NewSubscription) -> Subscribed:
        """Open the page where a company subscribes."""
        taxed, moment = treatment(new.country, new.vat_id), now()
        async with self._database.writing(tenant_id) as session:
            await self._terms.open(session, [tenant_id], at=moment)
        await self.syncing.sync(tenant_id)  # what was paid a moment ago is not sold again
        async with self._database.reading(tenant_id) as session:
            account = await Accounts(session).get(tenant_id)
        if account is None:
            raise NoSubscription
        if account.subscription_id is not None and account.subscription_status not in {*ENDED, "incomplete"}:
            raise AlreadySubscribed(plan=account.plan)
        customer_id = await self._customer(Customer(tenant_id, new.country, taxed, new.company_name, new.vat_id), account.customer_id)
        tries = account.trial_ends_at if account.trial_ends_at > moment + SHORTEST_TRIAL and account.subscription_id is None else None
        wanted = Wanted(plan_version(new.plan), Interval(new.interval), tries, new.coupon)
        return Subscribed(checkout_url=await self._payments.checkout(customer_id, wanted, back_to=self._selling.back_to))

    async def _customer(self, customer: Customer, known: str | None) -> str:
        """Keep whom invoices are for, one for each company: a page of another one would be paid without our knowing."""
        customer_id = await self._payments.customer(customer, known)
        async with self._database.writing(customer.tenant_id) as session:
            row = await Accounts(session).get(customer.tenant_id, lock=True)
            if row is None:
                raise NoSubscription
            row.customer_id, row.country, row.vat_id = row.customer_id or customer_id, customer.country, customer.vat_id
            kept = row.customer_id
        if kept != customer_id:  # somebody has made one at the same moment
            await self._payments.customer(customer, kept)
        return kept

    async def preview(self, tenant_id: UUID, change: Change) -> Preview:
        """Return what a change costs."""
        found = await self._running(tenant_id)
        return _preview(await self._payments.quote(found, _wanted(found, change), at=change.at or _whole_second()))

    async def change(self, tenant_id: UUID, change: Change) -> Subscription:
        """Change the plan."""
        found = await self._running(tenant_id, looks=True)
        await self._payments.change(found, _wanted(found, change), at=change.at or _whole_second())
        return await self._looked(tenant_id)

    async def cancel(self, tenant_id: UUID, *, at_once: bool) -> Subscription:
        """End a subscription."""
        found = await self._running(tenant_id, looks=True)
        await self._payments.cancel(found.id, at_once=at_once)
        return await self._looked(tenant_id)

    async def resume(self, tenant_id: UUID) -> Subscription:
        """Let a subscription go on."""
        found = await self._running(tenant_id, looks=True)
        await self._payments.resume(found.id)
        return await self._looked(tenant_id)

    async def portal(self, tenant_id: UUID) -> str:
        """Open the page where a company changes its card."""
        async with self._database.reading(tenant_id) as session:
            account = await Accounts(session).get(tenant_id)
        if account is None or account.customer_id is None:
            raise NoSubscription
        return await self._payments.portal(account.customer_id, back_to=self._selling.back_to)

    async def refund(self, tenant_id: UUID, payment_id: str, *, cents: int, reference: str | None) -> None:
        """Give money back; the payment service knows what was given back under a reference before, and what is left."""
        async with self._database.reading(tenant_id) as session:
            found = await Seens(session).one(tenant_id, CHARGE, payment_id)
        charge = None if found is None else SeenCharge.model_validate(found)
        left = charge.amount_cents - charge.refunded_cents if charge is not None and charge.status == "succeeded" else 0
        most = left if reference is None or charge is None else charge.amount_cents
        if charge is None or not 0 < cents <= most:
            raise BadRefund(payment_id=payment_id, left=left)
        await self._payments.refund(charge, cents, reference=reference)
        await self.syncing.sync(tenant_id)

    async def receive(self, payload: bytes, signature: str) -> None:
        """Keep what the payment service says, whatever it is, and have it looked at."""
        check(signature, payload, self._selling.secrets, at=now())
        event_id, kind, customer_id = _read(payload)
        async with self._database.across_tenants.writing() as session:
            values = {"type": kind, "customer_id": customer_id, "payload": payload, "received_at": now()}
            is_new = await StripeEvents(session).keep(id=event_id, **values)
            account = await Accounts(session).of_customer(customer_id) if is_new and customer_id is not None else None
            if account is not None and customer_id is not None:
                await publish(session, PaymentsSpoke(tenant_id=account.tenant_id, customer_id=customer_id))

    async def _looked(self, tenant_id: UUID) -> Subscription:
        await self.syncing.sync(tenant_id)
        return await self.current(tenant_id)

    async def _seen(self, tenant_id: UUID) -> SeenSubscription:
        async with self._database.reading(tenant_id) as session:
            account = await Accounts(session).get(tenant_id)
            which = None if account is None else account.subscription_id
            found = None if which is None else await Seens(session).one(tenant_id, SUBSCRIPTION, which)
        if found is None:
            raise NoSubscription
        return SeenSubscription.model_validate(found)

    async def _running(self, tenant_id: UUID, *, looks: bool = False) -> SeenSubscription:
        if looks:  # what was given up for want of an answer may have been done all the same, and is not done twice
            await self.syncing.sync(tenant_id)
        found = await self._seen(tenant_id)
        if found.status in {*ENDED, "incomplete"}:
            raise NoSubscription
        return found


async def invoices(database: Database, tenant_id: UUID, *, limit: int) -> Sequence[Invoice]:
    """Return a company's newest invoices."""
    async with database.reading(tenant_id) as session:
        found = await Seens(session).newest(tenant_id, INVOICE, limit=limit)
    return [_invoice(SeenInvoice.model_validate(one)) for one in found]


async def payment(database: Database, tenant_id: UUID, payment_id: str) -> Payment:
    """Return one payment of a company. Raises UnknownPayment."""
    async with database.reading(tenant_id) as session:
        found = await Seens(session).one(tenant_id, CHARGE, payment_id)
    if found is None:
        raise UnknownPayment(payment_id=payment_id)
    return _payment(SeenCharge.model_validate(found))


async def payments(database: Database, tenant_id: UUID, *, limit: int) -> Sequence[Payment]:
    """Return a company's newest payments."""
    async with database.reading(tenant_id) as session:
        found = await Seens(session).newest(tenant_id, CHARGE, limit=limit)
    return [_payment(SeenCharge.model_validate(one)) for one in found]


def _wanted(found: SeenSubscription, change: Change) -> Wanted:
    wanted = Wanted(plan_version(change.plan), Interval(change.interval))
    if found.price_key == price_key(wanted.plan, wanted.interval):
        raise SamePlan(plan=change.plan, interval=change.interval)
    return wanted


def _whole_second() -> datetime:
    return now().replace(microsecond=0)


def _read(payload: bytes) -> tuple[str, str, str | None]:
    """Return the id, the type and the customer of a webhook. Raises BadSignature for what Stripe never sends."""
    try:
        told: Any = orjson.loads(payload)
        # what comes of Stripe's second API is thin: it names its object, and brings none along
        about = told.get("related_object") or {} if told["object"] == "v2.core.event" else told["data"]["object"]
        event_id, kind = told["id"], told["type"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadSignature from error
    if not isinstance(event_id, str) or not isinstance(kind, str) or not isinstance(about, dict):
        raise BadSignature
    customer = about.get("id") if "customer" in {about.get("object"), about.get("type")} else about.get("customer")
    customer = customer.get("id") if isinstance(customer, dict) else customer
    return event_id[:255], kind[:100], customer[:255] if isinstance(customer, str) else None


def _shown(one: SeenSubscription) -> Subscription:
    plan = Paid(one).plan
    return Subscription(
        id=one.id,
        plan=plan[0] if plan is not None else one.price_key,
        interval=plan[1] if plan is not None else "",
        status=one.status,
        period_start=one.period_start,
        period_end=one.period_end,
        cancels_at=one.cancels_at,
        trial_ends_at=one.trial_end,
    )


def _preview(quote: Quote) -> Preview:
    return Preview(
        at=quote.at,
        lines=tuple(PreviewLine(description=one.description, amount=Money.of_cents(one.amount_cents)) for one in quote.lines),
        net=Money.of_cents(quote.net_cents),
        vat=Money.of_cents(quote.vat_cents),
        total=Money.of_cents(quote.total_cents),
        due=Money.of_cents(quote.due_cents),
    )


def _invoice(one: SeenInvoice) -> Invoice:
    return Invoice(
        **one.model_dump(include={"id", "number", "status", "reason", "is_reverse_charge", "url"}),
        created_at=one.created,
        net=Money.of_cents(one.net_cents, one.currency),
        vat=Money.of_cents(one.vat_cents, one.currency),
        total=Money.of_cents(one.total_cents, one.currency),
        paid=Money.of_cents(one.paid_cents, one.currency),
    )


def _payment(one: SeenCharge) -> Payment:
    return Payment(
        id=one.id,
        status=one.status,
        created_at=one.created,
        amount=Money.of_cents(one.amount_cents, one.currency),
        refunded=Money.of_cents(one.refunded_cents, one.currency),
        failure=one.failure,
    )
