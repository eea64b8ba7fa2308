"""Jobs claimed and finished a second, 32 at once in one process, against procrastinate on the same PostgreSQL.

The jobs wait already; each does nothing. The clock stops when all are settled. The PostgreSQL waits for the disk, as one in production
does; what it is without that, and what ours are on SQLite, stands below. The limit: ten times procrastinate's.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select

from bench.measuring.rounds import Round, Table, before_others, verdict
from bench.measuring.sale import STREAM, SaleMade, sale
from bench.rivals.procrastinate_jobs import Procrastinate
from converto.events.backend import Subscriber
from converto.events.delivery import Consumer
from converto.events.tables import inbox, tables
from converto.kernel.database import Database, Databases
from converto.kernel.event import Envelope, Subscription
from converto.kernel.interface import Interface
from converto.kernel.metrics import EventFigures
from converto.kernel.schema import upgrade
from tests.servers import Postgres

LIMIT = 10.0
CONCURRENCY = 32
OURS = 4000
THEIRS = 400


class Nothing(Interface):
    """The service of a module that has none."""


class Jobs:
    """Counts what was handled, until all is."""

    def __init__(self, count: int) -> None:
        self._left = count
        self.done = asyncio.Event()

    async def handle(self, _: int) -> None:
        """Do a job."""
        self._left -= 1
        if not self._left:
            self.done.set()

    async def hear(self, event: SaleMade, _: Any) -> None:
        """Do a job, as a handler of ours."""
        await self.handle(event.cents)


async def ours(database: Database, count: int, figures: EventFigures) -> float:
    """Return how many jobs a second our consumer claims and finishes."""
    jobs = Jobs(count)
    subscription = Subscription(
        name="bench.hear", event=SaleMade, handler=jobs.hear, concurrency=CONCURRENCY, attempts=5, deaths=10, ordered=False, given_up=None
    )
    subscriber = Subscriber(subscription, Nothing(), database)
    async with database.writing() as session:
        await session.execute(inbox.delete())
    for start in range(0, count, 500):
        await subscriber.accept([Envelope.around(sale(number)) for number in range(start, min(start + 500, count))])
    begun = time.perf_counter()
    working = asyncio.create_task(Consumer(subscriber, figures).run())
    await jobs.done.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)  # it settles what it has done
    taken_s = time.perf_counter() - begun
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(inbox).where(inbox.c.handled_at.is_(None))) == 0
    return count / taken_s


async def theirs(procrastinate: Procrastinate, count: int) -> float:
    """Return how many jobs a second procrastinate's worker claims and finishes."""
    jobs = Jobs(count)
    await procrastinate.fill(count)
    begun = time.perf_counter()
    await procrastinate.work(jobs.handle)
    taken_s = time.perf_counter() - begun
    assert jobs.done.is_set()
    return count / taken_s


async def opened(stack: AsyncExitStack, folder: Path, url: str | None) -> Database:
    """Return a database with the tables of events."""
    databases = Databases(folder, url, pool_size=10)
    stack.push_async_callback(databases.close)
    database = databases.of(STREAM)
    await upgrade(database, "delivery", tables)
    return database


async def main() -> int:
    """Print the figures of each, and return 1 where the limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    figures, table = EventFigures(CollectorRegistry()), Table("/s")
    contestants: dict[str, Round] = {}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="converto-bench-")))
        for how, durable in (("durable", True), ("not durable", False)):
            server = stack.enter_context(Postgres(durable=durable))
            url = server.create_database("theirs").replace("+asyncpg", "")
            procrastinate = await stack.enter_async_context(Procrastinate(url, concurrency=CONCURRENCY))
            database = await opened(stack, folder, server.create_database("ours"))
            contestants[f"procrastinate, PostgreSQL, {how}"] = partial(theirs, procrastinate, THEIRS)
            contestants[f"Converto, PostgreSQL, {how}"] = partial(ours, database, OURS, figures)
        contestants["Converto, SQLite"] = partial(ours, await opened(stack, folder, None), OURS, figures)
        before_others()
        await table.play(contestants, rounds=rounds)
    table.show(list(contestants), beside="procrastinate, PostgreSQL, durable")
    held = []
    for how in ("durable", "not durable"):
        one, other = f"Converto, PostgreSQL, {how}", f"procrastinate, PostgreSQL, {how}"
        held.append(verdict(f"jobs, {how}, beside procrastinate's", table.ratio(one, other), at_least=LIMIT))
        print(f"  {table.spread(one, other)}")
    return not all(held)


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
