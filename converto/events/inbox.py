"""The inbox: what a subscriber was told, kept until it is handled and remembered afterwards, so that a second copy is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CursorResult, Update, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from converto.events.tables import inbox
from converto.kernel.clock import now
from converto.kernel.database import Database, after_commit
from converto.kernel.event import Envelope


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event leased to one consumer; only the holder of the lease can settle it."""

    subscriber: str
    envelope: Envelope
    attempt: int
    lease: UUID


@dataclass(frozen=True, slots=True)
class DeadEvent:
    """An event that a subscriber has given up on."""

    subscriber: str
    event_id: UUID
    tenant_id: UUID
    type: str
    attempts: int
    last_error: str
    dead_at: datetime


class Inbox:
    """What waits for the subscribers of one module."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def accept(self, subscriber: str, envelopes: Sequence[Envelope]) -> None:
        """Keep events for a subscriber; one that it already has, handled or not, is ignored."""
        moment = now()
        rows = [
            {
                "subscriber": subscriber,
                "event_id": envelope.id,
                "tenant_id": envelope.tenant_id,
                "type": envelope.type,
                "envelope": envelope.model_dump(mode="json"),
                "received_at": moment,
                "due_at": moment,
                "attempts": 0,
            }
            for envelope in envelopes
        ]
        database: Database = self._session.info["database"]
        insert = sqlite.insert if database.is_sqlite else postgresql.insert
        await self._session.execute(insert(inbox).on_conflict_do_nothing(), rows)
        after_commit(self._session, database.received.ring)

    async def has_due(self, subscriber: str) -> bool:
        """Return whether something may be claimed now."""
        moment = now()
        due = select(inbox.c.event_id).where(inbox.c.subscriber == subscriber, inbox.c.due_at <= moment)
        free = inbox.c.leased_until.is_(None) | (inbox.c.leased_until < moment)
        return await self._session.scalar(due.where(free).limit(1)) is not None

    async def claim(self, subscriber: str, limit: int, *, lease_s: float) -> Sequence[Delivery]:
        """Lease up to `limit` due events of a subscriber, oldest first. Each claim counts as an attempt."""
        moment, lease = now(), uuid4()
        due = (
            select(inbox.c.event_id, inbox.c.envelope, inbox.c.attempts)
            .where(inbox.c.subscriber == subscriber, inbox.c.due_at <= moment)
            .where(inbox.c.leased_until.is_(None) | (inbox.c.leased_until < moment))
            .order_by(inbox.c.due_at, inbox.c.event_id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        rows = (await self._session.execute(due)).all()
        if rows:
            await self._session.execute(
                update(inbox)
                .where(inbox.c.subscriber == subscriber, inbox.c.event_id.in_([row.event_id for row in rows]))
                .values(attempts=inbox.c.attempts + 1, leased_until=moment + timedelta(seconds=lease_s), lease=lease)
            )
        return [
            Delivery(subscriber=subscriber, envelope=Envelope.model_validate(row.envelope), attempt=row.attempts + 1, lease=lease)
            for row in rows
        ]

    async def renew(self, deliveries: Sequence[Delivery], *, lease_s: float) -> None:
        """Hold on to events that are still being handled."""
        until = now() + timedelta(seconds=lease_s)
        for delivery in deliveries:
            await self._session.execute(self._held(delivery).values(leased_until=until))

    async def handled(self, delivery: Delivery) -> bool:
        """Mark an event as handled; False when the lease was lost to somebody else."""
        return await self._settle(delivery, due_at=None, handled_at=now(), last_error=None)

    async def retry(self, delivery: Delivery, error: str, *, delay_s: float) -> bool:
        """Have an event handled again later."""
        return await self._settle(delivery, due_at=now() + timedelta(seconds=delay_s), last_error=error)

    async def bury(self, delivery: Delivery, error: str) -> bool:
        """Give up on an event: it lies with the dead ones until somebody retries or purges it."""
        return await self._settle(delivery, due_at=None, dead_at=now(), last_error=error)

    async def release(self, delivery: Delivery) -> bool:
        """Hand an event back unhandled, because this process stops; this was no attempt."""
        return await self._settle(delivery, due_at=now(), attempts=inbox.c.attempts - 1)

    async def dead(self, *, limit: int = 200) -> Sequence[DeadEvent]:
        """List the dead events, newest first."""
        wanted = select(inbox).where(inbox.c.dead_at.is_not(None)).order_by(inbox.c.dead_at.desc()).limit(limit)
        return [
            DeadEvent(
                subscriber=row.subscriber,
                event_id=row.event_id,
                tenant_id=row.tenant_id,
                type=row.type,
                attempts=row.attempts,
                last_error=row.last_error or "",
                dead_at=row.dead_at,
            )
            for row in await self._session.execute(wanted)
        ]

    async def revive(self, event_id: UUID) -> int:
        """Have a dead event handled anew by whoever gave up on it; returns by how many."""
        database: Database = self._session.info["database"]
        after_commit(self._session, database.received.ring)
        return await self._changed(
            update(inbox).where(inbox.c.event_id == event_id, inbox.c.dead_at.is_not(None)).values(dead_at=None, due_at=now(), attempts=0)
        )

    async def purge(self, *, handled_before: datetime) -> None:
        """Forget events handled before a moment; a copy that comes later still would be handled again."""
        await self._session.execute(delete(inbox).where(inbox.c.handled_at < handled_before))

    async def _settle(self, delivery: Delivery, **values: Any) -> bool:
        return await self._changed(self._held(delivery).values(leased_until=None, lease=None, **values)) == 1

    async def _changed(self, statement: Update) -> int:
        result: CursorResult[Any] = await self._session.execute(statement)  # type: ignore[assignment]
        return result.rowcount

    @staticmethod
    def _held(delivery: Delivery) -> Update:
        return update(inbox).where(
            inbox.c.subscriber == delivery.subscriber,
            inbox.c.event_id == delivery.envelope.id,
            inbox.c.lease == delivery.lease,
        )
