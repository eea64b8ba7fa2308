"""While the payment service is away everything can be read, what is paid holds, and afterwards nothing was billed twice: over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx2
import pytest

from converto.kernel.clock import now
from tests.acceptance.people import sample
from tests.billing.bank import Bank
from tests.billing.storefront import Storefront, eventually, storefront

READS = ("entitlements", "usage", "subscription", "invoices", "payments", "plans")


@pytest.fixture(scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Storefront]:
    """Return the product, which sells."""
    settings = {"CONVERTO_BILLING_STRIPE_TIMEOUT_S": "0.4", "CONVERTO_BILLING_STRIPE_RETRIES": "1"}
    async with storefront(tmp_path_factory.mktemp("data"), sells=True, **settings) as shop:
        yield shop


@pytest.fixture
async def shop(opened: Storefront) -> Storefront:
    """Return it for a company that has just signed up."""
    return await opened.for_another()


def bank_of(shop: Storefront) -> Bank:
    assert shop.bank is not None
    return shop.bank


@asynccontextmanager
async def away(bank: Bank, how: str) -> AsyncIterator[None]:
    """Have the payment service be away in one of the ways in which such are."""
    if how == "refused":
        await bank.close()
        try:
            yield
        finally:
            await bank.open()
        return
    wrongs = bank.desk.wrongs
    wrongs.mode, wrongs.times, wrongs.slow_s = how, 10**6, 0.8
    wrongs.only = "POST /v1/subscriptions" if how == "slow" else ""
    try:
        yield
    finally:
        wrongs.times, wrongs.only = 0, ""


async def _is_idle(bank: Bank) -> bool:
    return bank.desk.busy == 0


async def change(shop: Storefront, plan: str) -> httpx2.Response:
    return await shop.owner.ask("PATCH", "/billing/subscription", json={"plan": plan})


@pytest.mark.parametrize("how", ["refused", "500", "slow"])
async def test_all_is_read_and_counted_while_it_is_away_and_a_change_asked_again_is_billed_once(shop: Storefront, how: str) -> None:
    bank = bank_of(shop)
    await shop.subscribe("starter")
    async with away(bank, how):
        refused = await change(shop, "professional")
        assert (refused.status_code, refused.json()["code"]) == (503, "billing.payments_away")
        assert int(refused.headers["retry-after"]) > 0
        reads = await asyncio.gather(*(shop.owner.get(f"/billing/{one}") for one in READS))
        assert [answer.status_code for answer in reads] == [200] * len(READS)
        assert reads[0].json()["status"] == "active"
        counted = await shop.owner.ask("POST", "/billing/usage", json={"feature": "ocr_scans_per_month", "quantity": 2})
        assert counted.json()["used"] == 2
    await eventually(lambda: _is_idle(bank))  # what was given up here is done there all the same
    again = [await change(shop, "professional") for _ in range(3)]
    assert {answer.status_code for answer in again} <= {200, 409}, [answer.text for answer in again]
    assert again[-1].status_code == 409
    invoices = (await shop.owner.get("/billing/invoices")).json()["items"]
    assert len(invoices) == 2
    customer = bank.fake.records.all("subscription")[0]["customer"]
    charged = [one["amount"] for one in bank.fake.records.all("charge", customer=customer)]
    assert len(charged) == 2
    assert len(set(charged)) == 2


@pytest.mark.parametrize(("ended", "status"), [(timedelta(hours=71), "active"), (timedelta(hours=73), "read_only")])
async def test_what_was_paid_holds_72_hours_longer_while_nobody_is_heard(shop: Storefront, ended: timedelta, status: str) -> None:
    bank = bank_of(shop)
    await shop.subscribe("starter")
    subscription = bank.fake.records.all("subscription")[0]
    end = now() - ended
    subscription["items"]["data"][0]["current_period_end"] = int(end.timestamp())
    bank.fake.records.tell("customer.subscription.updated", subscription)
    bank.desk.hooks.take()

    async def is_heard() -> bool:
        return str((await shop.owner.get("/billing/entitlements")).json()["paid_until"])[:19] == end.isoformat()[:19]

    await eventually(is_heard)
    async with away(bank, "refused"):
        held = (await shop.owner.get("/billing/entitlements")).json()
        scanned = await shop.owner.upload(sample("03-fuel.png"))
    assert held["status"] == status
    assert scanned.status_code == (202 if status == "active" else 402)


async def test_what_happened_meanwhile_is_heard_of_once_it_is_back(shop: Storefront) -> None:
    bank = bank_of(shop)
    await shop.subscribe("professional")
    found = bank.fake.records.all("subscription")[0]
    wrongs = bank.desk.wrongs
    wrongs.mode, wrongs.times = "500", 2  # the first looks after a webhook fail, and are made again
    bank.fake.subscriptions.cancel(found["id"])
    bank.desk.hooks.take()

    async def has_ended() -> bool:
        return bool((await shop.owner.get("/billing/subscription")).json()["status"] == "canceled")

    await eventually(has_ended)
    wrongs.times = 0
