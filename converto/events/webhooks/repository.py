"""All SQL of endpoints and their deliveries, as their owners see them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from converto.events.webhooks.interface import DeliveryStatus, Replay
from converto.events.webhooks.models import AttemptRow, Base, DeliveryRow, WebhookRow
from converto.kernel.database import Database, changed, once

SHOWN_ATTEMPTS = 20
REPLAYED_AT_ONCE = 10_000
_UNSEEN = {"synchronize_session": False}
"""What is changed in bulk is not looked up among the rows that the session holds."""
_webhook: Final = Base.metadata.tables["webhook"].c
_delivery: Final = Base.metadata.tables["webhook_delivery"]
# what every event needs is built once: building costs as much as running
_LISTENING: Final = select(_webhook.tenant_id, _webhook.id, _webhook.event_types).where(
    _webhook.tenant_id.in_(bindparam("tenants", expanding=True)), _webhook.disabled_at.is_(None)
)
_ADD_SQLITE: Final = sqlite.insert(_delivery).on_conflict_do_nothing()
_ADD_POSTGRES: Final = postgresql.insert(_delivery).on_conflict_do_nothing()
_LOG: Final = insert(Base.metadata.tables["webhook_attempt"])


@dataclass(frozen=True, slots=True)
class Listener:
    """An endpoint and what it asked for."""

    tenant_id: UUID
    id: UUID
    event_types: Sequence[str]


class Endpoints:
    """The endpoints of a tenant."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def count(self, tenant_id: UUID) -> int:
        """Return how many endpoints a tenant has."""
        return await self._session.scalar(select(func.count()).select_from(WebhookRow).where(WebhookRow.tenant_id == tenant_id)) or 0

    async def add(self, row: WebhookRow, *, limit: int) -> bool:
        """Keep a new endpoint; False when there are so many already, or its place or its idempotency key was just taken."""
        taken = set(await self._session.scalars(select(WebhookRow.slot).where(WebhookRow.tenant_id == row.tenant_id)))
        if len(taken) >= limit:
            return False
        # of two who came at once both have chosen the same, and only one gets it: so there are never more than the limit
        row.slot = next(number for number in range(limit) if number not in taken)
        try:
            async with self._session.begin_nested():
                self._session.add(row)
        except IntegrityError:
            return False
        return True

    async def with_key(self, tenant_id: UUID, idempotency_key: str | None) -> WebhookRow | None:
        """Return the endpoint that was made under an idempotency key."""
        if idempotency_key is None:
            return None
        wanted = select(WebhookRow).where(WebhookRow.tenant_id == tenant_id, WebhookRow.idempotency_key == idempotency_key)
        return await self._session.scalar(wanted)

    async def get(self, tenant_id: UUID, webhook_id: UUID) -> WebhookRow | None:
        """Return one endpoint."""
        return await self._session.get(WebhookRow, (tenant_id, webhook_id))

    async def lock(self, tenant_id: UUID, webhook_id: UUID) -> WebhookRow | None:
        """Return one endpoint for a change: nobody else changes it before this transaction ends."""
        return await self._session.get(WebhookRow, (tenant_id, webhook_id), with_for_update=True)

    async def page(self, tenant_id: UUID, *, limit: int, after: UUID | None) -> Sequence[WebhookRow]:
        """Return up to `limit` endpoints, oldest first, that come after the given one."""
        query = select(WebhookRow).where(WebhookRow.tenant_id == tenant_id)
        if after is not None:
            query = query.where(WebhookRow.id > after)
        return (await self._session.scalars(query.order_by(WebhookRow.id).limit(limit))).all()

    async def listening(self, tenant_ids: Collection[UUID]) -> Sequence[Listener]:
        """Return the endpoints of several tenants that are sent anything."""
        rows = await self._session.execute(_LISTENING, {"tenants": list(tenant_ids)})
        return [Listener(row.tenant_id, row.id, row.event_types) for row in rows]

    async def remove(self, tenant_id: UUID, webhook_id: UUID) -> bool:
        """Forget an endpoint; False where there is none."""
        gone = delete(WebhookRow).where(WebhookRow.tenant_id == tenant_id, WebhookRow.id == webhook_id)
        return await changed(self._session, gone) == 1


class Deliveries:
    """What was sent to the endpoints of a tenant, or is on its way."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep deliveries; an event that an endpoint has already is ignored."""
        database: Database = self._session.info["database"]
        await self._session.execute(_ADD_SQLITE if database.is_sqlite else _ADD_POSTGRES, rows)

    async def get(self, tenant_id: UUID, webhook_id: UUID, *, delivery_id: UUID) -> DeliveryRow | None:
        """Return one delivery of an endpoint."""
        row = await self._session.get(DeliveryRow, (tenant_id, delivery_id))
        return row if row is not None and row.webhook_id == webhook_id else None

    async def page(
        self, tenant_id: UUID, webhook_id: UUID, *, status: DeliveryStatus | None, limit: int, after: UUID | None
    ) -> Sequence[DeliveryRow]:
        """Return up to `limit` deliveries of an endpoint, newest first, that come after the given one."""
        query = select(DeliveryRow).where(DeliveryRow.tenant_id == tenant_id, DeliveryRow.webhook_id == webhook_id)
        if status is not None:
            query = query.where(DeliveryRow.status == status)
        if after is not None:
            query = query.where(DeliveryRow.id < after)
        return (await self._session.scalars(query.order_by(DeliveryRow.id.desc()).limit(limit))).all()

    async def attempts(self, tenant_id: UUID, delivery_ids: Collection[UUID]) -> Sequence[AttemptRow]:
        """Return the newest attempts at some deliveries, oldest first."""
        of = (AttemptRow.tenant_id == DeliveryRow.tenant_id) & (AttemptRow.delivery_id == DeliveryRow.id)
        query = (
            select(AttemptRow)
            .join(DeliveryRow, of)
            .where(AttemptRow.tenant_id == tenant_id, AttemptRow.delivery_id.in_(delivery_ids))
            .where(AttemptRow.number > DeliveryRow.attempts - SHOWN_ATTEMPTS)
        )
        return (await self._session.scalars(query.order_by(AttemptRow.id))).all()

    async def replay(self, tenant_id: UUID, webhook_id: UUID, *, delivery_id: UUID, at: datetime) -> None:
        """Have a delivery sent anew; one that is under way is left alone."""
        await self._session.execute(
            update(DeliveryRow)
            .where(DeliveryRow.tenant_id == tenant_id, DeliveryRow.webhook_id == webhook_id, DeliveryRow.id == delivery_id)
            .where(DeliveryRow.lease.is_(None) | (DeliveryRow.due_at <= at))
            .values(_anew(at))
        )

    async def replay_range(self, tenant_id: UUID, webhook_id: UUID, *, wanted: Replay, at: datetime) -> int:
        """Have what was queued within a time sent anew, the oldest first; returns how many."""
        chosen = (
            select(DeliveryRow.id)
            .where(DeliveryRow.tenant_id == tenant_id, DeliveryRow.webhook_id == webhook_id)
            .where(DeliveryRow.created_at >= wanted.since, DeliveryRow.created_at < wanted.until)
            .where(DeliveryRow.lease.is_(None), DeliveryRow.body.is_not(None))
        )
        if wanted.status is not None:
            chosen = chosen.where(DeliveryRow.status == wanted.status)
        ids = once(chosen.order_by(DeliveryRow.id).limit(REPLAYED_AT_ONCE))
        anew = update(DeliveryRow).where(DeliveryRow.tenant_id == tenant_id, DeliveryRow.id.in_(select(ids.c.id)))
        # counted from what comes back: SQLite's driver does not count what begins with a common table expression
        changed = await self._session.scalars(anew.values(_anew(at)).returning(DeliveryRow.id), execution_options=_UNSEEN)
        return len(changed.all())

    async def remove_of(self, tenant_id: UUID, webhook_id: UUID, *, limit: int) -> int:
        """Forget up to `limit` deliveries of an endpoint; returns how many."""
        old = select(DeliveryRow.tenant_id, DeliveryRow.id).where(DeliveryRow.tenant_id == tenant_id, DeliveryRow.webhook_id == webhook_id)
        return await self._remove((await self._session.execute(old.limit(limit))).all())

    async def remove_older(self, before: datetime, *, limit: int) -> int:
        """Forget up to `limit` deliveries of all tenants that were queued before a moment; returns how many."""
        old = select(DeliveryRow.tenant_id, DeliveryRow.id).where(DeliveryRow.created_at < before).order_by(DeliveryRow.created_at)
        return await self._remove((await self._session.execute(old.limit(limit))).all())

    async def _remove(self, rows: Sequence[Any]) -> int:
        if rows:
            keys = [(row.tenant_id, row.id) for row in rows]
            await self._session.execute(delete(AttemptRow).where(tuple_(AttemptRow.tenant_id, AttemptRow.delivery_id).in_(keys)))
            await self._session.execute(delete(DeliveryRow).where(tuple_(DeliveryRow.tenant_id, DeliveryRow.id).in_(keys)))
        return len(rows)

    async def log(self, attempts: Sequence[Mapping[str, Any]]) -> None:
        """Keep what came of attempts."""
        if attempts:
            await self._session.execute(_LOG, attempts)


def _anew(at: datetime) -> dict[str, Any]:
    return {"status": DeliveryStatus.PENDING, "due_at": at, "lease": None, "failures": 0, "delivered_at": None}
