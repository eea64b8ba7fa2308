"""What becomes due by itself: when a pause or a lease is over, or another process wrote it. One look for a whole module."""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import bindparam, exists, select

from converto.events.inbox import free_for
from converto.events.outbox import free
from converto.events.pauses import POLL_S
from converto.kernel.clock import now
from converto.kernel.columns import Moment
from converto.kernel.database import Database

log = structlog.get_logger()


class Lookout:
    """Rings a module's bells for its relay and its consumers, so that an idle process asks each database twice a second in all."""

    def __init__(self, database: Database, subscribers: Sequence[str]) -> None:
        """Take a module's database, and those of its subscribers that are served in this process."""
        self._database = database.across_tenants
        moment: Any = bindparam("moment", type_=Moment)
        # made once: to put it together takes longer than to ask it
        self._due = select(exists().where(free(moment)), exists().where(free_for(moment, subscribers)))

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(POLL_S)
            try:
                await self.look()
            except Exception as error:
                log.warning("events.database_failed", module=self._database.module, exc_info=error)

    async def look(self) -> None:
        """Ring for what is due now."""
        async with self._database.reading(brief=True) as session:
            to_send, to_handle = (await session.execute(self._due, {"moment": now()})).one()
        if to_send:
            self._database.published.ring()
        if to_handle:
            self._database.received.ring()
