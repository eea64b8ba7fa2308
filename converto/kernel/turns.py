"""Who is next at the workers: companies take turns, and somebody who looks on goes before what is done in the background."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import NamedTuple


class _Waiting(NamedTuple):
    company: Hashable
    is_urgent: bool
    turn: asyncio.Future[None]


class Turns:
    """Lets so many in at once.

    Of those who wait the urgent go first, then whose company has fewest inside, then whose was in longest ago.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: list[_Waiting] = []
        self._inside: Counter[Hashable] = Counter()
        self._last: dict[Hashable, int] = {}
        self._count = 0

    @asynccontextmanager
    async def turn(self, company: Hashable = None, *, is_urgent: bool = False) -> AsyncIterator[None]:
        """Wait for a place and hold it for as long as the block runs."""
        await self._enter(company, is_urgent=is_urgent)
        try:
            yield
        finally:
            self._leave(company)

    async def _enter(self, company: Hashable, *, is_urgent: bool) -> None:
        waiting = _Waiting(company, is_urgent, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._let_in()
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            else:  # its turn came as it was given up
                self._leave(company)
            raise

    def _leave(self, company: Hashable) -> None:
        self._inside[company] -= 1
        if not self._inside[company]:
            del self._inside[company]
        self._free += 1
        self._let_in()

    def _let_in(self) -> None:
        while self._free and self._waiting:
            # of equals the first is who came first
            following = min(self._waiting, key=self._rank)
            self._waiting.remove(following)
            self._free -= 1
            self._count += 1
            self._inside[following.company] += 1
            self._last[following.company] = self._count
            following.turn.set_result(None)
        known = {*self._inside, *(waiting.company for waiting in self._waiting)}
        self._last = {company: last for company, last in self._last.items() if company in known}

    def _rank(self, waiting: _Waiting) -> tuple[bool, int, int]:
        return not waiting.is_urgent, self._inside[waiting.company], self._last.get(waiting.company, 0)
