"""Databases with the tables of events, and everything that moves events, on each backend."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from converto.events.backend import Backend
from converto.events.in_process import InProcess
from converto.events.redis_streams import RedisStreams
from converto.events.tables import tables
from converto.events.traffic import Traffic
from converto.kernel.database import Database, Databases
from converto.kernel.errors import Unavailable
from converto.kernel.event import Envelope
from converto.kernel.metrics import EventFigures
from converto.kernel.schema import upgrade
from tests.events.diary import DiaryService, subscriber, until


async def opened(databases: Databases, module: str) -> Database:
    database = databases.of(module)
    await upgrade(database, "delivery", tables)
    return database


@pytest.fixture
def figures() -> EventFigures:
    return EventFigures(CollectorRegistry())


@pytest.fixture
async def databases(data_dir: Path, database_url: str | None) -> AsyncIterator[Databases]:
    databases = Databases(data_dir, database_url, pool_size=10)
    yield databases
    await databases.close()


@pytest.fixture
async def database(databases: Databases) -> Database:
    return await opened(databases, "diary")


@pytest.fixture
async def sqlite(data_dir: Path) -> AsyncIterator[Database]:
    databases = Databases(data_dir, None, pool_size=1)
    yield await opened(databases, "diary")
    await databases.close()


@dataclass(frozen=True)
class Post:
    """A module that tells and hears, and what carries its events."""

    database: Database
    backend: Backend
    diary: DiaryService
    figures: EventFigures

    def running(self, *, attempts: int = 5) -> AbstractAsyncContextManager[None]:
        """Move events while the block runs."""
        who = subscriber(self.diary, self.database, attempts=attempts)
        return Traffic(self.backend, self.figures).running([self.database], [who])

    async def send(self, *envelopes: Envelope) -> None:
        """Hand events to the backend, once it is ready to take them."""

        async def sent() -> bool:
            try:
                await self.backend.send(envelopes)
            except Unavailable:
                return False
            return True

        await until(sent)


@pytest.fixture(params=["in process, SQLite", "in process, PostgreSQL", "Redis, SQLite"])
async def post(request: pytest.FixtureRequest, data_dir: Path, figures: EventFigures) -> AsyncIterator[Post]:
    """Return the post on each backend."""
    url = request.getfixturevalue("postgres_url") if "PostgreSQL" in request.param else None
    backend: Backend = RedisStreams(request.getfixturevalue("redis_url")) if "Redis" in request.param else InProcess()
    databases = Databases(data_dir, url, pool_size=10)
    yield Post(await opened(databases, "diary"), backend, DiaryService(), figures)
    await databases.close()
