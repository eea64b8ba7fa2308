import asyncio

import pytest
from structlog.testing import capture_logs

from converto.kernel.upkeep import now_and_then


class Work:
    """Counts how often it is done, and fails where it is told to."""

    def __init__(self, *, failures: int = 0, until: int = 3) -> None:
        self.failures = failures
        self.until = until
        self.done = 0
        self.enough = asyncio.Event()

    async def __call__(self) -> None:
        self.done += 1
        if self.done == self.until:
            self.enough.set()
        if self.done <= self.failures:
            msg = "the database is away"
            raise ConnectionError(msg)


async def test_a_work_is_done_again_and_again_until_the_block_ends() -> None:
    work = Work()
    async with now_and_then(work, name="test", after_s=0, every_s=0):
        await work.enough.wait()
    done = work.done
    await asyncio.sleep(0)
    assert work.done == done


async def test_what_fails_is_told_and_done_again() -> None:
    work = Work(failures=2)
    with capture_logs() as told:
        async with now_and_then(work, name="test", after_s=0, every_s=0):
            await work.enough.wait()
    assert [(entry["event"], entry["work"]) for entry in told] == [("upkeep.failed", "test")] * 2


async def test_a_start_is_not_the_moment_for_it() -> None:
    work = Work()
    async with now_and_then(work, name="test", after_s=60, every_s=0):
        await asyncio.sleep(0)
    assert work.done == 0


async def test_a_driver_that_answers_a_cancellation_with_an_error_is_let_go_all_the_same() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            msg = "the connection was closed in the middle"
            raise ConnectionError(msg) from None

    with capture_logs() as told:
        async with now_and_then(work, name="test", after_s=0, every_s=0):
            await begun.wait()
    assert told == []


async def test_what_the_block_raises_comes_through() -> None:
    with pytest.raises(ValueError, match="in the block"):
        async with now_and_then(Work(), name="test", after_s=0, every_s=0):
            raise ValueError("in the block")  # noqa: EM101, TRY003 - a test's own
