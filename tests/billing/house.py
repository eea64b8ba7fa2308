"""Billing as others ask it, on a database of the test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import select

from converto.billing.interface import Billing
from converto.billing.module import module
from converto.billing.service import BillingService
from converto.events.tables import outbox
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from converto.kernel.config import Environment, Settings
from converto.kernel.database import Database
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from tests.databases import lay_files

SCANS: Final = "ocr_scans_per_month"


def somebody(*scopes: str) -> Actor:
    """Return an actor of a company of its own."""
    return Actor(tenant_id=new_id(), scopes=frozenset(scopes or ("billing:read", "billing:write", "billing:correct")))


@dataclass(frozen=True)
class House:
    """Billing, the service behind it, and its database."""

    billing: Billing
    service: BillingService
    database: Database

    async def told(self, actor: Actor, kind: str = "") -> list[dict[str, Any]]:
        """Return what was told of a company, in order."""
        wanted = select(outbox.c.type, outbox.c.envelope).where(outbox.c.tenant_id == actor.tenant_id).order_by(outbox.c.event_id)
        async with self.database.reading() as session:
            rows = (await session.execute(wanted)).all()
        return [{"type": row.type, **row.envelope["data"]} for row in rows if row.type.startswith(kind)]

    async def used(self, actor: Actor, feature: str = SCANS) -> tuple[int, int]:
        """Return what is used and held of a feature."""
        held = await self.billing.entitlements(actor)
        (found,) = [one for one in held.features if one.feature == feature]
        return found.used or 0, found.reserved or 0


@asynccontextmanager
async def opened(data_dir: Path, database_url: str | None = None) -> AsyncIterator[House]:
    """Open billing by itself, in this process."""
    url = SecretStr(database_url) if database_url is not None else None
    settings = Settings(environment=Environment.TEST, data_dir=data_dir, database_url=url, modules=("billing",))
    runtime = Runtime(settings, [module], metrics=new_registry())
    lay_files(settings)
    async with runtime.running():
        hosted = runtime.hosted["billing"]
        service: Any = hosted.service
        bound: Any = runtime.interfaces[Billing]  # type: ignore[type-abstract]
        yield House(bound, service, hosted.database.across_tenants)
