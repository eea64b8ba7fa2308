import asyncio
from time import monotonic, sleep

import pytest

from converto.kernel.pace import LARGE, MANY, Gathering, Pace, gathered


async def took(pace: Pace, *sizes: int) -> float:
    """Return how many seconds rounds of these sizes wait for, all together."""
    began = monotonic()
    for size in sizes:
        await pace.kept(size)
    return monotonic() - began


async def test_the_first_rounds_wait_for_nothing() -> None:
    assert await took(Pace(a_second=1, at_once=5), 1, 1, 1, 1, 1) < 0.9


async def test_many_small_rounds_become_fewer() -> None:
    assert await took(Pace(a_second=20, at_once=2), 1, 1, 1, 1, 1, 1) >= 0.19


async def test_large_rounds_wait_for_nothing() -> None:
    assert await took(Pace(a_second=1, at_once=1), LARGE, LARGE, LARGE, LARGE) < 0.9


async def test_who_is_not_busy_waits_for_nobody() -> None:
    began = monotonic()
    await gathered(lambda: 1, most=10, longest_s=30)
    assert monotonic() - began < 5


@pytest.mark.parametrize(("most", "gathers"), [(100, 20), (5, 5)])
async def test_what_comes_while_the_loop_is_busy_is_gathered(most: int, gathers: int) -> None:
    waiting: list[int] = []

    async def busy() -> None:
        for number in range(20):
            sleep(0.002)  # noqa: ASYNC251 - work of the loop's own
            waiting.append(number)
            await asyncio.sleep(0)

    working = asyncio.create_task(busy())
    await gathered(lambda: len(waiting), most=most, longest_s=30)
    assert len(waiting) == gathers
    await working


async def test_nobody_is_waited_for_longer_than_that() -> None:
    waiting: list[int] = []

    async def busy() -> None:
        while True:
            sleep(0.002)  # noqa: ASYNC251 - work of the loop's own
            waiting.append(1)
            await asyncio.sleep(0)

    working = asyncio.create_task(busy())
    await gathered(lambda: len(waiting), most=10**9, longest_s=0.05)
    working.cancel()
    assert len(waiting) < 1000


@pytest.mark.parametrize(("came", "gathers"), [(MANY - 1, 0), (MANY, 20)])
async def test_who_comes_now_and_then_waits_for_nobody(came: int, gathers: int) -> None:
    waiting: list[int] = []

    async def busy() -> None:
        await asyncio.sleep(0)
        for number in range(20):
            sleep(0.002)  # noqa: ASYNC251 - work of the loop's own
            waiting.append(number)
            await asyncio.sleep(0)

    gathering = Gathering(lambda: len(waiting), most=100, longest_s=30)
    for _ in range(came):
        gathering.note()
    working = asyncio.create_task(busy())
    await gathering.round()
    assert len(waiting) == gathers
    await working
