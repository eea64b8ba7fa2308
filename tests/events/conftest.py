"""Databases with the tables of events."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from converto.events.tables import tables
from converto.kernel.database import Database, Databases
from converto.kernel.metrics import EventFigures
from converto.kernel.schema import upgrade


async def opened(databases: Databases, module: str) -> Database:
    database = databases.of(module)
    await upgrade(database, "delivery", tables)
    return database.across_tenants


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
