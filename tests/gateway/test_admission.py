import asyncio
import contextlib

import pytest

from converto.gateway.admission import BOUNDS, MANY, Admission, Bounds, Busy, Lane, Work
from converto.gateway.routes import Found
from converto.kernel.access import Access
from converto.kernel.access import Admission as Class

READ = Bounds(least=2, start=8, most=64, line_s=0.001, line=4)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Traffic:
    """A lane whose requests take as long as a test says, on a clock of its own."""

    def __init__(self, bounds: Bounds = READ) -> None:
        self.clock = Clock()
        self.lane = Lane(bounds, Work(), clock=self.clock)
        self.found = Found("/things", Access(None, Class.READ))

    def quiet(self, seconds: float, times: int = 20) -> None:
        for _ in range(times):
            self.clock.now += seconds
            self.lane.learn(self.found, seconds, quiet=True)

    async def full(self, seconds: float, times: int = 1) -> None:
        """Fill the lane, let one more be refused, and have all of them answered after so long."""
        for _ in range(times):
            while self.lane.enter():
                pass
            with contextlib.suppress(Busy):
                await self.lane.wait()
            self.clock.now += seconds
            for _ in range(self.lane.at_once):
                self.lane.leave()
                self.lane.learn(self.found, seconds, quiet=False)


async def test_the_cap_shrinks_while_too_many_at_once_make_all_of_them_slow() -> None:
    traffic = Traffic()
    traffic.quiet(0.01)
    await traffic.full(0.2, times=3)
    assert traffic.lane.cap == READ.least


async def test_the_cap_shrinks_in_proportion() -> None:
    traffic = Traffic()
    traffic.quiet(0.1, times=24)
    await traffic.full(0.4)
    assert 2.0 < traffic.lane.cap < 2.8  # eight, each four times as slow as alone, where a fifth as slow again is borne


async def test_the_cap_grows_where_it_is_used_up_and_nobody_is_slowed_down() -> None:
    traffic = Traffic()
    traffic.quiet(0.1)
    await traffic.full(0.11, times=40)
    assert traffic.lane.cap == READ.most


async def test_slow_requests_alone_make_no_cap_smaller() -> None:
    traffic = Traffic()
    traffic.quiet(0.01)
    for _ in range(100):
        traffic.clock.now += 0.5
        traffic.lane.learn(traffic.found, 0.5, quiet=False)
    assert traffic.lane.cap == READ.start


async def test_a_route_that_has_become_slower_for_good_is_learnt_anew() -> None:
    traffic = Traffic()
    traffic.quiet(0.1)
    await traffic.full(0.2, times=2500)
    assert traffic.lane.cap > READ.start


async def test_after_a_rest_the_cap_is_what_it_was_at_first() -> None:
    traffic = Traffic()
    traffic.quiet(0.01)
    await traffic.full(0.2, times=3)
    traffic.clock.now += 10
    assert (traffic.lane.enter(), traffic.lane.cap) == (True, READ.start)


async def test_who_waits_in_line_is_called_when_a_place_is_free() -> None:
    lane = Lane(Bounds(least=1, start=1, most=1, line_s=5, line=1), Work())
    assert lane.enter()
    waiting = asyncio.create_task(lane.wait())
    await asyncio.sleep(0)
    assert (lane.in_line, lane.enter()) == (1, False)
    lane.leave()
    await waiting
    assert (lane.at_once, lane.in_line) == (1, 0)


async def test_who_waits_too_long_is_refused() -> None:
    lane = Lane(Bounds(least=1, start=1, most=1, line_s=0.01, line=1), Work())
    lane.enter()
    with pytest.raises(Busy) as refused:
        await lane.wait()
    assert (refused.value.retry_after_s, lane.refused, lane.in_line) == (1, 1, 0)


async def test_a_full_line_refuses_at_once() -> None:
    lane = Lane(Bounds(least=1, start=1, most=1, line_s=60, line=1), Work())
    lane.enter()
    first = asyncio.create_task(lane.wait())
    await asyncio.sleep(0)
    with pytest.raises(Busy):
        await lane.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert lane.in_line == 0


async def test_a_place_given_to_somebody_who_has_just_gone_is_not_lost() -> None:
    lane = Lane(Bounds(least=1, start=1, most=1, line_s=60, line=1), Work())
    lane.enter()
    waiting = asyncio.create_task(lane.wait())
    await asyncio.sleep(0)
    lane.leave()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert (lane.at_once, lane.enter()) == (0, True)


async def test_one_class_does_not_take_the_places_of_another() -> None:
    lanes = Admission(most_waiting=1).lanes
    while lanes[Class.BULK].enter():
        pass
    assert all(lanes[name].enter() for name in Class if name is not Class.BULK)


def test_what_concerns_money_keeps_more_places_than_anything_that_shrinks() -> None:
    assert BOUNDS[Class.MONEY].least > max(BOUNDS[name].least for name in (Class.AUTH, Class.READ, Class.BULK))


async def test_a_class_with_little_to_do_does_not_pay_for_one_that_has_too_much() -> None:
    clock, work, found = Clock(), Work(), Found("/things", Access(None, Class.READ))
    busy, idle = (Lane(READ, work, clock=clock) for _ in range(2))
    idle.learn(found, 0.01, quiet=True)
    for _ in range(100):
        while busy.enter():
            pass
        with contextlib.suppress(Busy):
            await busy.wait()
        idle.enter()
        clock.now += 0.1
        idle.learn(found, 0.1, quiet=False)
        idle.leave()
    assert idle.cap == READ.start


@pytest.mark.parametrize(("alone_s", "longest"), [(0.001, 64), (0.005, 20), (0.1, 8)])
async def test_of_slow_requests_fewer_may_wait_than_of_quick_ones(alone_s: float, longest: int) -> None:
    traffic = Traffic(Bounds(least=1, start=1, most=1, line_s=60, line=64, work_in_line_s=0.1))
    traffic.quiet(alone_s)
    traffic.lane.enter()
    many = [asyncio.create_task(traffic.lane.wait()) for _ in range(100)]
    await asyncio.sleep(0)
    assert traffic.lane.in_line == longest
    for one in many:
        one.cancel()
    await asyncio.gather(*many, return_exceptions=True)


async def test_places_that_are_held_for_long_without_work_are_not_all_there_are() -> None:
    traffic = Traffic(Bounds(least=1, start=1, most=4, line_s=60, line=1, patience_s=0.1))
    assert traffic.lane.enter()
    traffic.clock.now += 0.2
    with pytest.raises(Busy):
        await _twice(traffic)
    traffic.clock.now += 0.1
    assert traffic.lane.is_full is False
    assert traffic.lane.enter()


async def _twice(traffic: Traffic) -> None:
    first = asyncio.create_task(traffic.lane.wait())
    await asyncio.sleep(0)
    try:
        await traffic.lane.wait()
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_a_few_at_once_again_and_again_are_no_overload() -> None:
    traffic = Traffic(Bounds(least=1, start=4, most=64, line_s=60, line=64, patience_s=0.1))
    for _ in range(5):
        while traffic.lane.enter():
            pass
        fifth = asyncio.create_task(traffic.lane.wait())
        await asyncio.sleep(0)
        traffic.clock.now += 0.02
        for _ in range(5):
            traffic.lane.leave()
        await fifth
        traffic.clock.now += 0.05


async def test_where_many_find_no_place_for_long_nobody_waits_any_more() -> None:
    traffic = Traffic(Bounds(least=1, start=4, most=64, line_s=60, line=64, patience_s=0.1))
    while traffic.lane.enter():
        pass
    waiting = []
    for _ in range(MANY):
        waiting.append(asyncio.create_task(traffic.lane.wait()))
        await asyncio.sleep(0)
        traffic.clock.now += 0.007
        traffic.lane.leave()
    assert all(not one.done() or one.exception() is None for one in waiting)
    with pytest.raises(Busy):
        await traffic.lane.wait()
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
