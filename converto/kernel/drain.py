"""The end of a process: whoever waits for something is let go first, so that an open stream does not hold up the rest."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from converto.kernel.bell import Bell

T = TypeVar("T")
_FOR_EVER_S = 1e9


class Drain:
    """Says whether this process is about to end. Long polls and event streams look at it; short work is left to finish."""

    def __init__(self) -> None:
        self._bell = Bell()
        self.is_announced = False
        """Whether this process wants no more requests, though it serves those that come: who sends them has yet to learn of it."""

    def announce(self) -> None:
        """Say that the end is near, before it begins."""
        self.is_announced = True

    @property
    def has_begun(self) -> bool:
        """Whether nobody should begin to wait any more."""
        return self._bell.rings > 0

    def begin(self) -> None:
        """Let go of everyone who waits."""
        self.is_announced = True
        self._bell.ring()

    async def or_done(self, waiting: Awaitable[T]) -> T | None:
        """Return what comes of a wait, or None where this process begins to end before: then the wait is cancelled."""
        wait, end = asyncio.ensure_future(waiting), asyncio.ensure_future(self._bell.beyond(0, timeout_s=_FOR_EVER_S))
        try:
            await asyncio.wait({wait, end}, return_when=asyncio.FIRST_COMPLETED)
            return wait.result() if wait.done() else None
        finally:
            unfinished = [task for task in (wait, end) if not task.done()]
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
