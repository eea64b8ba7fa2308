"""Events told durably a second by 64 callers that each await their own commit, against SQLAlchemy with aiosqlite, one by one.

Same file system, same pragmas, same tables, with `synchronous` at NORMAL, as we run, and at FULL. The limit: ten times.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.measuring.rounds import Round, Table, before_others, verdict
from bench.measuring.sale import STREAM, SaleMade, sale
from bench.rivals.plain_sqlalchemy import PlainSqlAlchemy, SaleRow, create_tables, sale_row
from converto.events.publisher import Publisher
from converto.kernel.context import Context, within
from converto.kernel.database import Database, sqlite_engine
from converto.kernel.event import Envelope

LIMIT = 10.0
CALLERS = 64
EACH = {"ours": 100, "theirs": 8}
"""How many events each caller tells in a round: as many as take about half a second."""

Publish = Callable[[SaleMade], Awaitable[None]]


def engine_of(file: Path, *, synchronous: str) -> AsyncEngine:
    """Return an engine as the product's, but for how it waits for the disk."""
    engine = sqlite_engine(file)

    @sqlalchemy_event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.execute(f"PRAGMA synchronous={synchronous}")

    return engine


async def told(publish: Publish, each: int) -> float:
    """Return how many events a second are told."""
    events = iter([sale(number) for number in range(CALLERS * each)])

    async def call() -> None:
        for event in events:
            await publish(event)

    begun = time.perf_counter()
    await asyncio.gather(*[call() for _ in range(CALLERS)])
    return CALLERS * each / (time.perf_counter() - begun)


async def contestants_of(file: Path, synchronous: str, opened: AsyncExitStack) -> Mapping[str, Round]:
    """Return both sides, each with the event alone and with the row that it tells of, on files of their own."""
    engines = {side: engine_of(file.with_name(f"{file.name}-{side}"), synchronous=synchronous) for side in EACH}
    for engine in engines.values():
        opened.push_async_callback(engine.dispose)
        await create_tables(engine)
    publisher, plain = Publisher(Database(STREAM, engines["ours"])), PlainSqlAlchemy(engines["theirs"])

    async def publish(event: SaleMade) -> None:
        await publisher.publish(Envelope.around(event))

    async def publish_with_row(event: SaleMade) -> None:
        await publisher.publish(Envelope.around(event), rows=[(SaleRow.__table__, sale_row(event))])  # type: ignore[list-item]

    return {
        f"Converto, event alone, {synchronous}": partial(told, publish, EACH["ours"]),
        f"SQLAlchemy, event alone, {synchronous}": partial(told, plain.publish, EACH["theirs"]),
        f"Converto, row and event, {synchronous}": partial(told, publish_with_row, EACH["ours"]),
        f"SQLAlchemy, row and event, {synchronous}": partial(told, plain.publish_with_row, EACH["theirs"]),
    }


async def main() -> int:
    """Print the figures of each, and return 1 where a limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    before_others()
    table = Table("/s")
    async with AsyncExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="converto-bench-")))
        contestants: dict[str, Round] = {}
        for synchronous in ("NORMAL", "FULL"):
            contestants |= await contestants_of(folder / synchronous, synchronous, opened)
        await table.play(contestants, rounds=rounds)
    held = []
    for what in ("event alone, NORMAL", "event alone, FULL", "row and event, NORMAL", "row and event, FULL"):
        ours, theirs = f"Converto, {what}", f"SQLAlchemy, {what}"
        table.show([ours, theirs], beside=theirs)
        held.append(verdict(what, table.ratio(ours, theirs), at_least=LIMIT))
        print(f"  {table.spread(ours, theirs)}")
    return not all(held)


if __name__ == "__main__":
    with within(Context()):  # as in every request
        sys.exit(uvloop.run(main()))
