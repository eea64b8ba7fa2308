"""A life cycle's webhooks in every order, doubled and replayed: one end, and nothing told twice."""

import itertools
import random
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from converto.billing.reducer import Fact, Kind, Known, paid, reduce
from converto.billing.seen import Seen, charge_of, invoice_of, subscription_of
from converto.kernel.clock import now
from tests.billing.bank import DECLINED, VISA, shop_open
from tests.billing.house import somebody

GRACE = timedelta(days=14)


async def _life(folder: Path) -> list[dict[str, Any]]:
    """Let a company subscribe, fail to pay, pay, change its plan and end; return six of the events that were told."""
    async with shop_open(folder) as shop:
        shop.bank.freeze(now())
        anna = somebody()
        await shop.subscribed(anna)
        fake, subscription = shop.bank.fake, shop.bank.fake.records.all("subscription")[0]
        for card in (DECLINED, VISA):
            fake.update_customer(subscription["customer"], {"invoice_settings": {"default_payment_method": card}})
            shop.bank.advance(shop.bank.now + timedelta(days=32 if card is DECLINED else 4))
        fake.subscriptions.update(subscription["id"], {"cancel_at_period_end": "true"})
        fake.subscriptions.cancel(subscription["id"])
        wanted = ("customer.subscription.created", "customer.subscription.updated", "customer.subscription.deleted")
        of_subscription = [event for event in shop.bank.events if event["type"] in wanted]
        chosen = [*of_subscription[:4], of_subscription[-2], of_subscription[-1]]
        assert len({event["id"] for event in chosen}) == 6
        await shop.deliver(random.sample(chosen * 2, 12))
        held = await shop.house.billing.entitlements(anna)
        told = Counter(one["type"] for one in await shop.house.told(anna, "billing.subscription"))
        assert (held.status, told["billing.subscription.created"], told["billing.subscription.cancelled"]) == ("read_only", 1, 1)
        payments = Counter(one["payment_id"] for one in await shop.house.told(anna, "billing.payment."))
        assert set(payments.values()) == {1}
        return chosen


async def test_all_720_orders_of_six_events_end_alike_and_tell_nothing_twice(tmp_path: Path) -> None:
    events = await _life(tmp_path)
    sights = [Seen(subscriptions=(subscription_of(event["data"]["object"]),)) for event in events]
    truth = sights[-1]
    ends: set[Any] = set()
    for order in itertools.permutations(sights):
        known, facts = Known(), list[Fact]()
        for at, sight in enumerate([*order, *order[:3]]):
            # while it lives each look sees what that event saw or something newer; once it has ended, each sees the end
            known, new = reduce(known, truth if at >= 5 else sight)
            facts += new
        kinds = Counter(fact.kind for fact in facts)
        assert kinds[Kind.CREATED] == kinds[Kind.CANCELLED] == 1, order
        standing = paid(known, grace=GRACE)
        ends.add((standing.subscription, standing.grace_until))
    assert len(ends) == 1


def test_looking_twice_tells_nothing_twice() -> None:
    charge = {"id": "ch_1", "status": "succeeded", "created": 1, "currency": "eur", "amount": 2_900, "amount_refunded": 0}
    seen = Seen(charges=(charge_of(charge),))
    known, facts = reduce(Known(), seen)
    assert (len(facts), reduce(known, seen)[1]) == (1, [])


@pytest.mark.parametrize("status", ["open", "paid"])
def test_an_invoice_is_known_as_it_was_seen_last(status: str) -> None:
    told = {
        "id": "in_1", "status": status, "created": 1, "currency": "eur", "total": 3_640, "amount_due": 3_640, "amount_paid": 0,
        "total_excluding_tax": 2_900, "total_taxes": [{"amount": 740, "taxability_reason": "standard_rated"}],
    }  # fmt: skip
    known, _ = reduce(Known(), Seen(invoices=(invoice_of(told),)))
    assert (known.invoices["in_1"].status, known.invoices["in_1"].vat_cents) == (status, 740)
