"""A bell that several tasks may wait for, without one of them stealing another's ring."""

import asyncio
import contextlib


class Bell:
    """Counts its rings, so that one which comes between two waits is not missed."""

    def __init__(self) -> None:
        self.rings = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake everyone who waits."""
        self.rings += 1
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def beyond(self, seen: int, *, timeout_s: float) -> None:
        """Return when more rings than `seen` have come, or the time is over."""
        if self.rings > seen:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await waiter
        finally:
            self._waiting.discard(waiter)
