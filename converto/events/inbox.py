"""The inbox: what a subscriber was told, kept until it is handled and remembered afterwards, so that a second copy is known."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any
from uuid import UUID, uuid4

from pydantic import ValidationError
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    Uuid,
    and_,
    bindparam,
    delete,
    exists,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningUpdate

from converto.events.tables import inbox
from converto.events.turns import Turns
from converto.kernel.clock import now
from converto.kernel.columns import Moment
from converto.kernel.database import Database, after_commit, changed, once, take_turns
from converto.kernel.event import Envelope

CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Held:
    """An event under a lease: only whoever holds this can settle it."""

    subscriber: str
    event_id: UUID
    lease: UUID


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event leased to one consumer."""

    held: Held
    envelope: Envelope
    attempt: int
    """How often it has been claimed, this time included."""
    failures: int
    """How often its handler has failed."""

    @property
    def deaths(self) -> int:
        """How often it was claimed and never settled: its process ended, or lost the lease."""
        return self.attempt - 1 - self.failures


class Inbox:
    """What waits for the subscribers of one module."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._database: Database = session.info["database"]

    async def accept(self, subscriber: str, envelopes: Sequence[Envelope]) -> None:
        """Keep events for a subscriber; one that it already has, handled or not, is ignored."""
        if not envelopes:
            return
        moment = now()
        turns = await Turns.of(self._session, subscriber, envelopes)
        rows = [
            {
                "subscriber": subscriber,
                "event_id": envelope.id,
                "tenant_id": envelope.tenant_id,
                "type": envelope.type,
                "subject": envelope.subject,
                "envelope": envelope.model_dump(mode="json"),
                "received_at": moment,
                "turn": turns.next(envelope),
                "priority": envelope.priority,
                "due_at": moment,
            }
            for envelope in envelopes
        ]
        await self._session.execute(_KEEP_IN_SQLITE if self._database.is_sqlite else _KEEP_IN_POSTGRESQL, rows)
        after_commit(self._session, partial(self._database.received.ring, subscriber))

    async def has_due(self, subscriber: str, *, but_of: UUID | None = None) -> bool:
        """Return whether something may be claimed now, but for order, of whatever tenant or of any but one."""
        given = {"subscribers": (subscriber,), "moment": now(), "but_of": but_of}
        return await self._session.scalar(_due(is_but_of=but_of is not None), given) is not None

    async def claim(
        self,
        subscriber: str,
        limit: int,
        *,
        lease_s: float,
        ordered: bool = False,
        alone_after: int | None = None,
        but_of: UUID | None = None,
    ) -> Sequence[Delivery]:
        """Lease up to `limit` due events of a subscriber to the caller; each claim counts as an attempt.

        Tenants take turns, and within a tenant the higher priority goes first, then the older. With `ordered`, an event waits until
        those about the same subject that came before it are handled or dead. One that has died `alone_after` times comes alone. Events
        of the tenant `but_of` are left where they are.
        """
        moment, lease = now(), uuid4()
        if ordered:
            await take_turns(self._session, f"inbox:{subscriber}")
        given = {"subscriber_is": subscriber, "subscribers": (subscriber,), "moment": moment, "but_of": but_of, "most": limit}
        given |= {"until": moment + timedelta(seconds=lease_s), "new_lease": lease}
        claimed = await self._session.execute(_claiming(ordered=ordered, is_but_of=but_of is not None), given)
        rows = sorted(claimed, key=lambda row: (row.turn, -row.priority, row.event_id))
        deliveries = []
        for row in rows:
            held = Held(subscriber, row.event_id, lease)
            try:
                envelope = Envelope.model_validate(row.envelope)
            except ValidationError as error:  # it would stop all that follow
                await self.bury(held, f"unreadable: {error}"[:2000])
            else:
                deliveries.append(Delivery(held, envelope, attempt=row.attempts, failures=row.failures))
        return deliveries if alone_after is None else await self._without_suspects(deliveries, alone_after)

    async def _without_suspects(self, deliveries: Sequence[Delivery], deaths: int) -> Sequence[Delivery]:
        """Put back whatever is not to be claimed together with one that may end its process: the others would count that death, too."""
        suspect = next((place for place, delivery in enumerate(deliveries) if delivery.deaths >= deaths), None)
        if suspect is None:
            return deliveries
        together = max(1, suspect)  # those before it, or it alone
        await self.release(*(delivery.held for delivery in deliveries[together:]))
        return deliveries[:together]

    async def renew(self, held: Iterable[Held], *, lease_s: float) -> set[Held]:
        """Hold on to events that are still being handled; returns those that are lost, to another or because they were cancelled."""
        return await self._settle(held, _RENEWED, until=now() + timedelta(seconds=lease_s))

    async def handled(self, *held: Held) -> set[Held]:
        """Mark events as handled; returns those whose lease was lost, which stay as they are."""
        return await self._settle(held, _HANDLED, moment=now())

    async def retry(self, held: Held, error: str, *, delay_s: float) -> bool:
        """Have an event handled again later, for it has failed; False when the lease was lost."""
        return not await self._settle([held], _FAILED, moment=now() + timedelta(seconds=delay_s), error=error)

    async def bury(self, held: Held, error: str) -> bool:
        """Give up on an event: it lies with the dead ones until somebody retries or purges it; False when the lease was lost."""
        return not await self._settle([held], _BURIED, moment=now(), error=error)

    async def release(self, *held: Held) -> set[Held]:
        """Hand events back unhandled, because this process stops: this was no attempt. Returns those whose lease was lost."""
        after_commit(self._session, self._database.received.ring)
        return await self._settle(held, _RELEASED, moment=now())

    async def cancel(self, subscriber: str, subject: str) -> int:
        """End what waits and what is being handled about a subject: the handler is cancelled, wherever it runs. Returns how many."""
        after_commit(self._session, self._database.cancelled.ring)
        ended = update(inbox).where(inbox.c.subscriber == subscriber, inbox.c.subject == subject, inbox.c.due_at.is_not(None))
        return await changed(self._session, ended.values(**_FREED, due_at=None, handled_at=now(), last_error=CANCELLED))

    async def purge(self, *, handled_before: datetime, limit: int = 1000) -> int:
        """Forget up to `limit` events handled before a moment, and return how many; a copy that comes later still is handled again."""
        old = select(inbox.c.subscriber, inbox.c.event_id).where(inbox.c.handled_at < handled_before).limit(limit)
        return await changed(self._session, delete(inbox).where(tuple_(inbox.c.subscriber, inbox.c.event_id).in_(old)))

    async def _settle(self, held: Iterable[Held], statement: ReturningUpdate[Any], **given: Any) -> set[Held]:
        """Change the rows under these leases; returns those whose lease is not there any more."""
        left = set(held)
        for subscriber in {one.subscriber for one in left}:
            leases = {one.event_id: one.lease for one in left if one.subscriber == subscriber}
            about = {"subscriber_is": subscriber, "ids": list(leases), "leases": list(leases.items())}
            for event_id in await self._session.scalars(statement, {**given, **about}):
                left.discard(Held(subscriber, event_id, leases[event_id]))
        return left


def free_for(moment: ColumnElement[datetime], subscribers: Sequence[str] | BindParameter[str]) -> ColumnElement[bool]:
    """Return whether an event of one of these subscribers may be claimed, but for order."""
    return and_(
        inbox.c.subscriber.in_(subscribers),
        inbox.c.due_at <= moment,
        or_(inbox.c.leased_until.is_(None), inbox.c.leased_until < moment),
    )


def _not_of(tenant_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    # as two ranges, each of which an index finds: an inequality would go through all that this tenant has waiting
    return or_(inbox.c.tenant_id < tenant_id, inbox.c.tenant_id > tenant_id)


def _earlier_of_its_subject() -> ColumnElement[bool]:
    earlier = inbox.alias("earlier")
    return exists().where(
        earlier.c.subscriber == inbox.c.subscriber,
        earlier.c.subject == inbox.c.subject,
        earlier.c.event_id < inbox.c.event_id,
        earlier.c.due_at.is_not(None),
    )


# Statements are made once: to put one together takes longer than to have it worked off.

_MOMENT: Any = bindparam("moment", type_=Moment)
_UNTIL: Any = bindparam("until", type_=Moment)
_FREED: dict[str, Any] = {"leased_until": None, "lease": None}


def _keeping(insert: Any) -> Any:
    # a handled event that comes again is remembered for as long again: whoever sent it may send it once more until then
    kept = insert(inbox)
    again = {"handled_at": kept.excluded.received_at}
    return kept.on_conflict_do_update(index_elements=inbox.primary_key.columns, set_=again, where=inbox.c.handled_at.is_not(None))


_KEEP_IN_SQLITE, _KEEP_IN_POSTGRESQL = _keeping(sqlite.insert), _keeping(postgresql.insert)


@cache
def _due(*, is_but_of: bool) -> Select[Any]:
    others = _not_of(bindparam("but_of", type_=Uuid)) if is_but_of else true()
    return select(inbox.c.event_id).where(free_for(_MOMENT, bindparam("subscribers", expanding=True)), others).limit(1)


@cache
def _claiming(*, ordered: bool, is_but_of: bool) -> ReturningUpdate[Any]:
    wanted = _due(is_but_of=is_but_of)
    if ordered:
        wanted = wanted.where(~_earlier_of_its_subject())
    line = (inbox.c.turn, inbox.c.priority.desc(), inbox.c.event_id)
    chosen = once(wanted.order_by(*line).limit(bindparam("most", type_=Integer)).with_for_update(skip_locked=True))
    return (
        update(inbox)
        .where(inbox.c.subscriber == bindparam("subscriber_is"), inbox.c.event_id.in_(select(chosen.c.event_id)))
        .values(attempts=inbox.c.attempts + 1, leased_until=_UNTIL, lease=bindparam("new_lease", type_=Uuid))
        .returning(inbox.c.turn, inbox.c.priority, inbox.c.event_id, inbox.c.envelope, inbox.c.attempts, inbox.c.failures)
    )


def _settling(**values: Any) -> ReturningUpdate[Any]:
    # the ids once more: PostgreSQL finds rows by an index for them, and for the pairs only by trying one after another
    ids = inbox.c.event_id.in_(bindparam("ids", expanding=True))
    pairs = tuple_(inbox.c.event_id, inbox.c.lease).in_(bindparam("leases", expanding=True))
    changed = update(inbox).where(inbox.c.subscriber == bindparam("subscriber_is"), ids, pairs)
    return changed.values(**values).returning(inbox.c.event_id)  # the lease as it was: RETURNING gives a row as it is after the change


_RENEWED = _settling(leased_until=_UNTIL)
_HANDLED = _settling(**_FREED, due_at=None, handled_at=_MOMENT, last_error=None)
_FAILED = _settling(**_FREED, due_at=_MOMENT, failures=inbox.c.failures + 1, last_error=bindparam("error"))
_BURIED = _settling(**_FREED, due_at=None, failures=inbox.c.failures + 1, dead_at=_MOMENT, last_error=bindparam("error"))
_RELEASED = _settling(**_FREED, due_at=_MOMENT, attempts=inbox.c.attempts - 1)
