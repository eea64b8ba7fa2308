"""Random histories of subscriptions over 36 months: our books and the fake's, to the cent."""

import itertools
import os
import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from converto.billing.interface import Change, NewSubscription
from converto.kernel.actor import Actor
from converto.kernel.errors import Error
from tests.billing.bank import DECLINED, VISA, Shop, shop_open
from tests.billing.house import somebody
from tests.trials import direct_bank

HISTORIES = int(os.environ.get("CONVERTO_TRIAL_HISTORIES", "1000"))
DAYS = 36 * 31
STARTS = [
    datetime(2027, 1, 31, 23, 30, tzinfo=UTC),
    datetime(2028, 2, 29, 12, tzinfo=UTC),
    datetime(2027, 3, 28, 0, 59, tzinfo=UTC),
    datetime(2027, 10, 31, 0, 30, tzinfo=UTC),
    datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC),
]
PLANS = ("starter", "professional", "enterprise")


@pytest.mark.trials
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("half", ["first", "second"])  # on two cores with `-n 2`
async def test_the_books_agree_to_the_cent(tmp_path: Path, half: str) -> None:
    seed = random.randrange(10**6)  # noqa: S311 - days and plans, not secrets
    counts: Counter[str] = Counter()
    async with shop_open(tmp_path) as shop:
        direct = direct_bank.connect(shop)
        begun_s = time.process_time()
        for number in range(HISTORIES // 2):
            forget(shop)
            direct.answered.clear()
            try:
                await _history(shop, random.Random(seed + number), counts)  # noqa: S311
            except BaseException:
                print(f"\nhistory {number} of seed {seed}")
                raise
    each_s = (time.process_time() - begun_s) / (HISTORIES // 2)
    print(f"\n{half} {HISTORIES // 2} histories (seed {seed}), {each_s:.2f} CPU seconds each: {dict(counts)}")
    assert counts["previews"] > 0
    assert counts["of 36 months"] == HISTORIES // 2


def forget(shop: Shop) -> None:
    """Let the fake begin anew: it looks through everything that it knows, of whomever that is."""
    records, payments = shop.bank.fake.records, shop.house.service._sold._payments
    records.objects.clear()
    records.events.clear()
    shop.bank.desk.hooks._told = 0
    payments._prices.clear()  # type: ignore[attr-defined]
    payments._tax_rate = None  # type: ignore[attr-defined]


async def _history(shop: Shop, chance: random.Random, counts: Counter[str]) -> None:
    shop.bank.freeze(chance.choice(STARTS) + timedelta(days=chance.randrange(30)))
    anna, begun = somebody(), shop.bank.now
    end = begun + timedelta(days=DAYS)
    await _subscribe(shop, anna, chance)
    while shop.bank.now < end:
        shop.bank.advance(shop.bank.now + timedelta(days=chance.randrange(5, 150), seconds=chance.randrange(86_400)))
        await shop.house.service.looked_at(anna.tenant_id)
        if (await shop.house.billing.subscription(anna)).status == "canceled":
            counts["ended and begun again"] += 1
            await _subscribe(shop, anna, chance)
        else:
            await _something(shop, anna, chance, counts)
    await shop.house.service.looked_at(anna.tenant_id)
    await _compare(shop, anna, counts)
    counts["of 36 months"] += shop.bank.now - begun >= timedelta(days=DAYS)


async def _subscribe(shop: Shop, anna: Actor, chance: random.Random) -> None:
    plan: Any = chance.choice(PLANS)
    wanted = NewSubscription(plan=plan, interval=chance.choice(["month", "month", "month", "year"]))
    page = (await shop.house.billing.subscribe(anna, wanted)).checkout_url
    shop.bank.fake.complete(str(page).rpartition("/")[2], VISA)
    await shop.house.service.looked_at(anna.tenant_id)


async def _something(shop: Shop, anna: Actor, chance: random.Random, counts: Counter[str]) -> None:
    customer = shop.bank.fake.records.all("customer")[0]
    match chance.randrange(6):
        case 0 | 1 | 2:
            plan: Any = chance.choice(PLANS)
            change = Change(plan=plan, interval=chance.choice(["month", "month", "year"]), at=shop.bank.now)
            try:
                preview = await shop.house.billing.preview(anna, change)
            except Error:
                return  # the very plan that it has, or a trial
            await shop.house.billing.change(anna, change)
            made = (await shop.house.billing.invoices(anna))[0]
            assert (made.net, made.vat, made.total) == (preview.net, preview.vat, preview.total)
            counts["previews"] += 1
        case 3:
            card = chance.choice([VISA, VISA, DECLINED])
            shop.bank.fake.update_customer(customer["id"], {"invoice_settings": {"default_payment_method": card}})
            counts["cards"] += 1
        case 4:
            await shop.house.billing.cancel(anna)
            await shop.house.billing.resume(anna)
        case _:
            await shop.house.billing.cancel(anna, at_once=chance.random() < 0.1)


async def _compare(shop: Shop, anna: Actor, counts: Counter[str]) -> None:
    theirs = {one["id"]: (one["total"], one["amount_paid"], one["status"]) for one in shop.bank.fake.records.all("invoice")}
    ours = {
        one.id: (int(one.total.amount * 100), int(one.paid.amount * 100), one.status)
        for one in await shop.house.billing.invoices(anna, limit=200)
    }
    assert ours == theirs
    for subscription in shop.bank.fake.records.all("subscription"):
        _without_gaps(shop, subscription["id"])
    paid = sum(one["amount"] for one in shop.bank.fake.records.all("charge") if one["paid"])
    assert paid == sum(
        int(one.amount.amount * 100) for one in await shop.house.billing.payments(anna, limit=200) if one.status == "succeeded"
    )
    assert paid == sum(paid_cents for _, paid_cents, _ in theirs.values())
    counts["invoices"] += len(theirs)


def _without_gaps(shop: Shop, subscription: str) -> None:
    lines = Counter(
        (line["period"]["start"], line["period"]["end"], line["pricing"]["price_details"]["price"])
        for one in shop.bank.fake.records.all("invoice")
        if one["parent"]["subscription_details"]["subscription"] == subscription
        for line in one["lines"]["data"]
        if not line["parent"]["subscription_item_details"]["proration"]
    )
    assert set(lines.values()) <= {1}, "a period was invoiced twice"
    cycles = sorted({(start, end) for start, end, _ in lines})
    for (_, before), (after, _) in itertools.pairwise(cycles):
        assert after <= before, "a period was left out"
