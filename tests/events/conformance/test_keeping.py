"""What was sent is kept for a while, so that it can be sent again; whoever has it already ignores it, and what is old is forgotten."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update

from converto.events.desk import DeliveryDesk
from converto.events.inbox import Inbox
from converto.events.outbox import Outbox
from converto.events.tables import inbox, outbox
from converto.kernel.clock import now
from converto.kernel.database import Database
from converto.kernel.event import Event
from tests.events.conformance.post import Follow, Interrupted, Post
from tests.events.diary import tell, told, until, until_states, until_waiting

KEEP = timedelta(days=7)


async def kept(database: Database) -> set[UUID]:
    async with database.reading() as session:
        return set(await session.scalars(select(outbox.c.event_id)))


async def send_again(post: Post, since: datetime) -> int:
    async with post.database.writing() as session:
        return await Outbox(session).send_again(told_from=since)


async def purge(post: Post, before: datetime) -> None:
    """Forget what is old, as the loop does."""
    async with post.database.writing() as session:
        await Inbox(session).purge(handled_before=before)
        await Outbox(session).purge(sent_before=before)


async def heard_and_sent(post: Post, *events: Event) -> None:
    async with post.running():
        await tell(post.database, *events)
        await until_states(post.database, handled=len(events))
        await until_waiting(post.database, 0)


async def test_what_was_sent_is_kept(post: Post) -> None:
    events = [told(f"words {number}") for number in range(5)]
    await heard_and_sent(post, *events)
    assert await kept(post.database) == {event.id for event in events}


async def test_what_is_sent_again_is_ignored_by_whoever_has_it(post: Post) -> None:
    await heard_and_sent(post, told("one"), told("two"))
    follow, later = Follow(), post.another()
    async with later.running(later.hears(), following=[later.follows(follow)]):
        assert await send_again(later, now() - timedelta(hours=1)) == 2
        await until_waiting(later.database, 0)
        await tell(later.database, told("three"))
        await until_states(post.database, handled=3)
    assert post.diary.heard == {"one": 1, "two": 1, "three": 1}


async def test_what_is_sent_again_is_heard_by_whoever_has_lost_it(post: Post) -> None:
    await heard_and_sent(post, told("one"), told("two"))
    async with post.database.writing() as session:
        await session.execute(delete(inbox))
    async with post.running():
        await send_again(post, now() - timedelta(hours=1))
        await until_states(post.database, handled=2)
    assert post.diary.heard == {"one": 2, "two": 2}


async def test_only_what_was_told_since_a_moment_is_sent_again(post: Post) -> None:
    # the second says that it happened long ago, as an event from outside may: what counts is when it was told
    old, new = told("old"), told("new").model_copy(update={"time": now() - timedelta(hours=2)})
    await heard_and_sent(post, old)
    await _grow_older(post.database, by=timedelta(hours=2))
    await heard_and_sent(post, new)
    assert await send_again(post, now() - timedelta(hours=1)) == 1
    assert await send_again(post, now() - timedelta(hours=3)) == 1  # the other one waits already


async def test_what_waits_is_not_sent_again_beside_that(post: Post) -> None:
    await tell(post.database, told())
    assert await send_again(post, now() - timedelta(hours=1)) == 0
    async with post.running():
        await until_states(post.database, handled=1)
    assert post.diary.heard == {"good morning": 1}


async def test_what_was_sent_is_forgotten_after_a_while_and_what_was_not_is_kept(post: Post) -> None:
    carrier = Interrupted(post.backend)
    unsent = told("unsent").model_copy(update={"time": now() - timedelta(days=30)})
    async with post.running(backend=carrier):
        await tell(post.database, told("sent"))
        await until_states(post.database, handled=1)
        await until_waiting(post.database, 0)
        carrier.is_down = True
        await tell(post.database, unsent)
        await purge(post, now() - KEEP)
        assert len(await kept(post.database)) == 2
        await purge(post, now())
        assert await kept(post.database) == {unsent.id}


async def test_what_was_handled_is_forgotten_after_a_while_and_what_was_not_is_kept(post: Post) -> None:
    await heard_and_sent(post, told("handled"))
    async with post.running(post.hears(concurrency=0)):
        await tell(post.database, told("due"))
        await until_states(post.database, handled=1, due=1)
    await purge(post, now() - KEEP)
    assert len(await post.rows()) == 2
    await purge(post, now())
    assert set(await post.rows()) == {"due"}


async def test_a_purge_takes_a_slice_at_a_time(post: Post) -> None:
    await heard_and_sent(post, *(told(f"words {number}") for number in range(5)))
    async with post.database.writing() as session:
        gone = [await Outbox(session).purge(sent_before=now(), limit=2) for _ in range(4)]
    assert gone == [2, 2, 1, 0]


async def test_what_can_still_be_sent_again_is_still_known_to_whoever_handled_it(post: Post) -> None:
    await heard_and_sent(post, told())
    await _grow_older(post.database, by=timedelta(days=6))
    async with post.running():
        await send_again(post, now() - KEEP)
        await _heard_after_all_that_was_sent(post, "one more")
        await _grow_older(post.database, by=timedelta(days=2))
        await purge(post, now() - KEEP)
        await send_again(post, now() - timedelta(days=9))
        await _heard_after_all_that_was_sent(post, "and one more")
    assert post.diary.heard == {"good morning": 1, "one more": 1, "and one more": 1}


async def _heard_after_all_that_was_sent(post: Post, words: str) -> None:
    await until_waiting(post.database, 0)
    await tell(post.database, told(words))

    async def heard() -> bool:
        return post.diary.heard[words] == 1

    await until(heard)


async def _grow_older(database: Database, *, by: timedelta) -> None:
    async with database.writing() as session:
        for row in (await session.execute(select(outbox))).all():
            moments = {"told_at": row.told_at - by, "sent_at": row.sent_at and row.sent_at - by}
            await session.execute(update(outbox).where(outbox.c.event_id == row.event_id).values(**moments))
        for row in (await session.execute(select(inbox))).all():
            moments = {"handled_at": row.handled_at and row.handled_at - by, "received_at": row.received_at - by}
            await session.execute(update(inbox).where(inbox.c.event_id == row.event_id).values(**moments))


async def test_a_dead_event_of_an_outbox_is_listed_and_sent_anew_when_it_is_revived(post: Post) -> None:
    bad, carrier, desk = told("bad"), Interrupted(post.backend), DeliveryDesk(post.database)
    carrier.refuses = {bad.id}
    async with post.running(backend=carrier):
        await tell(post.database, bad)

        async def dead() -> bool:
            async with post.database.writing() as session:
                later = (outbox.c.attempts > 0) & outbox.c.dead_at.is_(None)
                await session.execute(update(outbox).where(later).values(due_at=now() - timedelta(seconds=1)))
            post.database.published.ring()
            return [one.envelope.id for one in await desk.dead(None, limit=10)] == [bad.id]

        await until(dead)
        carrier.refuses.clear()
        assert [await desk.retry(bad.id, tenant_id=None) for _ in range(2)] == [1, 0]
        await until_states(post.database, handled=1)
    assert post.diary.heard == {"bad": 1}
