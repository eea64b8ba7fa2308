"""The post on each of the four backends. Tables are made once per process: each test finds them empty."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import pytest
from sqlalchemy import delete

from converto.events.backend import Backend
from converto.events.in_process import InProcess
from converto.events.redis_streams import RedisStreams
from converto.events.tables import inbox, outbox, tables
from converto.kernel.database import Databases
from converto.kernel.metrics import EventFigures
from converto.kernel.schema import upgrade
from tests.events.conformance.post import MODULES, Post
from tests.servers import ask

BACKENDS = ("in process, SQLite", "in process, PostgreSQL", "Redis, SQLite", "Redis cluster, PostgreSQL")
RECLAIM_AFTER_S = 1.0


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ask each question in process on SQLite and, in turn, of one of the other backends; of all the others it is asked by `make trials`."""
    for item in items:
        if isinstance(item, pytest.Function) and item.path.parent == Path(__file__).parent and hasattr(item, "callspec"):
            backend = item.callspec.params.get("place", BACKENDS[0])
            if backend not in (BACKENDS[0], BACKENDS[1 + crc32(item.originalname.encode()) % 3]):
                item.add_marker(pytest.mark.trials)


@dataclass(frozen=True)
class Place:
    """A folder of SQLite files, or a PostgreSQL instead; and a Redis, or none."""

    folder: Path
    database_url: str | None
    redis_url: str | None


@pytest.fixture(scope="session")
def sqlite_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the databases of the modules, empty."""
    folder = tmp_path_factory.mktemp("made")
    asyncio.run(_make(folder, None))
    return folder


@pytest.fixture(scope="session")
def postgres_schemas() -> Iterator[str]:
    """Return the URL of a database with the schemas of the modules."""
    url = ask("postgres")
    asyncio.run(_make(Path(), url))
    yield url
    ask("drop", url.rpartition("/")[2])


async def _make(folder: Path, url: str | None) -> None:
    databases = Databases(folder, url, pool_size=1)
    for module in MODULES:
        await upgrade(databases.of(module), "delivery", tables)
    await databases.close()


@pytest.fixture(params=BACKENDS)
def place(request: pytest.FixtureRequest, data_dir: Path) -> Place:
    """Return where events are kept and carried."""
    carrier, _, kept = request.param.partition(", ")
    database_url = redis_url = None
    if kept == "PostgreSQL":
        database_url = request.getfixturevalue("postgres_schemas")
    else:
        shutil.copytree(request.getfixturevalue("sqlite_files"), data_dir, dirs_exist_ok=True)
    if carrier != "in process":
        redis_url = request.getfixturevalue("cluster_url" if "cluster" in carrier else "redis_url")
    return Place(data_dir, database_url, redis_url)


@pytest.fixture
async def post(place: Place, figures: EventFigures) -> AsyncIterator[Post]:
    """Return the post on each backend."""
    databases = Databases(place.folder, place.database_url, pool_size=20)
    post = Post(databases, _carrier(place.redis_url), place.redis_url, figures)
    if place.database_url is not None:
        await _empty(post)
    yield post
    await databases.close()


def _carrier(redis_url: str | None) -> Callable[[], Backend]:
    if redis_url is None:
        return InProcess
    return lambda: RedisStreams(redis_url, reclaim_after_s=RECLAIM_AFTER_S)


async def _empty(post: Post) -> None:
    for database in (post.database, post.pen):
        async with database.writing() as session:
            for table in (outbox, inbox):
                await session.execute(delete(table))
