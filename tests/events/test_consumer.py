"""How an inbox is worked off: leases, crashes, stops, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

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
from tests.events.diary import DiaryService, Told, accept, row_of, states, subscriber, told, until, until_states

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


class Gate:
    """Holds handlers until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def __call__(self, _: Told) -> None:
        self.reached.set()
        await self.opened.wait()


async def test_what_a_dead_process_held_is_handled_once_its_lease_is_over(database: Database, figures: EventFigures) -> None:
    diary = DiaryService()
    who = subscriber(diary, database)
    await accept(who, told())
    async with database.writing() as session:
        held = await Inbox(session).claim(NAME, 1, lease_s=LEASE_S)  # by a process that is no more
    async with consuming(who, figures):
        await until_states(database, handled=1)
        row = await row_of(database, held[0].envelope.id)
    assert (diary.heard["good morning"], row.attempts) == (1, 2)
    assert row.handled_at - row.received_at >= timedelta(seconds=LEASE_S)


async def test_a_long_job_keeps_its_lease_while_another_looks_on(database: Database, figures: EventFigures) -> None:
    diary, gate, event = DiaryService(takes=Gate()), Gate(), told()
    diary.takes = gate
    who = subscriber(diary, database)
    await accept(who, event)
    async with consuming(who, figures, lease_s=1.2), consuming(who, figures, lease_s=1.2):
        await gate.reached.wait()
        for _ in range(4):  # renewals, each a third of a lease after the one before
            until_when = (await row_of(database, event.id)).leased_until

            async def renewed(before: object = until_when) -> bool:
                return bool((await row_of(database, event.id)).leased_until != before)

            await until(renewed)
        gate.opened.set()
        await until_states(database, handled=1)
    assert (diary.heard["good morning"], (await row_of(database, event.id)).attempts) == (1, 1)


async def test_whoever_lost_a_lease_cannot_settle(database: Database) -> None:
    await accept(subscriber(DiaryService(), database), told())
    async with database.writing() as session:
        (stale,) = await Inbox(session).claim(NAME, 1, lease_s=-1)
        (held,) = await Inbox(session).claim(NAME, 1, lease_s=60)
        box = Inbox(session)
        assert [await box.retry(stale.held, "late", delay_s=0), await box.bury(stale.held, "late")] == [False, False]
        lost = [await box.handled(stale.held), await box.release(stale.held), await box.renew([stale.held], lease_s=600)]
        assert (lost, await box.handled(held.held)) == ([{stale.held}] * 3, set())
    row = await row_of(database, held.envelope.id)
    assert (row.last_error, row.dead_at, row.attempts) == (None, None, 2)


async def test_what_is_settled_cannot_be_settled_again(database: Database) -> None:
    await accept(subscriber(DiaryService(), database), told())
    async with database.writing() as session:
        (held,) = await Inbox(session).claim(NAME, 1, lease_s=60)
        assert [await Inbox(session).handled(held.held), await Inbox(session).bury(held.held, "again")] == [set(), False]


async def test_an_event_that_kills_its_process_each_time_is_buried_untried(database: Database, figures: EventFigures) -> None:
    diary, event = DiaryService(), told()
    who = subscriber(diary, database, attempts=5, deaths=2)
    await accept(who, event)
    async with database.writing() as session:
        for _ in range(2):
            await Inbox(session).claim(NAME, 1, lease_s=-1)
    async with consuming(who, figures):
        await until_states(database, dead=1)
    reason = "DiedEachTime: The process ended in the middle of this 2 times."
    assert (diary.heard.total(), diary.given_up) == (0, [("good morning", reason)])
    assert (await row_of(database, event.id)).last_error == reason


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
        for task in consumer._running.values():
            task.cancel()
        await asyncio.gather(rounds, *consumer._running.values(), return_exceptions=True)
        async with database.writing() as session:
            await session.execute(update(inbox).values(leased_until=now() - timedelta(seconds=1)).where(inbox.c.lease.is_not(None)))
    async with consuming(who, figures):
        await until_states(database, dead=1, handled=40)
    assert [words for words, _ in diary.given_up] == ["kills"]


async def test_an_event_is_buried_although_giving_up_fails(database: Database, figures: EventFigures) -> None:
    async def fail(_: Told) -> None:
        raise LookupError

    def fail_too() -> None:
        msg = "no ink either"
        raise OSError(msg)

    diary, event = DiaryService(takes=fail, gives_up=fail_too), told()
    who = subscriber(diary, database, attempts=1)
    await accept(who, event)
    async with consuming(who, figures):
        await until_states(database, dead=1)
    assert (await row_of(database, event.id)).last_error == "LookupError: ; giving up failed too: OSError: no ink either"


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


async def test_a_failed_attempt_waits_for_its_pause(database: Database, figures: EventFigures) -> None:
    tried: list[datetime] = []

    async def fail(_: Told) -> None:
        tried.append(now())
        raise LookupError

    async def failed() -> Any:
        row = await row_of(database, event.id)
        return row.last_error and row

    event = told()
    who = subscriber(DiaryService(takes=fail), database)
    await accept(who, event)
    async with consuming(who, figures):
        row = await until(failed)
        assert tried[0] + timedelta(seconds=1) <= row.due_at
    assert (row.last_error, row.dead_at) == ("LookupError: ", None)


async def test_no_more_run_at_once_than_wanted(database: Database, figures: EventFigures) -> None:
    gate = Gate()
    diary = DiaryService(takes=gate)
    who = subscriber(diary, database, concurrency=3)
    await accept(who, *(told(f"words {number}") for number in range(12)))

    async def three_run() -> bool:
        return diary.at_once == 3

    async with consuming(who, figures, lease_s=30):
        await until(three_run)
        gate.opened.set()
        await until_states(database, handled=12)
    assert (diary.most_at_once, diary.heard.total()) == (3, 12)


async def test_two_consumers_share_the_work_and_do_none_twice(database: Database, figures: EventFigures) -> None:
    diary = DiaryService()
    who = subscriber(diary, database)
    await accept(who, *(told(f"words {number}") for number in range(60)))
    async with consuming(who, figures, lease_s=30), consuming(who, figures, lease_s=30):
        await until_states(database, handled=60)
    assert set(diary.heard.values()) == {1}


async def test_a_stop_hands_back_what_is_not_done_and_counts_no_attempt(database: Database, figures: EventFigures) -> None:
    gate, event = Gate(), told()
    who = subscriber(DiaryService(takes=gate), database)
    await accept(who, event)
    async with consuming(who, figures, lease_s=30):
        await gate.reached.wait()
    row = await row_of(database, event.id)
    assert (row.attempts, row.leased_until, row.due_at <= now()) == (0, None, True)


async def test_a_stop_waits_for_what_is_done_in_time(database: Database, figures: EventFigures) -> None:
    gate = Gate()
    who = subscriber(DiaryService(takes=gate), database)
    await accept(who, told())
    async with consuming(who, figures, lease_s=30, grace_s=10):
        await gate.reached.wait()
        asyncio.get_running_loop().call_later(0.05, gate.opened.set)
    assert await states(database) == {"handled": 1}


async def test_events_are_taken_oldest_first(database: Database, figures: EventFigures) -> None:
    diary = DiaryService()
    who = subscriber(diary, database, concurrency=1)
    for number in range(5):
        await accept(who, told(f"words {number}"))
    async with consuming(who, figures, lease_s=30):
        await until_states(database, handled=5)
    assert list(diary.heard) == [f"words {number}" for number in range(5)]


async def test_handled_events_are_forgotten_after_a_while_and_no_others(database: Database) -> None:
    who = subscriber(DiaryService(), database)
    handled, due = told("handled"), told("due")
    await accept(who, handled)
    async with database.writing() as session:
        (held,) = await Inbox(session).claim(NAME, 1, lease_s=60)
        await Inbox(session).handled(held.held)
    await accept(who, due)
    async with database.writing() as session:
        await Inbox(session).purge(handled_before=now() - timedelta(days=1))
    assert await states(database) == {"handled": 1, "due": 1}
    async with database.writing() as session:
        await Inbox(session).purge(handled_before=now())
    assert await states(database) == {"due": 1}


async def test_each_subscriber_has_its_own_copy(database: Database) -> None:
    envelope = Envelope.around(told())
    async with database.writing() as session:
        await Inbox(session).accept("one.hears", [envelope])
        await Inbox(session).accept("other.hears", [envelope])
        first = await Inbox(session).claim("one.hears", 5, lease_s=60)
        second = await Inbox(session).claim("other.hears", 5, lease_s=60)
    assert [len(first), len(second)] == [1, 1]
