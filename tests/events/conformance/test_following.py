"""Followers take every event of the installation in batches, straight off the backend, at least once each."""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from converto.kernel.event import Dispatcher, Envelope, Event
from tests.events.conformance.post import Follow, Post, Sharpened, Written, fail, written
from tests.events.diary import TENANT, DiaryService, Told, Whispered, tell, told, until, until_states


def sharpened(words: str = "ready") -> Sharpened:
    return Sharpened(tenant_id=TENANT, words=words)


async def until_taken(follow: Follow, count: int) -> None:
    async def so() -> bool:
        return len(set(follow.taken)) == count

    await until(so)


async def test_a_follower_takes_every_event_of_every_module_also_what_nobody_hears(post: Post) -> None:
    follow = Follow()
    events = [told(), Whispered(tenant_id=TENANT, words="psst"), written("page 1", "a line")]
    async with post.running(post.hears(), following=[post.follows(follow)]):
        await tell(post.database, *events)
        await tell(post.pen, of_the_pen := sharpened())
        await until_taken(follow, 4)
    assert Counter(follow.taken) == Counter([*(event.id for event in events), of_the_pen.id])


class Note(Event):
    """A module's note to itself."""

    type: ClassVar[str] = "diary.noted"
    internal: ClassVar[bool] = True


async def test_what_a_module_tells_itself_is_taken_by_no_follower(post: Post) -> None:
    follow, note, event = Follow(), Note(tenant_id=TENANT), told()
    async with post.running(following=[post.follows(follow)]):
        await tell(post.database, note)
        await tell(post.database, event)
        await until_taken(follow, 1)
    assert follow.taken == [event.id]


async def test_a_follower_takes_what_was_told_while_nothing_ran(post: Post) -> None:
    follow, event = Follow(), told()
    await tell(post.database, event)
    async with post.running(following=[post.follows(follow)]):
        await until_taken(follow, 1)
    assert follow.taken == [event.id]


async def test_events_reach_a_follower_as_they_were_told(post: Post) -> None:
    taken: list[Envelope] = []

    async def keep(envelopes: Sequence[Envelope]) -> None:
        taken.extend(envelopes)

    follow = Follow(takes=keep)
    envelope = Envelope.around(written("page 1", "ä"), priority=7)
    async with post.running(following=[post.follows(follow)]):
        await post.send(envelope)
        await until_taken(follow, 1)
    assert taken == [envelope]


async def test_what_is_told_together_is_taken_together(post: Post) -> None:
    sizes: list[int] = []

    async def count(envelopes: Sequence[Envelope]) -> None:
        sizes.append(len(envelopes))

    follow = Follow(takes=count)
    await tell(post.database, *(told(f"words {number}") for number in range(100)))
    async with post.running(following=[post.follows(follow)]):
        await until_taken(follow, 100)
    assert len(sizes) < 10


async def test_a_batch_that_a_follower_could_not_take_comes_again(post: Post) -> None:
    refused: list[int] = []

    async def refuse_twice(envelopes: Sequence[Envelope]) -> None:
        if len(refused) < 2:
            refused.append(len(envelopes))
            raise LookupError

    follow = Follow(takes=refuse_twice)
    events = [told(f"words {number}") for number in range(5)]
    async with post.running(following=[post.follows(follow)]):
        await tell(post.database, *events)
        await until_taken(follow, 5)
    assert (set(follow.taken), len(refused)) == ({event.id for event in events}, 2)


async def test_a_database_that_is_away_costs_a_follower_no_event(post: Post) -> None:
    refused: list[int] = []

    async def cannot_now(envelopes: Sequence[Envelope]) -> None:
        if len(refused) < 2:
            refused.append(len(envelopes))
            msg = "the disk is full"
            raise OSError(msg)

    follow = Follow(takes=cannot_now)
    async with post.running(following=[post.follows(follow)]):
        await tell(post.database, told(), told())
        await until_taken(follow, 2)
    assert len(follow.taken) == 2


async def test_a_follower_that_fails_keeps_events_from_nobody(post: Post) -> None:
    async def refuse(_: Sequence[Envelope]) -> None:
        await fail(told())

    follow, sound = Follow(takes=refuse), Follow()
    async with post.running(post.hears(), following=[post.follows(follow), post.follows(sound, keep_too)]):
        await tell(post.database, told())
        await until_states(post.database, handled=1)
        await until_taken(sound, 1)
    assert (post.diary.heard, follow.taken) == ({"good morning": 1}, [])


async def keep_too(envelopes: Sequence[Envelope], service: Follow) -> None:
    await service.take(envelopes)


async def test_a_follower_is_given_a_second_copy_too(post: Post) -> None:
    follow, envelope = Follow(), Envelope.around(told())
    async with post.running(post.hears(), following=[post.follows(follow)]):
        await post.send(envelope)
        await until_taken(follow, 1)
        await post.send(envelope, Envelope.around(told("another")))
        await until_taken(follow, 2)
        await until_states(post.database, handled=2)
    assert (Counter(follow.taken)[envelope.id], post.diary.heard["good morning"]) == (2, 1)


async def test_what_comes_from_outside_reaches_followers_and_no_handler(post: Post) -> None:
    follow = Follow()
    outside = Envelope.around(told("forged"), outside=True)
    async with post.running(post.hears(), following=[post.follows(follow)]):
        await post.send(outside, Envelope.around(told()))
        await until_taken(follow, 2)
        await until_states(post.database, handled=1)
    assert (outside.id in follow.taken, post.diary.heard) == (True, {"good morning": 1})


async def test_two_processes_take_all_between_them(post: Post) -> None:
    follow, other = Follow(), post.another()
    async with post.running(following=[post.follows(follow)]), other.running(following=[other.follows(follow)]):
        for number in range(10):
            await tell((post if number % 2 else other).database, *(told(f"words {number}") for _ in range(5)))
        await until_taken(follow, 50)


async def test_a_follower_goes_on_where_it_was_after_a_restart(post: Post) -> None:
    follow, other = Follow(), post.another()
    async with post.running(following=[post.follows(follow)]):
        await tell(post.database, told("before"))
        await until_taken(follow, 1)
    await tell(post.database, told("meanwhile"))
    async with other.running(following=[other.follows(follow)]):
        await until_taken(follow, 2)


async def test_a_dispatcher_calls_the_handlers_of_each_type(post: Post) -> None:
    diary, calls = DiaryService(), list[str]()

    async def on_told(event: Told, service: DiaryService) -> None:
        assert service is diary
        calls.append(f"told {event.words}")

    async def on_told_too(event: Told, _: DiaryService) -> None:
        calls.append(f"told too {event.words}")

    async def on_written(event: Written, _: DiaryService) -> None:
        calls.append(f"written {event.page} {event.words}")

    dispatch = Dispatcher({Told: [on_told, on_told_too], Written: [on_written]})

    async def dispatched(envelopes: Sequence[Envelope], service: DiaryService) -> None:
        await dispatch(envelopes, service)

    async def three() -> bool:
        return len(calls) == 3

    async with post.running(following=[post.follows(diary, dispatched)]):
        await tell(post.database, told("a"), written("p", "b"), Whispered(tenant_id=TENANT, words="psst"))
        await until(three)
    assert sorted(calls) == ["told a", "told too a", "written p b"]
