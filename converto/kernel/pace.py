"""Pace: much work in few rounds, and a little of it at once.

A round that writes costs about as much for fifty pieces as for one. Where pieces come one after another, all who work on them would go
round for each; so they wait for one another, as long as nobody notices.
"""

import asyncio
from collections import deque
from collections.abc import Callable

QUIET_S = 0.0005
"""A turn of the loop that took no longer had next to nothing to do."""
QUIET_TURNS = 2
MANY = 5
"""So many within twice the time that one may wait are often enough to wait for more."""
LARGE = 50
"""So many pieces are worth a round of their own."""


class Pace:
    """Keeps a loop from going round for every piece: after some rounds at once, only so many small ones in a second."""

    def __init__(self, *, a_second: float, at_once: int) -> None:
        self._each_s = 1 / a_second
        self._ahead_s = at_once / a_second
        self._due = 0.0

    async def kept(self, size: int) -> None:
        """Return when the next round may begin, after one of so many pieces."""
        if size >= LARGE:
            return
        moment = asyncio.get_running_loop().time()
        self._due = max(self._due, moment) + self._each_s
        early_s = self._due - moment - self._ahead_s
        if early_s > 0:
            await asyncio.sleep(early_s)


async def gathered(waiting: Callable[[], int], *, most: int, longest_s: float) -> None:
    """Return once this process has nothing else to do, which brings more of them; or `most` pieces wait; or the time is over."""
    loop = asyncio.get_running_loop()
    moment = began = loop.time()
    quiet = 0
    while quiet < QUIET_TURNS and moment - began < longest_s and (before := waiting()) < most:
        await asyncio.sleep(0)
        later = loop.time()
        quiet = quiet + 1 if later - moment < QUIET_S and waiting() == before else 0
        moment = later


class Gathering:
    """Has what comes often written together, and what comes now and then at once.

    Who waits for others where hardly anybody comes is late by all of that time, and works for nothing meanwhile.
    """

    def __init__(self, waiting: Callable[[], int], *, most: int, longest_s: float) -> None:
        """Take how many wait, how many are enough, and how long to wait for them at most."""
        self._waiting = waiting
        self._most = most
        self._longest_s = longest_s
        self._came: deque[float] = deque(maxlen=MANY)

    def note(self) -> None:
        """Note that one has come."""
        self._came.append(asyncio.get_running_loop().time())

    async def round(self) -> None:
        """Return when it is time to write: after a turn of the loop, and later where several have come lately."""
        await asyncio.sleep(0)
        often = len(self._came) == MANY and asyncio.get_running_loop().time() - self._came[0] < 2 * self._longest_s
        if often:
            await gathered(self._waiting, most=self._most, longest_s=self._longest_s)
