"""Waiting for the end of the log to move: one look for all who wait in a process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from converto.events.repository import Log
from converto.kernel.bell import Bell
from converto.kernel.database import Database
from converto.kernel.drain import Drain

log = structlog.get_logger()

LOOK_S = 0.2
"""How often the log is looked at for what another process has appended, while somebody waits."""


class Tail:
    """The end of the log. However many wait for it to move, the database is asked by one of them."""

    def __init__(self, database: Database, drain: Drain) -> None:
        self._database = database.across_tenants
        self._drain = drain
        self._moved = Bell()
        self._waiting = 0
        self._begun = Bell()
        self._end = 0

    @property
    def moves(self) -> int:
        """How often it has moved; give it to `beyond` to miss no move meanwhile."""
        return self._moved.rings

    def move(self) -> None:
        """Say that something was appended, or may be received again, in this process."""
        self._moved.ring()

    async def beyond(self, moves: int, *, timeout_s: float) -> None:
        """Return once it has moved on from `moves`, the time is over, or this process is about to end."""
        self._waiting += 1
        self._begun.ring()
        try:
            await self._drain.or_done(self._moved.beyond(moves, timeout_s=timeout_s))
        finally:
            self._waiting -= 1

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Look out for what other processes append, while the block runs."""
        task = asyncio.create_task(self._watch(), name="end of the log")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            seen = self._begun.rings
            if not self._waiting:
                await self._begun.beyond(seen, timeout_s=60)
                continue
            try:
                async with self._database.reading() as session:
                    end = await Log(session).end(None)
            except Exception as error:  # whoever waits looks again by itself, too
                log.warning("events.log_unreadable", exc_info=error)
            else:
                if end != self._end:
                    self._end = end
                    self._moved.ring()
            await asyncio.sleep(LOOK_S)
