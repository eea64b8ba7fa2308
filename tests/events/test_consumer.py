"""How an inbox is worked off: leases, crashes, stops, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import update

from converto.events.backend import Subscriber
from converto.events.delivery import Consumer
from converto.events.inbox import Inbox
from converto.events.pauses import pause_s
from converto.events.tables import inbox
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database
from converto.kernel.event import Envelope
from converto.kernel.metrics import EventFigures
from tests.events.diary import DiaryService, Told, accept, states, subscriber, told, until, until_states

LEASE_S = 0.3
NAME = "events.write_down"


@asynccontextmanager
async def consuming(who: Subscriber, figures: EventFigures, *, lease_s: float = LEASE_S, grace_s: float = 0.0) -> AsyncIterator[None]:
    task = asyncio.create_task(Consumer(who, figures, lease_s=lease_s).run(grace_s=grace_s))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_event_that_was_there_at_several_deaths_is_claimed_alone(database: Database) -> None:
    who = subscriber(DiaryService(), database)
    await accept(who, *(told(f"words {number}") for number in range(5)))
    async with database.writing() as session:
        for _ in range(3):
            await Inbox(session).claim(NAME, 5, lease_s=-1)  # by processes that died
    await accept(who, told("fresh"))
    claimed = []
    for _ in range(6):
        async with database.writing() as session:
            deliveries = await Inbox(session).claim(NAME, 10, lease_s=60, alone_after=3)
            await Inbox(session).handled(*(delivery.held for delivery in deliveries))
        claimed.append([(delivery.envelope.data["words"], delivery.deaths) for delivery in deliveries])
    assert claimed == [[(f"words {number}", 3)] for number in range(5)] + [[("fresh", 0)]]


async def test_one_that_kills_its_process_takes_no_other_with_it(database: Database, figures: EventFigures) -> None:
    """A process is played by a consumer that is stopped, whose leases run out, whenever it comes to the one that kills."""
    died = asyncio.Event()

    async def take(event: Told) -> None:
        if event.words == "kills":
            died.set()
            await asyncio.Event().wait()

    diary = DiaryService(takes=take)
    who = subscriber(diary, database, deaths=5)
    await accept(who, *(told(f"words {number}") for number in range(20)), told("kills"), *(told(f"more {number}") for number in range(20)))
    for _ in range(5):
        consumer = Consumer(who, figures, lease_s=30)
        rounds = asyncio.create_task(consumer._rounds())
        await died.wait()
        died.clear()
        rounds.cancel()
        working = [work.task for work in consumer._running.values()]
        for task in working:
            task.cancel()
        await asyncio.gather(rounds, *working, return_exceptions=True)
        async with database.writing() as session:
            await session.execute(update(inbox).values(leased_until=now() - timedelta(seconds=1)).where(inbox.c.lease.is_not(None)))
    async with consuming(who, figures):
        await until_states(database, dead=1, handled=40)
    assert [words for words, _ in diary.given_up] == ["kills"]


async def test_whoever_lost_a_lease_gives_nothing_up(database: Database, figures: EventFigures) -> None:
    async def overtaken(event: Told) -> None:
        async with database.writing() as session:
            await session.execute(update(inbox).where(inbox.c.event_id == event.id).values(lease=new_id()))
        raise LookupError

    diary = DiaryService(takes=overtaken)
    who, event = subscriber(diary, database, attempts=1), told()
    await accept(who, event)
    async with consuming(who, figures, lease_s=30):
        await until(lambda: lost(figures))
    assert diary.given_up == []
    assert await states(database) == {"due": 1}


async def lost(figures: EventFigures) -> float:
    return float(figures.handled.labels(NAME, "lost")._value.get())


def test_the_pauses_between_attempts_grow_up_to_five_minutes() -> None:
    least = [1, 4, 16, 64, 256, 300, 300]
    for _ in range(50):
        assert all(pause <= pause_s(failures) <= 1.25 * pause for failures, pause in enumerate(least, start=1))


async def test_events_are_taken_oldest_first(database: Database, figures: EventFigures) -> None:
    diary = DiaryService()
    who = subscriber(diary, database, concurrency=1)
    for number in range(5):
        await accept(who, told(f"words {number}"))
    async with consuming(who, figures, lease_s=30):
        await until_states(database, handled=5)
    assert list(diary.heard) == [f"words {number}" for number in range(5)]


async def test_each_subscriber_has_its_own_copy(database: Database) -> None:
    envelope = Envelope.around(told())
    async with database.writing() as session:
        await Inbox(session).accept("one.hears", [envelope])
        await Inbox(session).accept("other.hears", [envelope])
        first = await Inbox(session).claim("one.hears", 5, lease_s=60)
        second = await Inbox(session).claim("other.hears", 5, lease_s=60)
    assert [len(first), len(second)] == [1, 1]
