"""The streams between processes: a Redis that comes and goes, consumers that die, entries that nobody can read."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from redis.asyncio import Redis as Client

from converto.events.backend import Subscriber
from converto.events.inbox import Inbox
from converto.events.redis_streams import RedisStreams
from converto.events.redis_trim import trim
from converto.events.traffic import Traffic, open_backend
from converto.kernel.config import Settings
from converto.kernel.database import Database
from converto.kernel.errors import Unavailable
from converto.kernel.event import Envelope, Event
from converto.kernel.metrics import EventFigures
from tests.events.diary import DiaryService, subscriber, tell, told, until, until_states, waiting
from tests.servers import Redis, RedisCluster

STREAM, GROUP = "stream:diary", "events.write_down"


@asynccontextmanager
async def reading(url: str, *subscribers: Subscriber, reclaim_after_s: float = 30.0) -> AsyncIterator[None]:
    """Take events from the streams into inboxes while the block runs."""
    task = asyncio.create_task(RedisStreams(url, reclaim_after_s=reclaim_after_s).run(subscribers))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def send(url: str, *events: Event) -> None:
    """Add events to their streams, as the relay of another process does."""
    backend = RedisStreams(url)
    try:
        await backend.send([Envelope.around(event) for event in events])
    finally:
        await backend._connection.close()


def test_a_setting_opens_the_streams(redis_url: str) -> None:
    assert isinstance(open_backend(Settings(events=redis_url)), RedisStreams)


async def test_a_redis_that_is_gone_is_unavailable(own_redis: Redis) -> None:
    own_redis.stop()
    with pytest.raises(Unavailable):
        await send(own_redis.url, told())


async def test_a_cluster_that_is_gone_is_unavailable() -> None:
    with RedisCluster() as cluster:
        backend = RedisStreams(cluster.url)
        await backend.send([Envelope.around(told())])
        cluster.stop()
        with pytest.raises(Unavailable):
            await backend.send([Envelope.around(told())])
        await backend._connection.close()


async def test_facts_told_while_redis_is_gone_arrive_when_it_is_back(sqlite: Database, own_redis: Redis, figures: EventFigures) -> None:
    diary = DiaryService()
    async with Traffic(RedisStreams(own_redis.url), figures).running([sqlite], [subscriber(diary, sqlite)]):
        await tell(sqlite, told("before"))
        await until_states(sqlite, handled=1)
        own_redis.stop()
        await tell(sqlite, told("meanwhile"))
        assert await waiting(sqlite) == 1
        own_redis.start()
        await until_states(sqlite, handled=2)
    assert diary.heard == {"before": 1, "meanwhile": 1}


async def test_what_a_dead_consumer_read_and_did_not_take_in_is_taken_over(sqlite: Database, redis_url: str) -> None:
    await send(redis_url, told())
    async with Client.from_url(redis_url) as redis:
        await redis.xgroup_create(STREAM, GROUP, id="0")
        await redis.xreadgroup(GROUP, "a process that is no more", {STREAM: ">"})
        async with reading(redis_url, subscriber(DiaryService(), sqlite), reclaim_after_s=0.2):
            await until_states(sqlite, due=1)
            await until(lambda: _nothing_pending(redis))


async def _nothing_pending(redis: Client) -> bool:
    return int((await redis.xpending(STREAM, GROUP))["pending"]) == 0


async def test_an_entry_that_nobody_can_read_holds_up_no_other(sqlite: Database, redis_url: str) -> None:
    async with Client.from_url(redis_url) as redis:
        await redis.xadd(STREAM, {"envelope": b"{"})
        await redis.xadd(STREAM, {"letter": b"{}"})
        await redis.xadd(STREAM, {"envelope": b"\xff\xfe"})
        await send(redis_url, told())
        async with reading(redis_url, subscriber(DiaryService(), sqlite)):
            await until_states(sqlite, due=1)
            await until(lambda: _nothing_pending(redis))


async def test_what_could_not_be_taken_in_is_taken_in_as_soon_as_it_can_be(sqlite: Database, redis_url: str) -> None:
    failures: list[int] = []

    class FullForAWhile(Subscriber):
        async def accept(self, envelopes: Sequence[Envelope]) -> None:
            if len(failures) < 2:
                failures.append(1)
                msg = "the disk is full"
                raise OSError(msg)
            await super().accept(envelopes)

    who = subscriber(DiaryService(), sqlite)
    await send(redis_url, *(told(f"words {number}") for number in range(3)))
    async with reading(redis_url, FullForAWhile(who.subscription, who.service, who.database)):
        await until_states(sqlite, due=3)
    assert len(failures) == 2


async def test_an_event_that_is_refused_holds_up_no_other_and_comes_again(sqlite: Database, redis_url: str) -> None:
    class Picky(Subscriber):
        refuses = True

        async def accept(self, envelopes: Sequence[Envelope]) -> None:
            if Picky.refuses and any(envelope.data["words"] == "bad" for envelope in envelopes):
                msg = "it does not fit"
                raise ValueError(msg)
            await super().accept(envelopes)

    good = subscriber(DiaryService(), sqlite)
    await send(redis_url, told("good"), told("bad"), told("good too"))
    async with reading(redis_url, Picky(good.subscription, good.service, good.database), reclaim_after_s=0.2):
        await until_states(sqlite, due=2)
        await send(redis_url, told("later"))
        await until_states(sqlite, due=3)
        Picky.refuses = False
        await until_states(sqlite, due=4)


async def test_a_subscriber_that_cannot_take_anything_in_stops_no_other(sqlite: Database, redis_url: str) -> None:
    class Full(Subscriber):
        async def accept(self, envelopes: object) -> None:  # noqa: ARG002
            raise LookupError

    good = subscriber(DiaryService(), sqlite)
    other = replace(good.subscription, name="other.hears")
    async with reading(redis_url, Full(other, good.service, good.database), good):
        for number in range(3):
            await send(redis_url, told(f"words {number}"))
            await until_states(sqlite, due=number + 1)


async def test_a_stream_is_trimmed_by_age(redis_url: str) -> None:
    async with Client.from_url(redis_url) as redis:
        await old_entries(redis, 500)
        await send(redis_url, told())
        await trim(redis, STREAM, keep=timedelta(days=7))
        assert await redis.xlen(STREAM) < 200
        newest = await redis.xinfo_stream(STREAM)
        assert not newest["last-generated-id"].startswith(b"500-")


async def test_nothing_is_trimmed_that_a_group_has_not_read(redis_url: str) -> None:
    async with Client.from_url(redis_url) as redis:
        await old_entries(redis, 500)
        await redis.xgroup_create(STREAM, "reads.all", id="0")
        await redis.xgroup_create(STREAM, "reads.nothing", id="0")
        await redis.xreadgroup("reads.all", "one", {STREAM: ">"}, count=500, noack=True)
        assert (await trim(redis, STREAM, keep=timedelta(days=7)), await redis.xlen(STREAM)) == (0, 500)
        await redis.xgroup_destroy(STREAM, "reads.nothing")
        assert await trim(redis, STREAM, keep=timedelta(days=7)) > 300


async def test_nothing_is_trimmed_that_a_group_has_not_acknowledged(redis_url: str) -> None:
    async with Client.from_url(redis_url) as redis:
        await old_entries(redis, 500)
        await redis.xgroup_create(STREAM, "reads.all", id="0")
        await redis.xreadgroup("reads.all", "one", {STREAM: ">"}, count=500)
        await redis.xack(STREAM, "reads.all", *[f"{number + 1}-0" for number in range(500) if number != 249])
        await trim(redis, STREAM, keep=timedelta(days=7))
        assert await redis.xlen(STREAM) < 500
        assert await redis.xrange(STREAM, "250-0", "250-0")


async def test_a_consumer_that_is_long_gone_is_forgotten_and_one_that_holds_entries_is_not(redis_url: str) -> None:
    async with Client.from_url(redis_url) as redis:
        await old_entries(redis, 2)
        await redis.xgroup_create(STREAM, "reads.all", id="0")
        await redis.xreadgroup("reads.all", "holds", {STREAM: ">"}, count=1)
        await redis.xgroup_createconsumer(STREAM, "reads.all", "gone")
        await trim(redis, STREAM, keep=timedelta(days=7), idle_consumer_ms=-1)
        assert [consumer["name"] for consumer in await redis.xinfo_consumers(STREAM, "reads.all")] == [b"holds"]


async def old_entries(redis: Client, count: int) -> None:
    for number in range(count):
        await redis.xadd(STREAM, {"envelope": b"{}"}, id=f"{number + 1}-0")


async def test_an_entry_is_acknowledged_only_after_it_was_taken_in(sqlite: Database, redis_url: str) -> None:
    class Full(Subscriber):
        async def accept(self, envelopes: object) -> None:  # noqa: ARG002
            msg = "the disk is full"
            raise OSError(msg)

    good = subscriber(DiaryService(), sqlite)
    await send(redis_url, told())
    async with Client.from_url(redis_url) as redis:
        async with reading(redis_url, Full(good.subscription, good.service, good.database)):
            await until(lambda: _is_pending(redis))
        async with reading(redis_url, good, reclaim_after_s=0.2):
            await until_states(sqlite, due=1)


async def _is_pending(redis: Client) -> bool:
    return bool(await redis.exists(STREAM)) and bool(await redis.xinfo_groups(STREAM)) and not await _nothing_pending(redis)


async def test_two_processes_of_one_subscriber_take_an_event_in_once(sqlite: Database, redis_url: str) -> None:
    who = subscriber(DiaryService(), sqlite)
    async with reading(redis_url, who), reading(redis_url, who):
        await send(redis_url, *(told(f"words {number}") for number in range(50)))
        await until_states(sqlite, due=50)


async def test_a_subscriber_that_comes_later_hears_what_was_told_before(sqlite: Database, redis_url: str) -> None:
    await send(redis_url, told("before"))
    async with reading(redis_url, subscriber(DiaryService(), sqlite)):
        await until_states(sqlite, due=1)
        async with sqlite.writing() as session:
            (delivery,) = await Inbox(session).claim(GROUP, 5, lease_s=60)
    assert delivery.envelope.data == {"words": "before"}
