"""Facts that many callers tell at the same time are written together, and each caller hears what came of its own."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, OperationalError

from converto.events.publisher import Publisher
from converto.events.tables import inbox
from converto.kernel.clock import now
from converto.kernel.database import Database
from converto.kernel.event import Envelope
from tests.events.conformance.post import Away, Post, written
from tests.events.diary import TENANT, tell, told, until_states, waiting


def envelopes(count: int) -> list[Envelope]:
    return [Envelope.around(told(f"words {number}")) for number in range(count)]


def row(envelope: Envelope) -> dict[str, Any]:
    """Return a row of a table of the caller's own: here, an inbox of somebody who hears nothing."""
    return {
        "subscriber": "own.rows",
        "event_id": envelope.id,
        "tenant_id": TENANT,
        "type": "own.row",
        "envelope": {},
        "received_at": now(),
        "turn": 0,
        "priority": 0,
        "attempts": 0,
        "failures": 0,
    }


async def own_rows(database: Database) -> int:
    async with database.reading() as session:
        return int(await session.scalar(select(func.count()).where(inbox.c.subscriber == "own.rows")) or 0)


async def test_what_many_callers_publish_is_heard_once_each(post: Post) -> None:
    publisher = Publisher(post.database)
    async with post.running():
        await asyncio.gather(*(publisher.publish(envelope) for envelope in envelopes(100)))
        await until_states(post.database, handled=100)
    assert (set(post.diary.heard.values()), len(post.diary.heard)) == ({1}, 100)


async def test_callers_at_the_same_time_share_commits(post: Post) -> None:
    publisher, before = Publisher(post.database), post.database.published.rings
    await asyncio.gather(*(publisher.publish(envelope) for envelope in envelopes(200)))
    assert post.database.published.rings - before < 10
    assert await waiting(post.database) == 200


async def test_one_caller_alone_is_served_too(post: Post) -> None:
    publisher = Publisher(post.database)
    for envelope in envelopes(3):
        await publisher.publish(envelope)
    assert await waiting(post.database) == 3


async def test_a_caller_may_tell_several_facts_at_once_or_none(post: Post) -> None:
    publisher = Publisher(post.database)
    await publisher.publish(*envelopes(3))
    await publisher.publish()
    assert await waiting(post.database) == 3


async def test_one_bad_caller_fails_alone(post: Post) -> None:
    publisher, good = Publisher(post.database), envelopes(20)
    known = row(good[0])
    await publisher.publish(rows=[(inbox, known)])
    bad = Envelope.around(told("bad"))
    answers = await asyncio.gather(
        *(publisher.publish(envelope) for envelope in good[:10]),
        publisher.publish(bad, rows=[(inbox, known)]),
        *(publisher.publish(envelope) for envelope in good[10:]),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [type(None)] * 10 + [IntegrityError] + [type(None)] * 10
    assert await waiting(post.database) == 20


async def test_a_database_that_is_away_is_asked_once_for_all(post: Post) -> None:
    away = Away(post.database)
    away.is_away = True
    publisher = Publisher(away)
    answers = await asyncio.gather(*(publisher.publish(envelope) for envelope in envelopes(50)), return_exceptions=True)
    assert ({type(answer) for answer in answers}, away.asked) == ({OperationalError}, 1)
    away.is_away = False
    await publisher.publish(*envelopes(1))
    assert await waiting(post.database) == 1


async def test_an_id_that_is_known_is_told_once(post: Post) -> None:
    publisher, envelope = Publisher(post.database), Envelope.around(told())
    async with post.running():
        await asyncio.gather(*(publisher.publish(envelope) for _ in range(10)))
        await until_states(post.database, handled=1)
        await publisher.publish(envelope, Envelope.around(told("another")))
        await until_states(post.database, handled=2)
    assert post.diary.heard == {"good morning": 1, "another": 1}


async def test_a_caller_that_goes_away_harms_no_other(post: Post) -> None:
    publisher, (first, second, third) = Publisher(post.database), envelopes(3)
    callers = [asyncio.create_task(publisher.publish(envelope)) for envelope in (first, second, third)]
    await asyncio.sleep(0)
    callers[1].cancel()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(answer) for answer in answers] == [type(None), asyncio.CancelledError, type(None)]
    await publisher.publish(Envelope.around(told("another")))
    assert await waiting(post.database) in {3, 4}


async def test_rows_are_committed_with_the_events_that_tell_of_them(post: Post) -> None:
    publisher, told_of = Publisher(post.database), envelopes(10)
    await asyncio.gather(*(publisher.publish(envelope, rows=[(inbox, row(envelope))]) for envelope in told_of))
    assert (await own_rows(post.database), await waiting(post.database)) == (10, 10)


async def test_neither_rows_nor_events_are_kept_of_a_caller_that_fails(post: Post) -> None:
    publisher, (known, other) = Publisher(post.database), envelopes(2)
    await publisher.publish(rows=[(inbox, row(known))])
    with pytest.raises(IntegrityError):
        await publisher.publish(other, rows=[(inbox, row(other)), (inbox, row(known))])
    assert (await own_rows(post.database), await waiting(post.database)) == (1, 0)


async def test_a_published_priority_and_subject_arrive(post: Post) -> None:
    publisher = Publisher(post.database)
    await publisher.publish(Envelope.around(written("page 3", "a line"), priority=9))
    async with post.running(post.hears(type(written("", "")), concurrency=0)):
        await until_states(post.database, due=1)
    (delivery,) = await post.claim()
    assert (delivery.envelope.subject, delivery.envelope.priority) == ("page 3", 9)


async def test_a_publisher_and_a_transaction_tell_alike(post: Post) -> None:
    publisher, (by_publisher,) = Publisher(post.database), envelopes(1)
    async with post.running():
        await publisher.publish(by_publisher)
        await tell(post.database, told("in a transaction"))
        await until_states(post.database, handled=2)
    assert post.diary.heard == {"words 0": 1, "in a transaction": 1}


async def test_a_thousand_callers_are_all_served(post: Post) -> None:
    publisher = Publisher(post.database)
    await asyncio.gather(*(publisher.publish(envelope) for envelope in envelopes(1000)))
    assert await waiting(post.database) == 1000
