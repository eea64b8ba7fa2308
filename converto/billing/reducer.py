"""What changes for a company when the payment service is looked at: pure, and the same in whatever order one looks.

What was known and what is seen go in; what is known from now on, and the facts to be told, come out. To look twice tells nothing twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from converto.billing.seen import Seen, SeenCharge, SeenInvoice, SeenSubscription

ENDED = frozenset({"canceled", "incomplete_expired"})
NOT_BEGUN = frozenset({"incomplete", "incomplete_expired"})
"""The first payment has not come, so that there is nothing to tell of."""


class Kind(StrEnum):
    """What a fact tells."""

    CREATED = "created"
    UPDATED = "updated"
    CANCELLED = "cancelled"
    PAID = "paid"
    NOT_PAID = "not_paid"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something to be told."""

    kind: Kind
    about: SeenSubscription | SeenCharge


@dataclass(frozen=True, slots=True)
class Known:
    """What we know of a customer."""

    subscriptions: Mapping[str, SeenSubscription] = field(default_factory=dict)
    invoices: Mapping[str, SeenInvoice] = field(default_factory=dict)
    charges: Mapping[str, SeenCharge] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Paid:
    """How a company stands by what is known of its payments."""

    subscription: SeenSubscription | None
    grace_until: datetime | None = None

    @property
    def plan(self) -> tuple[str, str, int] | None:
        """The plan, how often it is paid, and its version; None where nothing of ours is sold by it."""
        name, _, rest = (self.subscription.price_key if self.subscription is not None else "").partition("_")
        interval, _, version = rest.partition("_v")
        return (name, interval, int(version)) if version.isdigit() else None


def reduce(known: Known, seen: Seen) -> tuple[Known, Sequence[Fact]]:
    """Return what is known from now on, and what there is to tell."""
    facts: list[Fact] = []
    subscriptions = dict(known.subscriptions)
    for one in sorted(seen.subscriptions, key=lambda found: (found.created, found.id)):
        before = subscriptions.get(one.id)
        if before is not None and before.status in ENDED:
            continue  # what has ended stays so, however late an older look comes
        if before is not None and before.status not in NOT_BEGUN and one.status in NOT_BEGUN:
            continue  # and what has begun has begun
        subscriptions[one.id] = one
        facts += _of_subscription(before, one)
    charges = dict(known.charges)
    for charge in sorted(seen.charges, key=lambda found: (found.created, found.id)):
        earlier = charges.get(charge.id)
        charges[charge.id] = charge
        if (earlier is None or earlier.status != charge.status) and charge.status in {"succeeded", "failed"}:
            facts.append(Fact(Kind.PAID if charge.status == "succeeded" else Kind.NOT_PAID, charge))
    invoices = {**known.invoices, **{one.id: one for one in seen.invoices}}
    return Known(subscriptions, invoices, charges), facts


def doubles(seen: Seen) -> Sequence[SeenSubscription]:
    """Return the subscriptions that run beside an earlier one: somebody has paid on two pages."""
    running = [one for one in seen.subscriptions if one.status not in ENDED | NOT_BEGUN and Paid(one).plan is not None]
    return sorted(running, key=lambda one: (one.created, one.id))[1:]


def paid(known: Known, *, grace: timedelta) -> Paid:
    """Return how a company stands: by the subscription that runs, or else by the last one."""
    running = [one for one in known.subscriptions.values() if one.status not in ENDED]
    begun = [one for one in running if one.status not in NOT_BEGUN]
    newest = max(begun or running or known.subscriptions.values(), key=lambda one: (one.created, one.id), default=None)
    if newest is None or newest.status != "past_due":
        return Paid(newest)
    unpaid = [one.created for one in known.invoices.values() if one.status == "open" and one.subscription_id == newest.id]
    return Paid(newest, min(unpaid, default=newest.period_start) + grace)


def _of_subscription(before: SeenSubscription | None, now: SeenSubscription) -> list[Fact]:
    had_begun = before is not None and before.status not in NOT_BEGUN
    if now.status in NOT_BEGUN:
        return []
    facts = [] if had_begun else [Fact(Kind.CREATED, now)]
    if now.status in ENDED:
        facts.append(Fact(Kind.CANCELLED, now))
    elif had_begun and before != now:
        facts.append(Fact(Kind.UPDATED, now))
    return facts
