"""An event is its process's own under a lease: renewed while it is handled, lost with the process, and refused to whoever lost it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import select

from converto.events.backend import Subscriber
from converto.events.delivery import Consumer
from converto.events.inbox import CANCELLED, Inbox
from converto.events.tables import inbox
from converto.kernel.clock import now
from converto.kernel.database import Database
from converto.kernel.event import Envelope, Event
from tests.events.conformance.post import NAME, Away, Gate, Post, Written, lay_in, written
from tests.events.diary import row_of, states, tell, told, until, until_states

LEASE_S = 0.9
LONG_ENOUGH_S = 2.0
"""Of which a third is enough for a heartbeat on a machine that is busy with other tests."""


@asynccontextmanager
async def consuming(post: Post, who: Subscriber, *, lease_s: float = 30.0, grace_s: float = 0.0) -> AsyncIterator[None]:
    """Bring events in and handle them; how long a stop waits is said here."""
    consumer = asyncio.create_task(Consumer(who, post.figures, lease_s=lease_s).run(grace_s=grace_s))
    try:
        async with post.running(post.hears(who.subscription.event, concurrency=0)):
            yield
    finally:
        consumer.cancel()
        await asyncio.gather(consumer, return_exceptions=True)


async def cancel(database: Database, subject: str) -> int:
    async with database.writing() as session:
        return await Inbox(session).cancel(NAME, subject)


async def test_a_long_job_keeps_its_lease_and_nobody_else_gets_it(post: Post) -> None:
    gate, event, other = Gate(), told(), post.another()
    post.diary.takes = gate
    async with post.running(lease_s=LONG_ENOUGH_S), other.running(lease_s=LONG_ENOUGH_S):
        await tell(post.database, event)
        await gate.reached.wait()
        first_lease = (await row_of(post.database, event.id)).leased_until

        async def far_beyond_its_lease() -> bool:
            return bool(now() > first_lease + timedelta(seconds=1))

        await until(far_beyond_its_lease)
        gate.opened.set()
        await until_states(post.database, handled=1)
    assert (post.diary.heard["good morning"], (await row_of(post.database, event.id)).attempts) == (1, 1)


async def test_what_a_dead_process_held_is_handled_once_its_lease_is_over(post: Post) -> None:
    event = told()
    await lay_in(post.database, NAME, Envelope.around(event))
    await post.claim(lease_s=0.3)  # by a process that is no more
    async with post.running():
        await until_states(post.database, handled=1)
    row = await row_of(post.database, event.id)
    assert (post.diary.heard["good morning"], row.attempts) == (1, 2)
    assert row.handled_at - row.received_at >= timedelta(seconds=0.3)


async def test_whoever_lost_a_lease_can_do_nothing_with_the_event(post: Post) -> None:
    event = told()
    await lay_in(post.database, NAME, Envelope.around(event))
    (stale,) = await post.claim(lease_s=-1)
    (held,) = await post.claim()
    async with post.database.writing() as session:
        box = Inbox(session)
        assert [await box.retry(stale.held, "late", delay_s=0), await box.bury(stale.held, "late")] == [False, False]
        lost = [await box.handled(stale.held), await box.release(stale.held), await box.renew([stale.held], lease_s=600)]
        assert lost == [{stale.held}] * 3
        assert await box.handled(held.held) == set()
    row = await row_of(post.database, event.id)
    assert (row.last_error, row.dead_at, row.attempts) == (None, None, 2)


async def test_what_is_settled_cannot_be_settled_again(post: Post) -> None:
    await lay_in(post.database, NAME, Envelope.around(told()))
    (held,) = await post.claim()
    async with post.database.writing() as session:
        box = Inbox(session)
        assert await box.handled(held.held) == set()
        assert [await box.handled(held.held), await box.bury(held.held, "again")] == [{held.held}, False]


async def test_only_those_whose_lease_is_lost_are_refused(post: Post) -> None:
    await lay_in(post.database, NAME, *(Envelope.around(told(f"words {number}")) for number in range(4)))
    stale = await post.claim(2, lease_s=-1)
    fresh = await post.claim(4)
    kept = [one for one in fresh if one.envelope.id not in {other.envelope.id for other in stale}]
    async with post.database.writing() as session:
        lost = await Inbox(session).handled(*[one.held for one in stale], *[one.held for one in kept])
    assert lost == {one.held for one in stale}
    assert await states(post.database) == {"handled": 2, "due": 2}


async def test_the_handler_of_a_lost_lease_is_cancelled(post: Post) -> None:
    gate, event = Gate(), told()
    post.diary.takes = gate

    async def cancelled() -> bool:
        return gate.cancelled == 1

    async with post.running(lease_s=LEASE_S):
        await tell(post.database, event)
        await gate.reached.wait()
        post.diary.takes = None
        async with post.database.writing() as session:  # as if this process had slept, and another had taken it
            await session.execute(inbox.update().values(leased_until=now() - timedelta(seconds=1)))
            (theirs,) = await Inbox(session).claim(NAME, 1, lease_s=60)
        await until(cancelled)
        async with post.database.writing() as session:
            assert await Inbox(session).handled(theirs.held) == set()
    assert (post.diary.heard["good morning"], await states(post.database)) == (1, {"handled": 1})


async def test_what_waits_about_a_subject_is_cancelled(post: Post) -> None:
    await lay_in(post.database, NAME, *(Envelope.around(written("page 1", str(number))) for number in range(3)))
    await lay_in(post.database, NAME, Envelope.around(written("page 2", "other")))
    assert [await cancel(post.database, "page 1"), await cancel(post.database, "page 1")] == [3, 0]
    async with post.running(post.hears(Written)):
        await until_states(post.database, handled=4)
    assert post.diary.heard == {"other": 1}
    assert {words: row.last_error for words, row in (await post.rows()).items()} == {"other": None} | {
        str(number): CANCELLED for number in range(3)
    }


async def test_a_running_handler_is_cancelled_at_once_in_its_own_process(post: Post) -> None:
    gate = Gate()
    post.diary.takes = gate
    async with post.running(post.hears(Written), lease_s=60):  # so that a heartbeat would come far too late
        await tell(post.database, written("page 1", "a line"))
        await gate.reached.wait()
        assert await cancel(post.database, "page 1") == 1

        async def cancelled() -> bool:
            return gate.cancelled == 1

        await until(cancelled)
    assert await states(post.database) == {"handled": 1}


async def test_a_running_handler_is_cancelled_from_another_process(post: Post) -> None:
    gate, other = Gate(), post.another()
    post.diary.takes = gate
    async with post.running(post.hears(Written), lease_s=LEASE_S):
        await tell(post.database, written("page 1", "a line"))
        await gate.reached.wait()
        assert await cancel(other.database, "page 1") == 1

        async def cancelled() -> bool:
            return gate.cancelled == 1

        await until(cancelled)
        post.diary.takes = None
        await tell(post.database, written("page 1", "the next line"))
        await until_states(post.database, handled=2)
    assert post.diary.heard == {"a line": 1, "the next line": 1}


async def test_cancelling_a_subject_leaves_others_running(post: Post) -> None:
    gate = Gate()
    post.diary.takes = gate

    async def both_run() -> bool:
        return post.diary.at_once == 2

    async with post.running(post.hears(Written)):
        await tell(post.database, written("page 1", "one"), written("page 2", "two"))
        await until(both_run)
        await cancel(post.database, "page 1")
        await until(lambda: _is(post, at_once=1))
        gate.opened.set()
        await until_states(post.database, handled=2)
    assert {words: row.last_error for words, row in (await post.rows()).items()} == {"one": CANCELLED, "two": None}


async def _is(post: Post, *, at_once: int) -> bool:
    return post.diary.at_once == at_once


async def test_a_stop_hands_back_what_is_not_done_and_counts_no_attempt(post: Post) -> None:
    gate, event = Gate(), told()
    post.diary.takes = gate
    async with consuming(post, post.hears()):
        await tell(post.database, event)
        await gate.reached.wait()
    row = await row_of(post.database, event.id)
    assert (row.attempts, row.failures, row.leased_until, row.due_at <= now()) == (0, 0, None, True)


async def test_a_stop_hands_back_what_has_not_begun(post: Post) -> None:
    gate = Gate()
    post.diary.takes = gate
    async with consuming(post, post.hears(concurrency=1)):
        await tell(post.database, *(told(f"words {number}") for number in range(5)))
        await gate.reached.wait()
    async with post.database.reading() as session:
        rows = (await session.execute(select(inbox.c.attempts, inbox.c.leased_until))).all()
    assert {tuple(row) for row in rows} == {(0, None)}
    assert post.diary.heard.total() == 1


async def test_a_stop_waits_for_what_is_done_in_time(post: Post) -> None:
    gate = Gate()
    post.diary.takes = gate
    async with consuming(post, post.hears(), grace_s=10):
        await tell(post.database, told())
        await gate.reached.wait()
        asyncio.get_running_loop().call_later(0.05, gate.opened.set)
    assert await states(post.database) == {"handled": 1}


async def test_what_one_process_hands_back_another_takes(post: Post) -> None:
    gate, other = Gate(), post.another()
    post.diary.takes = gate
    async with consuming(post, post.hears()):
        await tell(post.database, told())
        await gate.reached.wait()
    post.diary.takes = None
    async with other.running():
        await until_states(post.database, handled=1)
    assert (await post.rows())["good morning"].attempts == 1


async def test_no_more_run_at_once_than_wanted(post: Post) -> None:
    gate = Gate()
    post.diary.takes = gate
    async with post.running(post.hears(concurrency=3)):
        await tell(post.database, *(told(f"words {number}") for number in range(12)))
        await until(lambda: _is(post, at_once=3))
        gate.opened.set()
        await until_states(post.database, handled=12)
    assert (post.diary.most_at_once, post.diary.heard.total()) == (3, 12)


async def test_processes_share_the_work_and_do_none_twice(post: Post) -> None:
    others = [post.another() for _ in range(2)]
    await lay_in(post.database, NAME, *(Envelope.around(told(f"words {number}")) for number in range(90)))

    async def take_a_moment(_: Event) -> None:
        await asyncio.sleep(0.002)

    post.diary.takes = take_a_moment
    async with post.running(), others[0].running(), others[1].running():
        await until_states(post.database, handled=90)
    assert (set(post.diary.heard.values()), {row.attempts for row in (await post.rows()).values()}) == ({1}, {1})


async def test_a_database_that_was_away_for_longer_than_a_lease_leaves_nothing_held(post: Post) -> None:
    away = Away(post.database)
    who = Subscriber(post.hears().subscription, post.diary, away)
    gate, event = Gate(), told()
    post.diary.takes = gate
    async with post.running(who, lease_s=0.3):
        await tell(post.database, event, told("another"))
        await until(lambda: _is(post, at_once=2))
        away.is_away = True
        await until(lambda: _is(post, at_once=0))  # it gave up, and let its handlers go
        post.diary.takes = None
        away.is_away = False
        await until_states(post.database, handled=2)
    assert set(post.diary.heard.values()) == {2}
