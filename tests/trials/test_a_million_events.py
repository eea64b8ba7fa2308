"""A million events on one stream, which three groups read, one of which is dead for a while."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from redis.asyncio import Redis as Client

from converto.events.redis_streams import RedisStreams
from converto.kernel.clock import new_id, now
from converto.kernel.event import Envelope, stream_of
from tests.servers import Redis

pytestmark = [pytest.mark.trials, pytest.mark.timeout(1800)]

EVENTS = 1_000_000
TOGETHER = 500
DIES_AFTER = 20_000
KEEP = timedelta(seconds=5)
TRIM_EVERY_S = 1.0
NODE = 200
"""Entries of a stream that may stay beyond the retention: it is trimmed node by node."""
TENANT = new_id()


class Group:
    """Takes events in and counts them."""

    def __init__(self, name: str, *, has: AbstractSet[UUID] = frozenset(), dies_after: int | None = None) -> None:
        self.name = name
        self.sources: Sequence[str] = ("trial",)
        self.ordered = False
        self.ids = set(has)
        self.entries = 0
        self.has_all, self.died = asyncio.Event(), asyncio.Event()
        self._dies_after = dies_after

    async def accept(self, envelopes: Sequence[Envelope]) -> None:
        """Take events in, or die with them unacknowledged."""
        if self._dies_after is not None and self.entries >= self._dies_after:
            self.died.set()
            await asyncio.Event().wait()
        self.entries += len(envelopes)
        self.ids.update(envelope.id for envelope in envelopes)
        if len(self.ids) == EVENTS:
            self.has_all.set()
        await asyncio.sleep(0)


@asynccontextmanager
async def reading(url: str, *groups: Group) -> AsyncIterator[None]:
    backend = RedisStreams(url, keep=KEEP, reclaim_after_s=1.0, trim_every_s=TRIM_EVERY_S)
    task = asyncio.create_task(backend.run(groups))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def send_all(url: str) -> float:
    """Send every event and return how long that took."""
    backend, begun = RedisStreams(url), time.monotonic()
    for first in range(0, EVENTS, TOGETHER):
        await backend.send([_envelope(number) for number in range(first, first + TOGETHER)])
    await backend._connection.close()
    return time.monotonic() - begun


def _envelope(number: int) -> Envelope:
    return Envelope.model_construct(
        id=new_id(),
        type="trial.told",
        source="trial",
        tenant_id=TENANT,
        time=now(),
        trace_parent="00-" + "1" * 32 + "-" + "2" * 16 + "-01",
        data={"number": number},
    )


async def test_what_a_dead_group_needs_is_kept_and_nothing_more_when_it_is_back() -> None:
    lively, second, mortal = Group("trial.one"), Group("trial.two"), Group("trial.three", dies_after=DIES_AFTER)
    with Redis() as server:
        before = await _kept(server)
        async with reading(server.url, lively, second):
            async with reading(server.url, mortal):
                sending = asyncio.create_task(send_all(server.url))
                await mortal.died.wait()
            took_s = await sending
            await lively.has_all.wait()
            await second.has_all.wait()
            held = await _after_trims(server)
            back, begun = Group("trial.three", has=mortal.ids), time.monotonic()
            async with reading(server.url, back):
                await back.has_all.wait()
                caught_up_s = time.monotonic() - begun
                left = await _after_trims(server)
    print(f"\n{EVENTS} events sent in {took_s:.0f} s and read by two groups; the third died after {mortal.entries}:")
    print(f"held for it {held}; it read the rest in {caught_up_s:.0f} s, {mortal.entries + back.entries - EVENTS} of it again;")
    print(f"then {left}; {before} before")
    assert held.entries >= EVENTS - mortal.entries
    assert (left.entries <= NODE, left.pending) == (True, 0)
    assert left.megabytes < before.megabytes + 5


@dataclass(frozen=True)
class Kept:
    """What a stream and its server hold."""

    entries: int
    pending: int
    megabytes: float

    def __str__(self) -> str:
        return f"{self.entries} entries, {self.pending} pending, {self.megabytes:.1f} MB"


async def _after_trims(server: Redis) -> Kept:
    """Return what is kept when all is older than the retention, and was trimmed since."""
    await asyncio.sleep(KEEP.total_seconds() + 2 * TRIM_EVERY_S)
    return await _kept(server)


async def _kept(server: Redis) -> Kept:
    stream = stream_of("trial")
    async with Client.from_url(server.url) as client:
        groups = await client.xinfo_groups(stream) if await client.exists(stream) else []
        megabytes = (await client.info("memory"))["used_memory"] / 1e6
        return Kept(await client.xlen(stream), sum(group["pending"] for group in groups), megabytes)
