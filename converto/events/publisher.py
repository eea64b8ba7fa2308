"""Publishing together: facts that many callers tell at the same time are written in one transaction.

A commit costs about the same for one row as for hundreds. What has no other transaction to belong to, such as an event that comes by
REST, is told through a publisher: while one transaction commits, the next callers gather.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncSession

from converto.events.backend import CANNOT_NOW
from converto.events.outbox import row_of
from converto.events.tables import outbox
from converto.kernel.database import Database, after_commit, insert_into
from converto.kernel.event import Envelope

MOST_TOGETHER = 500

Row = tuple[Table, Mapping[str, Any]]
"""A table, and the values of a new row."""


class _Waiting:
    """What one caller tells, and the answer that it waits for."""

    def __init__(self, rows: Sequence[Row], envelopes: Sequence[Envelope]) -> None:
        self.rows = rows
        self.envelopes = envelopes
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Publisher:
    """Writes what its callers tell, with what others tell at the same time."""

    def __init__(self, database: Database) -> None:
        self._database = database.across_tenants  # several callers' rows in one transaction
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def publish(self, *envelopes: Envelope, rows: Sequence[Row] = ()) -> None:
        """Return once the events, and the rows that they tell of, are committed; all of one caller's, or none.

        An event whose id is known already is told once. Raises what the database raises for this caller's rows, such as IntegrityError.
        """
        mine = _Waiting(rows, envelopes)
        self._waiting.append(mine)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        await mine.done

    async def _write(self) -> None:
        try:
            while self._waiting:
                together, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                await self._commit(together)
        finally:
            self._writer = None

    async def _commit(self, together: Sequence[_Waiting]) -> None:
        try:
            async with self._database.writing() as session:
                await self._insert(session, together)
        except Exception as error:  # noqa: BLE001 - it is raised to whom it concerns
            if len(together) == 1 or isinstance(error, CANNOT_NOW):  # nobody's fault: each would wait for the database by itself
                _answer(together, error)
                return
            for one in together:  # one of them is at fault, and only that one shall hear of it
                await self._commit([one])
        except BaseException:
            for one in together:
                one.done.cancel()
            raise
        else:
            _answer(together, None)

    async def _insert(self, session: AsyncSession, together: Sequence[_Waiting]) -> None:
        by_table: dict[Table, list[Mapping[str, Any]]] = defaultdict(list)
        for one in together:
            for table, values in one.rows:
                by_table[table].append(values)
        for table, rows in by_table.items():
            await session.execute(table.insert(), rows)
        told = [row_of(envelope) for one in together for envelope in one.envelopes]
        if told:
            await session.execute(insert_into(session, outbox).on_conflict_do_nothing(), told)
            after_commit(session, self._database.published.ring)


def _answer(together: Sequence[_Waiting], error: Exception | None) -> None:
    for one in together:
        if one.done.done():  # its caller has gone
            continue
        if error is None:
            one.done.set_result(None)
        else:
            one.done.set_exception(error)
