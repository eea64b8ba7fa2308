"""Events about one subject are handled one after another, in the order in which they were told, by whoever asks for that."""

import asyncio
from collections import defaultdict
from itertools import pairwise

from converto.kernel.event import Event
from tests.events.conformance.post import Gate, Interrupted, Post, Written, fail, written
from tests.events.diary import hurry_until, tell, told, until, until_states, waiting

SUBJECTS, LENGTH = 6, 12


class Watch:
    """Notes the order on each page, and how many of one page were handled at once."""

    def __init__(self) -> None:
        self.read: dict[str, list[str]] = defaultdict(list)
        self.most_at_once = 0
        self._at_once: dict[str, int] = defaultdict(int)

    async def __call__(self, event: Event) -> None:
        assert isinstance(event, Written)
        self._at_once[event.page] += 1
        self.most_at_once = max(self.most_at_once, self._at_once[event.page])
        await asyncio.sleep(0.001)
        self.read[event.page].append(event.words)
        self._at_once[event.page] -= 1

    @property
    def is_in_order(self) -> bool:
        return all(int(one) < int(next_one) for lines in self.read.values() for one, next_one in pairwise(lines))


def book() -> list[Written]:
    """Return the lines of several pages, one of each in turn."""
    return [written(f"page {page}", str(line)) for line in range(LENGTH) for page in range(SUBJECTS)]


async def test_events_about_one_subject_are_handled_in_order(post: Post) -> None:
    watch = post.diary.takes = Watch()
    async with post.running(post.hears(Written, ordered=True)):
        await tell(post.database, *book())
        await until_states(post.database, handled=SUBJECTS * LENGTH)
    assert (watch.most_at_once, watch.is_in_order, {len(lines) for lines in watch.read.values()}) == (1, True, {LENGTH})


async def test_order_holds_over_several_processes(post: Post) -> None:
    watch = post.diary.takes = Watch()
    other, third = post.another(), post.another()
    hears = [one.hears(Written, ordered=True) for one in (post, other, third)]
    async with post.running(hears[0]), other.running(hears[1]), third.running(hears[2]):
        lines = book()
        while lines:
            await tell(post.database, *lines[:9])
            lines = lines[9:]
        await until_states(post.database, handled=SUBJECTS * LENGTH)
    assert (watch.most_at_once, watch.is_in_order, {len(lines) for lines in watch.read.values()}) == (1, True, {LENGTH})


async def test_order_holds_over_a_restart(post: Post) -> None:
    watch = post.diary.takes = Watch()
    lines = book()
    async with post.running(post.hears(Written, ordered=True)):
        await tell(post.database, *lines[:30])

        async def begun() -> bool:
            return post.diary.heard.total() > 5

        await until(begun)
    later = post.another()
    async with later.running(later.hears(Written, ordered=True)):
        await tell(later.database, *lines[30:])
        await until_states(post.database, handled=SUBJECTS * LENGTH)
    assert (watch.most_at_once, watch.is_in_order) == (1, True)


async def test_the_second_waits_while_the_first_is_handled_and_other_subjects_do_not(post: Post) -> None:
    gate = Gate()

    async def hold_the_first(event: Event) -> None:
        assert isinstance(event, Written)
        if event.words == "first":
            await gate(event)

    post.diary.takes = hold_the_first
    async with post.running(post.hears(Written, ordered=True)):
        await tell(post.database, written("page 1", "first"), written("page 1", "second"), written("page 2", "other"))
        await until_states(post.database, handled=1, due=2)
        assert set(post.diary.heard) == {"first", "other"}
        gate.opened.set()
        await until_states(post.database, handled=3)
    assert list(post.diary.heard)[-1] == "second"


async def test_whoever_does_not_ask_for_order_does_not_wait(post: Post) -> None:
    gate = Gate()

    async def hold_the_first(event: Event) -> None:
        assert isinstance(event, Written)
        if event.words == "first":
            await gate(event)

    post.diary.takes = hold_the_first
    async with post.running(post.hears(Written)):
        await tell(post.database, written("page 1", "first"), written("page 1", "second"))
        await until_states(post.database, handled=1, due=1)
        gate.opened.set()
        await until_states(post.database, handled=2)


async def test_events_without_a_subject_do_not_wait_for_one_another(post: Post) -> None:
    gate = Gate()
    post.diary.takes = gate

    async def all_run() -> bool:
        return post.diary.at_once == 3

    async with post.running(post.hears(ordered=True)):
        await tell(post.database, *(told(f"words {number}") for number in range(3)))
        await until(all_run)
        gate.opened.set()
        await until_states(post.database, handled=3)


async def test_the_second_waits_until_the_first_that_failed_is_handled(post: Post) -> None:
    async def fail_once(event: Event) -> None:
        if post.diary.heard["first"] == 1:
            await fail(event)

    post.diary.takes = fail_once
    async with post.running(post.hears(Written, ordered=True)):
        await tell(post.database, written("page 1", "first"), written("page 1", "second"))

        async def failed() -> bool:
            rows = await post.rows()
            return "first" in rows and rows["first"].failures == 1

        await until(failed)
        assert post.diary.heard == {"first": 1}
        await hurry_until(post.database, handled=2)
    assert (post.diary.heard, (await post.rows())["second"].attempts) == ({"first": 2, "second": 1}, 1)


async def test_the_second_is_handled_when_the_first_is_dead(post: Post) -> None:
    async def refuse_the_first(event: Event) -> None:
        assert isinstance(event, Written)
        if event.words == "first":
            await fail(event)

    post.diary.takes = refuse_the_first
    async with post.running(post.hears(Written, ordered=True, attempts=2)):
        await tell(post.database, written("page 1", "first"), written("page 1", "second"))
        await hurry_until(post.database, dead=1, handled=1)
    assert list(post.diary.heard) == ["first", "second"]


async def test_what_could_not_be_sent_is_not_overtaken_by_what_came_after_it(post: Post) -> None:
    first, carrier = written("page 1", "first"), Interrupted(post.backend)
    carrier.refuses = {first.id}
    async with post.running(post.hears(Written, ordered=True), backend=carrier):
        await tell(post.database, first, written("page 1", "second"), written("page 2", "other"))
        await until_states(post.database, handled=1)
        assert (post.diary.heard, await waiting(post.database)) == ({"other": 1}, 2)
        carrier.refuses.clear()
        await until_states(post.database, handled=3)
    assert list(post.diary.heard) == ["other", "first", "second"]


async def test_what_a_relay_is_sending_is_not_overtaken_by_another_relay(post: Post) -> None:
    watch = post.diary.takes = Watch()
    other = post.another()
    both = [[one.hears(Written, ordered=True, named=name) for name in ("one.hears", "other.hears")] for one in (post, other)]
    async with post.running(*both[0]), other.running(*both[1]):
        lines = book()[:24]
        for number, line in enumerate(lines):
            await tell((post if number % 2 else other).database, line)
        await until_states(post.database, handled=2 * len(lines))
    for page in range(SUBJECTS):
        assert sorted(watch.read[f"page {page}"], key=int) == [str(line) for line in range(4) for _ in range(2)]
