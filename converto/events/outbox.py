"""The outbox: a fact and its event are written in one transaction, or neither is."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from converto.events.inbox import DeadEvent
from converto.events.tables import outbox
from converto.kernel.clock import now
from converto.kernel.database import Database, after_commit
from converto.kernel.event import Envelope, Event


async def publish(session: AsyncSession, event: Event) -> None:
    """Tell a fact: it goes out if this transaction commits, and only then."""
    envelope = Envelope.around(event)
    row = {
        "event_id": envelope.id,
        "tenant_id": envelope.tenant_id,
        "type": envelope.type,
        "envelope": envelope.model_dump(mode="json"),
        "due_at": envelope.time,
        "attempts": 0,
    }
    await session.execute(insert(outbox).values(row))
    database: Database = session.info["database"]
    after_commit(session, database.published.ring)


class Outbox:
    """What waits to be sent from one module's database."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def has_due(self) -> bool:
        """Return whether something may be claimed now."""
        moment = now()
        due = select(outbox.c.event_id).where(outbox.c.due_at <= moment, outbox.c.dead_at.is_(None))
        free = outbox.c.leased_until.is_(None) | (outbox.c.leased_until < moment)
        return await self._session.scalar(due.where(free).limit(1)) is not None

    async def claim(self, limit: int, *, lease_s: float) -> Sequence[Envelope]:
        """Lease up to `limit` due events to the caller, oldest first."""
        moment = now()
        due = (
            select(outbox.c.event_id, outbox.c.envelope)
            .where(outbox.c.due_at <= moment, outbox.c.dead_at.is_(None))
            .where(outbox.c.leased_until.is_(None) | (outbox.c.leased_until < moment))
            .order_by(outbox.c.due_at, outbox.c.event_id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        rows = (await self._session.execute(due)).all()
        if rows:
            ids = [row.event_id for row in rows]
            leased = update(outbox).where(outbox.c.event_id.in_(ids)).values(leased_until=moment + timedelta(seconds=lease_s))
            await self._session.execute(leased)
        return [Envelope.model_validate(row.envelope) for row in rows]

    async def sent(self, event_ids: Sequence[UUID]) -> None:
        """Forget events that have gone out."""
        await self._session.execute(delete(outbox).where(outbox.c.event_id.in_(event_ids)))

    async def put_back(self, event_ids: Sequence[UUID], *, delay_s: float) -> None:
        """Give up the lease: nothing could be sent, which is no fault of these events."""
        due_at = now() + timedelta(seconds=delay_s)
        await self._session.execute(update(outbox).where(outbox.c.event_id.in_(event_ids)).values(leased_until=None, due_at=due_at))

    async def failed(self, event_id: UUID, error: str, *, pause_s: Callable[[int], float], attempts: int) -> None:
        """Note that this event could not be sent; after `attempts` failures it is dead, before that it waits `pause_s(failures)`."""
        moment = now()
        tried = select(outbox.c.attempts).where(outbox.c.event_id == event_id).with_for_update()
        count = ((await self._session.scalar(tried)) or 0) + 1
        await self._session.execute(
            update(outbox)
            .where(outbox.c.event_id == event_id)
            .values(
                attempts=count,
                leased_until=None,
                due_at=moment + timedelta(seconds=pause_s(count)),
                last_error=error,
                dead_at=moment if count >= attempts else None,
            )
        )

    async def dead(self, *, limit: int = 200) -> Sequence[DeadEvent]:
        """List the events that could not be sent, newest first."""
        wanted = select(outbox).where(outbox.c.dead_at.is_not(None)).order_by(outbox.c.dead_at.desc()).limit(limit)
        return [
            DeadEvent(
                subscriber="(not sent)",
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
        """Have a dead event sent anew; returns 1, or 0 where it is not dead."""
        database: Database = self._session.info["database"]
        after_commit(self._session, database.published.ring)
        dead = update(outbox).where(outbox.c.event_id == event_id, outbox.c.dead_at.is_not(None))
        result: CursorResult[Any] = await self._session.execute(dead.values(dead_at=None, due_at=now(), attempts=0))  # type: ignore[assignment]
        return result.rowcount
