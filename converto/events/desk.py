"""The desk of a module's deliveries: what waits and what is dead in its database, counted, listed, sent anew and forgotten.

Every module that keeps something has one beside its own interface, so that an operator sees them all wherever the modules live.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, Table, and_, case, delete, func, literal, or_, select, true, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession

from converto.events.tables import inbox, outbox
from converto.kernel.clock import now
from converto.kernel.database import Database, after_commit, changed
from converto.kernel.event import Envelope, stream_of
from converto.kernel.interface import Interface, Value, command, query

NOT_SENT = "(not sent)"
"""In the place of a subscriber: the event never left its module."""
GROUP = "group:"
"""What the subscribers begin with that are consumer groups outside; then comes the tenant."""


class DeadDelivery(Value):
    """An event that one subscriber has given up on."""

    subscriber: str
    attempts: int
    last_error: str
    dead_at: datetime
    envelope: Envelope


class Queue(Value):
    """How many events of one stream a subscriber has before it."""

    subscriber: str
    stream: str
    waiting: int = 0
    pending: int = 0
    dead: int = 0


class Deliveries(Interface, Protocol):
    """What waits and what is dead in one module's database. A tenant sees its own events alone; None means the events of all."""

    @query
    async def dead(self, tenant_id: UUID | None, *, limit: int, before: UUID | None = None) -> tuple[DeadDelivery, ...]:
        """List the dead deliveries of up to `limit` events, newest event first, of those older than `before`."""
        ...

    @query
    async def queues(self, tenant_id: UUID | None) -> tuple[Queue, ...]:
        """Count what each subscriber has before it, stream by stream; who has nothing is left out."""
        ...

    @command
    async def retry(self, event_id: UUID, *, tenant_id: UUID | None) -> int:
        """Have a dead event handled or sent anew; returns for how many subscribers."""
        ...

    @command
    async def purge(self, event_id: UUID, *, tenant_id: UUID | None) -> int:
        """Forget a dead event; returns for how many subscribers. A tenant forgets for its own consumer groups alone."""
        ...


class DeliveryDesk(Deliveries):
    """Looks into the inbox and the outbox of one module."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def dead(self, tenant_id: UUID | None, *, limit: int, before: UUID | None = None) -> tuple[DeadDelivery, ...]:
        """See `Deliveries.dead`."""
        async with reach(self._database, tenant_id).reading(tenant_id) as session:
            newest = union_all(*(_dead_ids(table, tenant_id, before) for table in (inbox, outbox))).subquery()
            ids = (await session.scalars(select(newest.c.event_id).distinct().order_by(newest.c.event_id.desc()).limit(limit))).all()
            found = [*await _dead_rows(session, inbox, ids, tenant_id), *await _dead_rows(session, outbox, ids, tenant_id)]
        return tuple(sorted(found, key=lambda one: (one.envelope.id, one.subscriber), reverse=True))

    async def queues(self, tenant_id: UUID | None) -> tuple[Queue, ...]:
        """See `Deliveries.queues`."""
        async with reach(self._database, tenant_id).reading(tenant_id) as session:
            return await _queues(session, _seen_by(inbox, tenant_id))

    async def queues_of(self, subscriber: str) -> tuple[Queue, ...]:
        """Count what one subscriber has before it."""
        async with self._database.reading() as session:
            return await _queues(session, inbox.c.subscriber == subscriber)

    async def retry(self, event_id: UUID, *, tenant_id: UUID | None) -> int:
        """See `Deliveries.retry`."""
        async with reach(self._database, tenant_id).writing(tenant_id) as session:
            again: dict[str, Any] = {"dead_at": None, "due_at": now(), "attempts": 0}
            heard = await changed(session, update(inbox).where(_dead(inbox, event_id, tenant_id)).values(**again, failures=0))
            told = await changed(session, update(outbox).where(_dead(outbox, event_id, tenant_id)).values(**again))
            after_commit(session, self._database.received.ring)
            after_commit(session, self._database.published.ring)
        return heard + told

    async def purge(self, event_id: UUID, *, tenant_id: UUID | None) -> int:
        """See `Deliveries.purge`: what was heard counts as handled from now on, so that a copy of it that comes late is known."""
        heard = _dead(inbox, event_id, tenant_id)
        async with reach(self._database, tenant_id).writing(tenant_id) as session:
            if tenant_id is not None:  # what a module owes, such as a charge, is not a tenant's to forget
                heard = and_(heard, _of_group_of(tenant_id))
            forgotten = await changed(session, update(inbox).where(heard).values(dead_at=None, handled_at=now()))
            if tenant_id is None:
                forgotten += await changed(session, delete(outbox).where(_dead(outbox, event_id, None)))
        return forgotten


async def _queues(session: AsyncSession, seen: ColumnElement[bool]) -> tuple[Queue, ...]:
    is_pending = case((inbox.c.leased_until >= now(), 1), else_=0)
    row_key = (inbox.c.subscriber, inbox.c.type)
    unfinished = select(*row_key, func.sum(1 - is_pending), func.sum(is_pending), literal(0)).where(inbox.c.due_at.is_not(None), seen)
    dead = select(*row_key, literal(0), literal(0), func.count()).where(inbox.c.dead_at.is_not(None), seen)
    counted: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for wanted in (unfinished, dead):
        for subscriber, kind, *counts in await session.execute(wanted.group_by(*row_key)):
            line = (subscriber, stream_of(kind))
            counted[line] = [have + int(more) for have, more in zip(counted[line], counts, strict=True)]
    return tuple(
        Queue(subscriber=name, stream=stream, waiting=waiting, pending=pending, dead=dead)
        for (name, stream), (waiting, pending, dead) in sorted(counted.items())
    )


def reach(database: Database, tenant_id: UUID | None) -> Database:
    """Return a database as it is seen for one tenant, or for all of them."""
    return database.across_tenants if tenant_id is None else database


def _dead_ids(table: Table, tenant_id: UUID | None, before: UUID | None) -> Any:
    wanted = select(table.c.event_id).where(table.c.dead_at.is_not(None), _seen_by(table, tenant_id))
    return wanted if before is None else wanted.where(table.c.event_id < before)


async def _dead_rows(session: AsyncSession, table: Table, ids: Sequence[UUID], tenant_id: UUID | None) -> list[DeadDelivery]:
    wanted = select(table).where(table.c.dead_at.is_not(None), table.c.event_id.in_(ids), _seen_by(table, tenant_id))
    return [
        DeadDelivery(
            subscriber=row.subscriber if table is inbox else NOT_SENT,
            attempts=row.attempts,
            last_error=row.last_error or "",
            dead_at=row.dead_at,
            envelope=Envelope.model_validate(row.envelope),
        )
        for row in await session.execute(wanted)
    ]


def _dead(table: Table, event_id: UUID, tenant_id: UUID | None) -> ColumnElement[bool]:
    return and_(table.c.event_id == event_id, table.c.dead_at.is_not(None), _seen_by(table, tenant_id))


def _seen_by(table: Table, tenant_id: UUID | None) -> ColumnElement[bool]:
    """Whether a tenant sees a row: its own events, but not what another's consumer group, such as a service's, did with them."""
    if tenant_id is None:
        return true()
    own: ColumnElement[bool] = table.c.tenant_id == tenant_id
    if table is outbox:
        return own
    return and_(own, or_(~table.c.subscriber.startswith(GROUP), _of_group_of(tenant_id)))


def _of_group_of(tenant_id: UUID) -> ColumnElement[bool]:
    return inbox.c.subscriber.startswith(f"{GROUP}{tenant_id}:")
