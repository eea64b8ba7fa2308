"""A fake Stripe that is asked over HTTP, and billing that sells through it."""

import socket
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvicorn
from starlette.applications import Starlette

from converto.billing.fake_stripe.server import Desk, create_fake
from converto.billing.fake_stripe.stripe import FakeStripe
from converto.billing.interface import NewSubscription
from converto.billing.webhook_signature import signed
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from tests.ai.house import running
from tests.billing.house import House, opened

KEY, SECRET = "sk_test_fake", "whsec_fake"
VISA, DECLINED = "pm_card_visa", "pm_card_chargeDeclined"


@dataclass
class Bank:
    """The fake, as a test looks into it."""

    fake: FakeStripe
    app: Starlette
    port: int
    doors: AsyncExitStack = field(default_factory=AsyncExitStack)
    clock: str = ""

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def desk(self) -> Desk:
        """What answers requests."""
        desk: Desk = self.app.state.desk
        return desk

    async def open(self) -> None:
        """Serve it, with what it knew before."""
        config = uvicorn.Config(self.app, host="127.0.0.1", port=self.port, log_level="error")
        await self.doors.enter_async_context(running(config))

    async def close(self) -> None:
        """Let nobody in: connections are refused."""
        await self.doors.aclose()

    @property
    def events(self) -> Sequence[dict[str, Any]]:
        """What it has told."""
        return self.fake.records.events

    def freeze(self, at: datetime) -> None:
        """Let its clock stand."""
        self.clock = self.fake.create_clock({"frozen_time": str(int(at.timestamp()))})["id"]

    def advance(self, to: datetime) -> None:
        """Let its clock go on."""
        self.fake.advance(self.clock, {"frozen_time": str(int(to.timestamp()))})

    @property
    def now(self) -> datetime:
        """The time there."""
        return datetime.fromtimestamp(self.fake.records.now(), UTC)


@dataclass
class Shop:
    """Billing that sells, and the fake that it sells through."""

    house: House
    bank: Bank

    async def deliver(self, events: Iterable[dict[str, Any]]) -> None:
        """Have webhooks received, in this order, and what each is about looked at."""
        for event in events:
            await self.receive(event)
            customer = event["data"]["object"].get("customer")
            tenant = await self.tenant(customer) if isinstance(customer, str) else None
            if tenant is not None:
                await self.house.service.looked_at(tenant)

    async def receive(self, event: dict[str, Any]) -> None:
        """Have a webhook received."""
        payload, at_s = orjson.dumps(event), int(now().timestamp())
        await self.house.billing.receive_webhook(payload, f"t={at_s},v1={signed(payload, SECRET, at_s)}")

    async def tenant(self, customer: str) -> Any:
        """Return whose customer it is."""
        found = self.bank.fake.records.objects["customer"].get(customer)
        return None if found is None else Actor.service(found["metadata"]["tenant_id"]).tenant_id

    async def subscribed(self, actor: Actor, plan: Any = "starter", *, card: str = VISA, **more: Any) -> None:
        """Have a company subscribe on the fake's page, and billing hear of it."""
        before = len(self.bank.events)
        opened = await self.house.billing.subscribe(actor, NewSubscription(plan=plan, **more))
        assert opened.checkout_url is not None
        self.bank.fake.complete(opened.checkout_url.rpartition("/")[2], card)
        for event in self.bank.events[before:]:
            await self.receive(event)
        await self.house.service.looked_at(actor.tenant_id)  # once for all of them: each look asks the payment service three times


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


@asynccontextmanager
async def bank_open(webhook_url: str | None = None) -> AsyncIterator[Bank]:
    """Serve a fake on a free port."""
    port = free_port()
    fake = FakeStripe(url=f"http://127.0.0.1:{port}")
    bank = Bank(fake, create_fake(fake, key=KEY, secret=SECRET, webhook_url=webhook_url), port)
    await bank.open()
    try:
        yield bank
    finally:
        await bank.close()


def sell(patch: pytest.MonkeyPatch, bank: Bank) -> None:
    """Have billing sell through a fake."""
    patch.setenv("CONVERTO_BILLING_STRIPE_SECRET_KEY", KEY)
    patch.setenv("CONVERTO_BILLING_STRIPE_WEBHOOK_SECRETS", SECRET)
    patch.setenv("CONVERTO_BILLING_STRIPE_URL", bank.url)
    patch.setenv("CONVERTO_BILLING_STRIPE_RETRIES", "0")
    patch.setenv("CONVERTO_BILLING_STRIPE_TIMEOUT_S", "2")
    patch.setenv("CONVERTO_BILLING_TRIAL_DAYS", "0")


@asynccontextmanager
async def shop_open(folder: Path, database_url: str | None = None) -> AsyncIterator[Shop]:
    """Open billing that sells."""
    async with bank_open() as bank:
        with pytest.MonkeyPatch.context() as patch:
            sell(patch, bank)
            patch.setenv("CONVERTO_BILLING_DEFAULT_PLAN", "")
            patch.setenv("CONVERTO_BILLING_REPORT_USAGE", "true")
            async with opened(folder, database_url) as house:
                yield Shop(house, bank)
