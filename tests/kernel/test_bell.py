import asyncio
from time import monotonic

from converto.kernel.bell import Bell, Bells


async def test_everyone_who_waits_is_woken() -> None:
    bell = Bell()
    waiting = [asyncio.create_task(bell.beyond(0, timeout_s=30)) for _ in range(3)]
    await asyncio.sleep(0)
    bell.ring()
    await asyncio.wait_for(asyncio.gather(*waiting), 5)


async def test_a_ring_between_two_waits_is_not_missed() -> None:
    bell = Bell()
    seen = bell.rings
    bell.ring()
    await asyncio.wait_for(bell.beyond(seen, timeout_s=30), 5)


async def test_without_a_ring_the_wait_ends_with_its_time() -> None:
    start = monotonic()
    await Bell().beyond(0, timeout_s=0.05)
    assert 0.04 < monotonic() - start < 5


async def test_a_waiter_that_is_cancelled_stays_nobodys_trouble() -> None:
    bell = Bell()
    waiter = asyncio.create_task(bell.beyond(0, timeout_s=30))
    await asyncio.sleep(0)
    waiter.cancel()
    bell.ring()
    await asyncio.gather(waiter, return_exceptions=True)
    assert (bell.rings, waiter.cancelled()) == (1, True)


async def test_a_name_is_rung_for_nobody_elses_work() -> None:
    bells = Bells()
    mine, others = bells.of("mine"), bells.of("others")
    bells.ring("mine")
    bells.ring("nobody's")
    assert (mine.rings, others.rings) == (1, 0)


async def test_all_names_are_rung_at_once() -> None:
    bells = Bells()
    mine, others = bells.of("mine"), bells.of("others")
    bells.ring()
    assert (mine.rings, others.rings) == (1, 1)
