"""Who is next at the workers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from converto.kernel.turns import Turns


class Queue:
    """Those who want to read, each of whom stays until he is told to go."""

    def __init__(self, places: int) -> None:
        self.turns = Turns(places)
        self.inside: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, *, is_urgent: bool = False) -> None:
        """Have somebody come, whose company is his first letter."""
        self._ends[name] = asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._stay(name, is_urgent=is_urgent))
        await settled()

    async def end(self, name: str) -> None:
        """Have somebody go who is inside."""
        self._ends[name].set()
        await self._tasks[name]
        await settled()

    async def give_up(self, name: str) -> None:
        """Have somebody go, wherever he is."""
        self._tasks[name].cancel()
        with pytest.raises(asyncio.CancelledError):
            await self._tasks[name]
        await settled()

    async def close(self) -> None:
        """Have all go: one that stayed for good would end whenever its memory is taken back, in the middle of another test."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _stay(self, name: str, *, is_urgent: bool) -> None:
        async with self.turns.turn(name[0], is_urgent=is_urgent):
            self.inside.append(name)
            await self._ends[name].wait()


@pytest.fixture
async def queue_of() -> AsyncIterator[Callable[[int], Queue]]:
    """Return what makes a queue for so many places; it is empty after the test."""
    async with AsyncExitStack() as stack:

        def made(places: int) -> Queue:
            queue = Queue(places)
            stack.push_async_callback(queue.close)
            return queue

        yield made


async def settled() -> None:
    """Let all who can go on."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_are_inside_than_there_are_places(queue_of: Callable[[int], Queue]) -> None:
    queue = queue_of(2)
    for name in ("a1", "a2", "a3"):
        await queue.come(name)
    assert queue.inside == ["a1", "a2"]


async def test_another_company_goes_before_those_of_one_that_is_inside(queue_of: Callable[[int], Queue]) -> None:
    queue = queue_of(2)
    for name in ("a1", "a2", "a3", "a4", "b1"):
        await queue.come(name)
    await queue.end("a1")
    assert queue.inside[-1] == "b1"


async def test_companies_with_nobody_inside_take_turns(queue_of: Callable[[int], Queue]) -> None:
    queue = queue_of(1)
    for name in ("a1", "a2", "a3", "b1", "b2"):
        await queue.come(name)
    for name in ("a1", "b1", "a2", "b2"):
        await queue.end(name)
    assert queue.inside == ["a1", "b1", "a2", "b2", "a3"]


async def test_within_a_company_who_came_first_goes_first(queue_of: Callable[[int], Queue]) -> None:
    queue = queue_of(1)
    for name in ("a1", "a2", "a3"):
        await queue.come(name)
    await queue.end("a1")
    await queue.end("a2")
    assert queue.inside == ["a1", "a2", "a3"]


async def test_who_looks_on_goes_before_all_that_is_read(queue_of: Callable[[int], Queue]) -> None:
    queue = queue_of(1)
    await queue.come("a1")
    await queue.come("b1")
    await queue.come("a2", is_urgent=True)
    await queue.end("a1")
    assert queue.inside == ["a1", "a2"]


async def test_who_gives_up_takes_no_place(queue_of: Callable[[int], Queue]) -> None:
    queue = queue_of(1)
    for name in ("a1", "a2", "a3"):
        await queue.come(name)
    await queue.give_up("a2")
    await queue.give_up("a1")
    assert queue.inside == ["a1", "a3"]


async def test_who_gives_up_when_his_turn_has_come_leaves_the_place_to_the_next(queue_of: Callable[[int], Queue]) -> None:
    queue = queue_of(1)
    for name in ("a1", "a2", "a3"):
        await queue.come(name)
    queue._ends["a1"].set()
    await asyncio.sleep(0)  # the place is a2's, who does not know yet
    await queue.give_up("a2")
    assert queue.inside[-1] == "a3"
