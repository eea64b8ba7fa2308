import asyncio

import pytest

from converto.kernel.drain import Drain


async def answer() -> str:
    return "done"


async def test_what_is_done_in_time_is_returned() -> None:
    assert await Drain().or_done(answer()) == "done"


async def test_who_waits_is_let_go_when_the_process_ends() -> None:
    drain, waiting = Drain(), asyncio.Event()
    asker = asyncio.create_task(drain.or_done(waiting.wait()))
    await asyncio.sleep(0)

    drain.begin()

    assert await asker is None
    assert drain.has_begun


async def test_before_the_end_begins_it_is_announced_and_nobody_is_let_go() -> None:
    drain = Drain()
    drain.announce()

    assert drain.is_announced
    assert await drain.or_done(answer()) == "done"
    assert not drain.has_begun


async def test_an_end_that_begins_is_announced() -> None:
    drain = Drain()
    drain.begin()

    assert drain.is_announced


async def test_nobody_begins_to_wait_in_a_process_that_ends() -> None:
    drain = Drain()
    drain.begin()

    assert await drain.or_done(asyncio.Event().wait()) is None


async def test_an_error_is_the_callers() -> None:
    async def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await Drain().or_done(fail())


async def test_a_caller_who_gives_up_cancels_the_wait() -> None:
    cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    asker = asyncio.create_task(Drain().or_done(wait()))
    await asyncio.sleep(0.01)
    asker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asker
    assert cancelled.is_set()
