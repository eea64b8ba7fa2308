"""Outbound webhooks as others ask them, with the sender at work, on a database of the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import select

from converto.events.tables import tables as delivery_tables
from converto.events.webhooks.interface import Delivery, DeliveryStatus, NewWebhook, Webhooks, WebhookWithSecret
from converto.events.webhooks.models import DeliveryRow, WebhookRow
from converto.events.webhooks.module import module
from converto.events.webhooks.service import WebhooksService
from converto.kernel import schema
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id, now
from converto.kernel.config import Environment, Settings
from converto.kernel.context import new_trace_parent
from converto.kernel.database import Database
from converto.kernel.event import Envelope
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from tests.databases import lay_files

T = TypeVar("T")
PATIENCE_S = 20.0
LOOK_AGAIN_S = 0.02


def somebody(*scopes: str) -> Actor:
    """Return an actor of a company of its own."""
    return Actor(tenant_id=new_id(), scopes=frozenset(scopes or ("events:read", "events:write")))


def told(tenant_id: UUID, kind: str = "ocr.completed", **data: Any) -> Envelope:
    """Return an event of a company."""
    return Envelope(
        id=new_id(),
        type=kind,
        source=kind.partition(".")[0],
        tenant_id=tenant_id,
        time=now(),
        trace_parent=new_trace_parent(),
        data=data or {"scan_id": str(new_id())},
    )


@dataclass(frozen=True)
class House:
    """Webhooks, the service behind them, and its database."""

    webhooks: Webhooks
    service: WebhooksService
    database: Database
    metrics: CollectorRegistry

    def counted(self, outcome: str) -> float:
        """Return how many attempts have come to this in this process, whether or not they were still its own."""
        return self.metrics.get_sample_value("converto_webhook_attempts_total", {"outcome": outcome}) or 0.0

    async def endpoint(self, actor: Actor, url: str, *event_types: str) -> WebhookWithSecret:
        """Make an endpoint."""
        return await self.webhooks.create(actor, NewWebhook(url=url, event_types=event_types or ("*",)))

    async def only(self, actor: Actor, webhook_id: UUID, *, until: Callable[[Delivery], bool] = lambda _: True) -> Delivery:
        """Return the one delivery of an endpoint, once it is so."""

        async def found() -> Delivery | None:
            items = (await self.webhooks.deliveries(actor, webhook_id)).items
            assert len(items) <= 1
            return items[0] if items and until(items[0]) else None

        return await eventually(found)

    async def settled(self, actor: Actor, webhook_id: UUID, *, attempts: int = 1) -> Delivery:
        """Return the one delivery of an endpoint, once so many attempts at it are over."""
        return await self.only(actor, webhook_id, until=lambda delivery: delivery.attempt_count >= attempts)

    async def time_passes(self, **how_long: float) -> None:
        """Have everything that waits wait for so much less."""
        gone = timedelta(**how_long)
        async with self.database.writing() as session:
            for row in await session.scalars(select(DeliveryRow).where(DeliveryRow.due_at.is_not(None))):
                row.due_at = row.due_at - gone if row.due_at is not None else None
            for endpoint in await session.scalars(select(WebhookRow)):
                for name in ("paused_until", "failing_since", "old_secret_until"):
                    if (moment := getattr(endpoint, name)) is not None:
                        setattr(endpoint, name, moment - gone)
        self.service._queued.ring()


@asynccontextmanager
async def opened(data_dir: Path, database_url: str | None = None) -> AsyncIterator[House]:
    """Open webhooks on a database, in this process."""
    url = SecretStr(database_url) if database_url is not None else None
    settings = Settings(environment=Environment.TEST, data_dir=data_dir, database_url=url, modules=("webhooks",))
    runtime = Runtime(settings, [module], metrics=new_registry())
    assert module.interface is not None
    assert module.tables is not None
    lay_files(settings)
    databases = runtime.open_databases()
    await schema.upgrade(databases.of("webhooks"), "delivery", delivery_tables)
    await schema.upgrade(databases.of("webhooks"), "webhooks", module.tables)
    await databases.close()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(runtime.running())
        webhooks: Any = runtime.interfaces[module.interface]
        hosted = runtime.hosted["webhooks"]
        service: Any = hosted.service
        yield House(webhooks, service, hosted.database.across_tenants, runtime.metrics)


async def eventually(found: Callable[[], Awaitable[T | None]]) -> T:
    """Return what is found once there is something."""
    async with asyncio.timeout(PATIENCE_S):
        while (thing := await found()) is None:  # noqa: ASYNC110 - the fact is in a database, which rings no bell
            await asyncio.sleep(LOOK_AGAIN_S)
    return thing


FAILED, DELIVERED, PENDING = DeliveryStatus.FAILED, DeliveryStatus.DELIVERED, DeliveryStatus.PENDING
