"""Bells that several tasks may wait for, without one of them stealing another's ring."""

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


class Bells:
    """A bell for each name, so that nobody is woken for another's work."""

    def __init__(self) -> None:
        self.rings = 0
        self._bells: dict[str, Bell] = {}

    def of(self, name: str) -> Bell:
        """Return the bell of a name."""
        return self._bells.setdefault(name, Bell())

    def ring(self, name: str | None = None) -> None:
        """Ring for whoever waits under a name, or for all. Nothing is kept for a name that nobody has waited under."""
        self.rings += 1
        for bell in self._bells.values() if name is None else filter(None, [self._bells.get(name)]):
            bell.ring()
