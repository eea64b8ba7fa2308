"""All SQL of the public events: the log, the consumer groups, and what was published under which key."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, and_, delete, func, select, true, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from converto.events.models import EventRow, GroupRow, PublicationRow
from converto.events.tables import inbox
from converto.kernel.clock import now
from converto.kernel.database import changed, take_turns
from converto.kernel.event import Envelope, stream_of

Entry = tuple[int, Envelope]
"""An event at its position."""
# made once: to put a statement together takes longer than to have it worked off
_KEEP_IN_SQLITE, _KEEP_IN_POSTGRESQL = (
    insert(cast("Table", EventRow.__table__)).on_conflict_do_nothing() for insert in (sqlite.insert, postgresql.insert)
)


class Log:
    """Every event of the installation, in one order, for as long as it is kept."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def append(self, envelopes: Sequence[Envelope]) -> None:
        """Keep events; one that is there already stays at its place.

        Those who append take turns, so that positions become visible in their order: who has looked as far as 7 will not miss a 6.
        """
        await take_turns(self._session, "event_log")
        moment = now()
        rows = [
            {
                "event_id": envelope.id,
                "tenant_id": envelope.tenant_id,
                "stream": stream_of(envelope.source),
                "type": envelope.type,
                "envelope": envelope.model_dump(mode="json"),
                "kept_at": moment,
            }
            for envelope in envelopes
        ]
        connection = await self._session.connection()
        await connection.execute(_KEEP_IN_SQLITE if connection.dialect.name == "sqlite" else _KEEP_IN_POSTGRESQL, rows)

    async def end(self, tenant_id: UUID | None) -> int:
        """Return the last position of a tenant's events, 0 while none is kept; no tenant means all of them."""
        return await self._session.scalar(select(func.max(EventRow.position)).where(_of(tenant_id))) or 0

    async def position_of(self, event_id: UUID, tenant_id: UUID | None) -> int | None:
        """Return where an event stands, or None where the tenant has none of that id; no tenant means all of them."""
        wanted = select(EventRow.position).where(EventRow.event_id == event_id, _of(tenant_id))
        return await self._session.scalar(wanted)

    async def heard_by(self, group: GroupRow, *, after: int, until: int, limit: int) -> Sequence[Entry]:
        """Return up to `limit` events that a group hears, after one position and up to another."""
        wanted = select(EventRow.position, EventRow.envelope).where(_heard_by(group), EventRow.position > after, EventRow.position <= until)
        rows = await self._session.execute(wanted.order_by(EventRow.position).limit(limit))
        return [(row.position, Envelope.model_validate(row.envelope)) for row in rows]

    async def lag(self, group: GroupRow) -> dict[str, int]:
        """Return how many events of each stream that a group hears come after its position."""
        ahead = _counted(and_(_heard_by(group), EventRow.position > group.position))
        return {row.stream: row.kept for row in await self._session.execute(ahead)}

    async def lengths(self, tenant_id: UUID | None) -> dict[str, int]:
        """Return how many events are kept of each stream; no tenant means all of them."""
        return {row.stream: row.kept for row in await self._session.execute(_counted(_of(tenant_id)))}

    async def purge(self, *, kept_before: datetime, limit: int) -> int:
        """Forget up to `limit` events that came before a moment, and return how many."""
        old = select(EventRow.position).where(EventRow.kept_at < kept_before).limit(limit)
        return await changed(self._session, delete(EventRow).where(EventRow.position.in_(old)))


class Groups:
    """The consumer groups of a tenant."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: GroupRow) -> bool:
        """Keep a new group; False when its name is taken, which of two at once only the unique key can tell."""
        try:
            async with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            return False
        return True

    async def get(self, tenant_id: UUID, group_id: UUID) -> GroupRow | None:
        """Return one group."""
        return await self._session.get(GroupRow, (tenant_id, group_id))

    async def lock(self, tenant_id: UUID, group_id: UUID) -> GroupRow | None:
        """Return one group for a change: nobody else changes it before this transaction ends."""
        return await self._session.get(GroupRow, (tenant_id, group_id), with_for_update=True)

    async def named(self, tenant_id: UUID, name: str) -> GroupRow | None:
        """Return the group of a name."""
        return await self._session.scalar(select(GroupRow).where(GroupRow.tenant_id == tenant_id, GroupRow.name == name))

    async def page(self, tenant_id: UUID, *, limit: int, after: UUID | None) -> Sequence[GroupRow]:
        """Return up to `limit` groups, newest first, that come after the given one."""
        wanted = select(GroupRow).where(GroupRow.tenant_id == tenant_id)
        if after is not None:
            wanted = wanted.where(GroupRow.id < after)
        return (await self._session.scalars(wanted.order_by(GroupRow.id.desc()).limit(limit))).all()

    async def every(self, tenant_id: UUID | None) -> Sequence[GroupRow]:
        """Return all groups of a tenant; no tenant means those of all of them."""
        wanted = select(GroupRow) if tenant_id is None else select(GroupRow).where(GroupRow.tenant_id == tenant_id)
        return (await self._session.scalars(wanted.order_by(GroupRow.id))).all()

    async def count(self, tenant_id: UUID) -> int:
        """Return how many groups a tenant has."""
        return await self._session.scalar(select(func.count()).select_from(GroupRow).where(GroupRow.tenant_id == tenant_id)) or 0

    async def remove(self, tenant_id: UUID, group_id: UUID, *, subscriber: str) -> None:
        """Forget a group and all that waits for it."""
        await self._session.execute(delete(inbox).where(inbox.c.subscriber == subscriber))
        await self._session.execute(delete(GroupRow).where(GroupRow.tenant_id == tenant_id, GroupRow.id == group_id))


class Publications:
    """What was published under which key."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def under(self, tenant_id: UUID, keys: Sequence[bytes]) -> dict[bytes, PublicationRow]:
        """Return what was published under these keys."""
        wanted = select(PublicationRow).where(PublicationRow.tenant_id == tenant_id, PublicationRow.key.in_(keys))
        return {row.key: row for row in await self._session.scalars(wanted)}

    async def purge(self, *, kept_before: datetime, limit: int) -> int:
        """Forget up to `limit` keys that came before a moment, and return how many."""
        old = select(PublicationRow.tenant_id, PublicationRow.key).where(PublicationRow.kept_at < kept_before).limit(limit)
        return await changed(self._session, delete(PublicationRow).where(tuple_(PublicationRow.tenant_id, PublicationRow.key).in_(old)))


class Waiting:
    """What stands in the inbox of a consumer group."""

    def __init__(self, session: AsyncSession, subscriber: str) -> None:
        self._session = session
        self._own = inbox.c.subscriber == subscriber

    async def unfinished(self) -> int:
        """Return how many events wait or are held."""
        return await self._session.scalar(select(func.count()).select_from(inbox).where(self._own, inbox.c.due_at.is_not(None))) or 0

    async def failures(self, event_ids: Sequence[UUID]) -> dict[UUID, int]:
        """Return how often each of these events was refused."""
        wanted = select(inbox.c.event_id, inbox.c.failures).where(self._own, inbox.c.event_id.in_(event_ids))
        return {row.event_id: row.failures for row in await self._session.execute(wanted)}

    async def states(self, event_ids: Sequence[UUID]) -> dict[UUID, str]:
        """Return how each of these events stands: acknowledged, dead, or open."""
        wanted = select(inbox.c.event_id, inbox.c.handled_at, inbox.c.dead_at).where(self._own, inbox.c.event_id.in_(event_ids))
        return {
            row.event_id: "acknowledged" if row.handled_at else "dead" if row.dead_at else "open"
            for row in await self._session.execute(wanted)
        }


def _of(tenant_id: UUID | None) -> ColumnElement[bool]:
    return true() if tenant_id is None else EventRow.tenant_id == tenant_id


def _heard_by(group: GroupRow) -> ColumnElement[bool]:
    heard = and_(_of(None if group.every_tenant else group.tenant_id), EventRow.stream.in_(group.stream_names))
    return heard if group.event_types is None else and_(heard, EventRow.type.in_(group.event_types))


def _counted(these: ColumnElement[bool]) -> Select[str, int]:
    return select(EventRow.stream, func.count().label("kept")).where(these).group_by(EventRow.stream)
