"""All 720 orders in which six webhooks of a life cycle may come, each through the product: one end, and nothing told twice.

Webhooks come while the company lives on, each as soon as the order lets it and it has happened; then those that are left, three of them
doubled, and in the end all of them once more.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.billing.bank import DECLINED, VISA, Shop, shop_open
from tests.billing.house import somebody
from tests.trials import direct_bank
from tests.trials.test_billing_histories import forget

BEGIN = datetime(2027, 1, 31, 12, tzinfo=UTC)
OF_SUBSCRIPTION = "customer.subscription."
CHOSEN = (0, 1, 2, 3, -2, -1)
"""Which of a subscription's events come in every order: those of its beginning, and those of its end."""


@pytest.mark.trials
@pytest.mark.timeout(3000)
async def test_every_order_ends_alike_and_tells_nothing_twice(tmp_path: Path) -> None:
    ends = Counter[Any]()
    async with shop_open(tmp_path) as shop:
        direct = direct_bank.connect(shop)
        for order in itertools.permutations(CHOSEN):
            forget(shop)
            direct.answered.clear()
            ends[await _end(shop, order)] += 1
    print(f"\n{ends.total()} orders, {len(ends)} ends: {dict(ends)}")
    assert ends.total() == 720
    assert len(ends) == 1


async def _end(shop: Shop, order: Sequence[int]) -> Any:
    """Let a company live while its webhooks come in an order; returns how it stands, and what was told of it."""
    anna, left = somebody(), list(order)
    shop.bank.freeze(BEGIN)
    await shop.subscribed(anna)
    subscription = shop.bank.fake.records.all("subscription")[0]
    for step in (_declined, _paid, _to_end, _ended):
        step(shop, subscription)
        happened = [event for event in shop.bank.events if event["type"].startswith(OF_SUBSCRIPTION)]
        while left and (0 <= left[0] < len(happened) or step is _ended):
            await shop.deliver([happened[left.pop(0)]])
    chosen = [happened[at] for at in order]
    assert len({event["id"] for event in chosen}) == len(CHOSEN)
    await shop.deliver([*chosen[:3], *shop.bank.events])
    held = await shop.house.billing.entitlements(anna)
    invoices, payments = await shop.house.billing.invoices(anna), await shop.house.billing.payments(anna)
    told = Counter(one["type"] for one in await shop.house.told(anna, OF_SUBSCRIPTION.replace("customer", "billing")))
    paid = Counter(one["payment_id"] for one in await shop.house.told(anna, "billing.payment."))
    assert set(paid.values()) == {1}, order
    assert set(paid) == {one.id for one in payments}, order
    assert (told["billing.subscription.created"], told["billing.subscription.cancelled"]) == (1, 1), order
    return held.status, held.plan, tuple((one.status, one.total, one.paid) for one in invoices), tuple(one.status for one in payments)


def _declined(shop: Shop, subscription: dict[str, Any]) -> None:
    _with_card(shop, subscription, DECLINED, days=32)


def _paid(shop: Shop, subscription: dict[str, Any]) -> None:
    _with_card(shop, subscription, VISA, days=4)


def _to_end(shop: Shop, subscription: dict[str, Any]) -> None:
    shop.bank.fake.subscriptions.update(subscription["id"], {"cancel_at_period_end": "true"})


def _ended(shop: Shop, subscription: dict[str, Any]) -> None:
    shop.bank.fake.subscriptions.cancel(subscription["id"])


def _with_card(shop: Shop, subscription: dict[str, Any], card: str, *, days: int) -> None:
    shop.bank.fake.update_customer(subscription["customer"], {"invoice_settings": {"default_payment_method": card}})
    shop.bank.advance(shop.bank.now + timedelta(days=days))
