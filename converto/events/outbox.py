"""The outbox: a fact and its event are written in one transaction, or neither is."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import ColumnElement, Integer, and_, bindparam, delete, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from converto.events.tables import outbox
from converto.kernel.clock import now
from converto.kernel.columns import Moment
from converto.kernel.database import Database, after_commit, changed, once, take_turns
from converto.kernel.event import Envelope, Event


async def publish(session: AsyncSession, event: Event, *, priority: int = 0) -> None:
    """Tell a fact: it goes out if this transaction commits, and only then. A higher priority overtakes what its tenant has waiting."""
    await session.execute(_TELL, row_of(Envelope.around(event, priority=priority)))
    database: Database = session.info["database"]
    after_commit(session, database.published.ring)


async def publish_all(session: AsyncSession, events: Sequence[Event | Envelope], *, at_once: bool = True) -> None:
    """Tell several facts with one statement, in their order; one in an envelope keeps the trace that this names.

    What nobody waits for need not go out at once: it is sent with whatever else is due at the next look, within half a second.
    """
    if events:
        envelopes = [event if isinstance(event, Envelope) else Envelope.around(event) for event in events]
        await session.execute(_TELL, [row_of(envelope) for envelope in envelopes])
        if at_once:
            database: Database = session.info["database"]
            after_commit(session, database.published.ring)


def row_of(envelope: Envelope) -> dict[str, Any]:
    """Return the row that has an event sent."""
    return {
        "event_id": envelope.id,
        "tenant_id": envelope.tenant_id,
        "type": envelope.type,
        "subject": envelope.subject,
        "envelope": envelope.model_dump(mode="json"),
        "told_at": now(),  # not when it happened, which an event from outside may put long before
        "due_at": envelope.time,
        "attempts": 0,
    }


class Outbox:
    """What one module has told: waiting to be sent, or sent and kept for a while."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._database: Database = session.info["database"]

    async def has_due(self) -> bool:
        """Return whether something may be claimed now."""
        return await self._session.scalar(_DUE, {"moment": now()}) is not None

    async def claim(self, limit: int, *, lease_s: float) -> Sequence[Envelope]:
        """Lease up to `limit` due events to the caller, oldest first, and none while an earlier one about its subject is held up."""
        moment = now()
        await take_turns(self._session, "outbox")  # so that two who claim see each other's leases
        given = {"moment": moment, "until": moment + timedelta(seconds=lease_s), "most": limit}
        rows = sorted(await self._session.execute(_CLAIM, given), key=lambda row: row.event_id)
        envelopes = []
        for row in rows:
            try:
                envelopes.append(Envelope.model_validate(row.envelope))
            except ValidationError as error:  # it would stop all that follow
                await self._bury(row.event_id, f"unreadable: {error}"[:2000])
        return envelopes

    async def sent(self, event_ids: Sequence[UUID]) -> None:
        """Mark events that have gone out; they are kept, so that they can be sent again."""
        if event_ids:
            await self._session.execute(_SENT, {"ids": list(event_ids), "moment": now()})

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

    async def _bury(self, event_id: UUID, error: str) -> None:
        dead = update(outbox).where(outbox.c.event_id == event_id)
        await self._session.execute(dead.values(dead_at=now(), leased_until=None, last_error=error))

    async def send_again(self, *, told_from: datetime) -> int:
        """Have everything that was told since a moment sent once more; who has it already ignores it. Returns how many."""
        after_commit(self._session, self._database.published.ring)
        gone = update(outbox).where(outbox.c.told_at >= told_from, outbox.c.sent_at.is_not(None))
        return await changed(self._session, gone.values(sent_at=None, due_at=now(), leased_until=None))

    async def purge(self, *, sent_before: datetime, limit: int = 1000) -> int:
        """Forget up to `limit` events that went out before a moment, and return how many."""
        old = select(outbox.c.event_id).where(outbox.c.told_at < sent_before, outbox.c.sent_at < sent_before).limit(limit)
        return await changed(self._session, delete(outbox).where(outbox.c.event_id.in_(old)))


def free(moment: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Return whether an event may be claimed by a relay, but for order."""
    return and_(
        outbox.c.sent_at.is_(None),
        outbox.c.dead_at.is_(None),
        outbox.c.due_at <= moment,
        or_(outbox.c.leased_until.is_(None), outbox.c.leased_until < moment),
    )


def _earlier_held_up(moment: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether an event about the same subject that was told before is being sent by another, or waits after a failure."""
    earlier = outbox.alias("earlier")
    return exists().where(
        earlier.c.subject == outbox.c.subject,
        earlier.c.event_id < outbox.c.event_id,
        earlier.c.sent_at.is_(None),
        earlier.c.dead_at.is_(None),
        or_(earlier.c.due_at > moment, earlier.c.leased_until >= moment),
    )


# made once: to put a statement together takes longer than to have it worked off
_MOMENT: Any = bindparam("moment", type_=Moment)
_TELL = insert(outbox)
_DUE = select(outbox.c.event_id).where(free(_MOMENT)).limit(1)
_NEXT = _DUE.where(or_(outbox.c.subject.is_(None), ~_earlier_held_up(_MOMENT))).order_by(outbox.c.event_id)
_CHOSEN = once(_NEXT.limit(bindparam("most", type_=Integer)))
_CLAIM = (
    update(outbox)
    .where(outbox.c.event_id.in_(select(_CHOSEN.c.event_id)))
    .values(leased_until=bindparam("until", type_=Moment))
    .returning(outbox.c.event_id, outbox.c.envelope)
)
_SENT = update(outbox).where(outbox.c.event_id.in_(bindparam("ids", expanding=True))).values(sent_at=_MOMENT, leased_until=None)
