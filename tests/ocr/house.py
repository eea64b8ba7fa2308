"""The reader as others ask it, on a database of the test, with no event moving by itself: a test takes up the jobs that it wants."""

import asyncio
import io
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import select

from converto.app import DELIVERY
from converto.events.tables import outbox
from converto.events.tables import tables as delivery_tables
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from converto.kernel.config import Environment, Settings
from converto.kernel.database import Database
from converto.kernel.event import Envelope
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from converto.kernel.schema import upgrade
from converto.ocr.events import ScanRequested
from converto.ocr.interface import Ocr, Scan, Upload
from converto.ocr.module import module
from converto.ocr.service import OcrService
from tests.databases import lay_files
from tests.ocr.drawn import GROCERY, drawn

PATIENCE_S = 60.0
LOOK_AGAIN_S = 0.02


@dataclass(frozen=True)
class House:
    """One process that hosts the reader."""

    runtime: Runtime
    ocr: Ocr
    service: OcrService
    database: Database

    async def submit(self, actor: Actor, content: bytes) -> Scan:
        """Upload a document."""
        return await self.ocr.submit(actor, Upload(content=content, filename="kuitti"))

    async def requests(self, scan_id: UUID) -> list[ScanRequested]:
        """Return the jobs of a scan, the first one first."""
        return [envelope.open(ScanRequested) for envelope in await self._told(scan_id) if envelope.type == ScanRequested.type]

    async def told(self, scan_id: UUID) -> Counter[str]:
        """Return how often each kind of fact was told of a scan."""
        return Counter(envelope.type for envelope in await self._told(scan_id))

    async def _told(self, scan_id: UUID) -> list[Envelope]:
        async with self.database.reading() as session:
            rows = await session.scalars(
                select(outbox.c.envelope).where(outbox.c.subject == str(scan_id)).order_by(outbox.c.told_at, outbox.c.event_id)
            )
            return [Envelope.model_validate(row) for row in rows]

    def worker_pids(self) -> tuple[int, ...]:
        """Return the numbers of the processes that read here."""
        return self.service._readers._workers.pids


@asynccontextmanager
async def opened(data_dir: Path, database_url: str | None = None) -> AsyncIterator[House]:
    """Host the reader on a fresh database."""
    url = SecretStr(database_url) if database_url is not None else None
    async with _running(Settings(environment=Environment.TEST, data_dir=data_dir, database_url=url, modules=("ocr",))) as house:
        yield house


@asynccontextmanager
async def beside(house: House) -> AsyncIterator[House]:
    """Host the same reader once more, as another process does."""
    async with _running(house.runtime.settings) as other:
        yield other


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[House]:
    runtime = Runtime(settings, [module], metrics=new_registry())
    lay_files(settings)
    databases = runtime.open_databases()
    assert module.tables is not None
    await upgrade(databases.of("ocr"), DELIVERY, delivery_tables)
    await upgrade(databases.of("ocr"), "ocr", module.tables)
    await databases.close()
    async with runtime.running():
        hosted = runtime.hosted["ocr"]
        service: Any = hosted.service
        ocr: Any = runtime.interfaces[Ocr]  # type: ignore[type-abstract]
        yield House(runtime, ocr, service, hosted.database.across_tenants)


def somebody() -> Actor:
    """Return an actor of a company of its own."""
    return Actor(tenant_id=new_id(), scopes=frozenset({"ocr:read", "ocr:write"}))


def pages(count: int) -> bytes:
    """Return a document of several pages, of which each takes a while to read."""
    file = io.BytesIO()
    first, *rest = [drawn([f"SIVU {number}", *GROCERY]) for number in range(1, count + 1)]
    first.save(file, "TIFF", save_all=True, append_images=rest)
    return file.getvalue()


async def until(fact: Callable[[], Awaitable[Any]]) -> Any:
    """Return what a fact says, once it says something."""
    async with asyncio.timeout(PATIENCE_S):
        while not (said := await fact()):  # noqa: ASYNC110 - the fact is in a database or in another process
            await asyncio.sleep(LOOK_AGAIN_S)
        return said
