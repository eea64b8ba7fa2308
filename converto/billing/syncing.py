"""Taking in what the payment service has: looked at anew each time, so that it does not matter in which order it spoke.

Nobody holds a lock while the network is asked. Who looks notes the account's `sync_version` first, and takes in what was seen only where
nobody else has taken something in meanwhile; otherwise it looks again. So no older look ever covers a newer one.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from converto.billing import events
from converto.billing.models import AccountRow
from converto.billing.payments import PaymentRefused, Payments
from converto.billing.reducer import Fact, Kind, Known, Paid, doubles, paid, reduce
from converto.billing.repository import Accounts, Seens, StripeEvents
from converto.billing.seen import Seen, SeenCharge, SeenSubscription
from converto.events.outbox import publish
from converto.kernel.clock import now
from converto.kernel.database import Database, Transaction
from converto.kernel.errors import Unavailable
from converto.kernel.event import Event
from converto.kernel.money import Money

LOOKS = 8
log = structlog.get_logger()
_OfSubscription = type[events.SubscriptionCreated] | type[events.SubscriptionUpdated] | type[events.SubscriptionCancelled]
_OF_SUBSCRIPTION: Mapping[Kind, _OfSubscription] = {
    Kind.CREATED: events.SubscriptionCreated,
    Kind.UPDATED: events.SubscriptionUpdated,
    Kind.CANCELLED: events.SubscriptionCancelled,
}


class Syncing:
    """Brings what we know of companies up to what the payment service has."""

    def __init__(self, database: Database, payments: Payments, *, grace_days: int) -> None:
        self._database = database
        self._payments = payments
        self._grace = timedelta(days=grace_days)

    async def sync(self, tenant_id: UUID) -> Sequence[str]:
        """Look at a company and take in what is there; returns what was new. Raises PaymentsAway."""
        for _ in range(LOOKS):
            async with self._database.reading(tenant_id) as session:
                row = await Accounts(session).get(tenant_id)
            if row is None or row.customer_id is None:
                return ()
            since, seen = now(), await self._look(row.customer_id)
            async with self._database.writing(tenant_id) as session:
                account = await Accounts(session).get(tenant_id, lock=True)
                if account is None or account.sync_version != row.sync_version:
                    continue
                known = await Seens(session).known(tenant_id)
                after, facts = reduce(known, seen)
                await Seens(session).write(tenant_id, known, after)
                _stand(account, paid(after, grace=self._grace))
                account.synced_at, account.sync_version = now(), account.sync_version + 1
                await StripeEvents(session).handled(row.customer_id, received_before=since, at=now())
                await _tell(session, tenant_id, facts)  # after what holds now is stored
            return _new(known, after)
        raise Unavailable(module="billing", retry_after_s=1)

    async def _look(self, customer_id: str) -> Seen:
        """Return what a customer has; a second subscription is undone first, so that nobody pays for two."""
        seen = await self._payments.look(customer_id)
        second = doubles(seen)
        for one in second:
            try:
                await self._payments.undo(one.id)
            except PaymentRefused as refusal:  # done by somebody else meanwhile, or a person has to look: what is known goes on either way
                log.warning("billing.double_subscription_stays", subscription=one.id, reason=refusal.details["reason"])
        return await self._payments.look(customer_id) if second else seen


def _stand(account: AccountRow, standing: Paid) -> None:
    """Let an account stand as its payments say."""
    found = standing.subscription
    if found is None:
        return
    name, interval, version = standing.plan or (None, None, None)
    values: dict[str, Any] = {
        "subscription_id": found.id,
        "subscription_status": found.status,
        "cancels_at": found.cancels_at,
        "paid_until": found.period_end,
        "grace_until": standing.grace_until,
        "anchor": found.anchor,
    }
    if name is not None:
        values |= {"plan": name, "plan_version": version, "interval": interval}
    if any(getattr(account, key) != value for key, value in values.items()):
        for key, value in values.items():
            setattr(account, key, value)
        account.version += 1


async def _tell(session: Transaction, tenant_id: UUID, facts: Sequence[Fact]) -> None:
    for fact in facts:
        await publish(session, _event(tenant_id, fact))


def _event(tenant_id: UUID, fact: Fact) -> Event:
    if isinstance(fact.about, SeenCharge):
        amount = Money.of_cents(fact.about.amount_cents, fact.about.currency)
        if fact.kind is Kind.PAID:
            return events.PaymentSucceeded(tenant_id=tenant_id, payment_id=fact.about.id, amount=amount)
        return events.PaymentFailed(tenant_id=tenant_id, payment_id=fact.about.id, amount=amount, reason=fact.about.failure)
    return _OF_SUBSCRIPTION[fact.kind](tenant_id=tenant_id, **_told(fact.about))


def _told(one: SeenSubscription) -> dict[str, Any]:
    plan = Paid(one).plan
    return {
        "subscription_id": one.id,
        "plan": plan[0] if plan is not None else one.price_key,
        "interval": plan[1] if plan is not None else "",
        "status": one.status,
        "period_end": one.period_end,
        "cancels_at": one.cancels_at,
    }


def _new(before: Known, after: Known) -> Sequence[str]:
    pairs = ((before.subscriptions, after.subscriptions), (before.invoices, after.invoices), (before.charges, after.charges))
    return [f"{id_}: {one.status}" for old, new in pairs for id_, one in new.items() if old.get(id_) != one]
