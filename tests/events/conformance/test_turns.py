"""Tenants take turns in a subscriber's line, and what is urgent goes first among what one tenant has waiting."""

import asyncio
from uuid import UUID

from converto.events.inbox import Inbox
from converto.events.outbox import publish
from converto.kernel.clock import new_id
from converto.kernel.event import Envelope, Event
from tests.events.conformance.post import NAME, Post, lay_in
from tests.events.diary import Told, until, until_states

BUSY, CALM, THIRD = new_id(), new_id(), new_id()


def of(tenant: UUID, words: str, *, priority: int = 0) -> Envelope:
    return Envelope.around(Told(tenant_id=tenant, words=words), priority=priority)


async def heard_in(post: Post, *batches: list[Envelope]) -> list[str]:
    """Return the words in the order in which one at a time is handled, after all have been brought in by the backend."""
    count = 0
    async with post.running(post.hears(concurrency=0)):
        for batch in batches:
            await post.send(*batch)
            count += len(batch)
            await until_states(post.database, due=count)
    async with post.running(post.hears(concurrency=1)):
        await until_states(post.database, handled=count)
    return list(post.diary.heard)


async def test_a_thousand_of_one_tenant_do_not_keep_another_waiting(post: Post) -> None:
    await lay_in(post.database, NAME, *(of(BUSY, f"busy {number}") for number in range(1000)))
    async with post.running(post.hears(concurrency=2)):
        await post.send(of(CALM, "calm"))

        async def heard() -> bool:
            return post.diary.heard["calm"] == 1

        await until(heard)
    waited_for = list(post.diary.heard).index("calm")
    left = [row for row in (await post.rows()).values() if row.handled_at is None]
    assert len(left) == 1000 - (post.diary.heard.total() - 1) > 0
    assert waited_for < 900


async def _is(what: bool) -> bool:  # noqa: FBT001 - what it is about
    return what


async def test_the_last_of_several_places_is_free_for_another_tenant(post: Post) -> None:
    begun, may_end = [], asyncio.Event()

    async def take_long(event: Event) -> None:
        assert isinstance(event, Told)
        begun.append(event.words)
        if event.tenant_id == BUSY:
            await may_end.wait()

    post.diary.takes = take_long
    await lay_in(post.database, NAME, *(of(BUSY, f"busy {number}") for number in range(10)))
    async with post.running(post.hears(concurrency=4)):
        await until(lambda: _is(len(begun) == 3))
        await post.send(of(CALM, "calm"))
        await until_states(post.database, handled=1, due=10)
        assert begun == ["busy 0", "busy 1", "busy 2", "calm"]
        may_end.set()
        await until_states(post.database, handled=11)


async def test_the_one_of_a_calm_tenant_comes_second_at_the_latest(post: Post) -> None:
    heard = await heard_in(post, [of(BUSY, f"busy {number}") for number in range(50)], [of(CALM, "calm")])
    assert heard.index("calm") <= 1


async def test_tenants_go_one_after_another(post: Post) -> None:
    heard = await heard_in(post, [of(BUSY, f"b{number}") for number in range(6)], [of(CALM, f"c{number}") for number in range(3)])
    assert heard == ["b0", "c0", "b1", "c1", "b2", "c2", "b3", "b4", "b5"]


async def test_three_tenants_share_alike(post: Post) -> None:
    lines = [[of(tenant, f"{letter}{number}") for number in range(4)] for tenant, letter in ((BUSY, "b"), (CALM, "c"), (THIRD, "t"))]
    heard = await heard_in(post, *lines)
    assert [{words[0] for words in heard[start : start + 3]} for start in range(0, 12, 3)] == [{"b", "c", "t"}] * 4


async def test_who_comes_late_takes_the_turn_that_is_being_served(post: Post) -> None:
    await lay_in(post.database, NAME, *(of(BUSY, f"b{number}") for number in range(10)))
    for delivery in await post.claim(6):
        async with post.database.writing() as session:
            await _handled(session, delivery)
    await lay_in(post.database, NAME, *(of(CALM, f"c{number}") for number in range(2)))
    (first, second, third) = await post.claim(3)
    assert {one.envelope.data["words"] for one in (first, second)} == {"b6", "c0"}
    assert third.envelope.data["words"] in {"b7", "c1"}


async def _handled(session: object, delivery: object) -> None:
    assert not await Inbox(session).handled(delivery.held)  # type: ignore[arg-type,attr-defined]


async def test_a_long_job_of_one_does_not_let_a_calm_tenant_pass_the_busy_one_for_ever(post: Post) -> None:
    await lay_in(post.database, NAME, *(of(BUSY, f"b{number}") for number in range(4)))
    await post.claim(1)  # a job that goes on and on
    heard = []
    for number in range(6):
        await lay_in(post.database, NAME, of(CALM, f"c{number}"))
        (delivery,) = await post.claim(1)
        heard.append(delivery.envelope.data["words"])
        async with post.database.writing() as session:
            await _handled(session, delivery)
    assert {"b1", "b2"} <= set(heard)


async def test_the_urgent_go_first_among_their_tenants(post: Post) -> None:
    heard = await heard_in(post, [of(BUSY, f"b{number}") for number in range(5)], [of(BUSY, "urgent", priority=10)])
    assert heard == ["urgent", "b0", "b1", "b2", "b3", "b4"]


async def test_what_has_time_goes_last_in_its_turn(post: Post) -> None:
    heard = await heard_in(post, [of(BUSY, "later", priority=-10), of(BUSY, "now"), of(BUSY, "urgent", priority=10)])
    assert heard == ["urgent", "now", "later"]


async def test_the_urgent_of_one_tenant_do_not_starve_another(post: Post) -> None:
    heard = await heard_in(post, [of(BUSY, f"urgent {number}", priority=100) for number in range(20)], [of(CALM, "calm")])
    assert heard.index("calm") <= 1


async def test_of_one_priority_the_oldest_goes_first(post: Post) -> None:
    envelopes = [of(BUSY, str(number), priority=5) for number in range(8)]
    assert await heard_in(post, envelopes[:4], envelopes[4:]) == [str(number) for number in range(8)]


async def test_a_priority_is_told_with_the_fact(post: Post) -> None:
    async with post.database.writing() as session:
        for words, priority in (("low", -5), ("high", 5)):
            await publish(session, Told(tenant_id=BUSY, words=words), priority=priority)
    async with post.running(post.hears(concurrency=0)):
        await until_states(post.database, due=2)
    assert {words: row.priority for words, row in (await post.rows()).items()} == {"low": -5, "high": 5}


async def test_turns_hold_over_several_processes(post: Post) -> None:
    await lay_in(post.database, NAME, *(of(BUSY, f"busy {number}") for number in range(200)))
    await lay_in(post.database, NAME, *(of(CALM, f"calm {number}") for number in range(5)))
    other = post.another()
    order: list[str] = []

    async def note(event: Event) -> None:
        assert isinstance(event, Told)
        order.append(event.words)

    post.diary.takes = note
    async with post.running(post.hears(concurrency=2)), other.running(other.hears(concurrency=2)):
        await until_states(post.database, handled=205)
    assert max(order.index(f"calm {number}") for number in range(5)) < 30
