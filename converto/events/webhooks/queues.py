"""All SQL of the queues: one for each endpoint, claimed by lease, settled by whoever still holds the lease."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from converto.events.webhooks.interface import DeliveryStatus, DisabledBecause
from converto.events.webhooks.models import DeliveryRow, WebhookRow


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint to which something is due."""

    tenant_id: UUID
    id: UUID
    url: str
    secrets: tuple[str, ...]
    """Sealed; the newest first."""
    failures: int
    """Attempts that failed in a row."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery leased to this process; only the holder of the lease can settle it."""

    endpoint: Endpoint
    id: UUID
    event_id: UUID
    body: str
    attempts: int
    failures: int
    tries: int
    lease: UUID
    is_probe: bool
    """Whether it tries out an endpoint that is otherwise left in peace."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How an endpoint has been doing."""

    failures: int
    failing_since: datetime


class Queues:
    """What is due to the endpoints of all tenants."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def is_anything_due(self, at: datetime) -> bool:
        """Return whether `waiting` would find anything."""
        return await self._session.scalar(select(WebhookRow.id).where(*_is_due(at)).limit(1)) is not None

    async def waiting(self, at: datetime) -> Sequence[Endpoint]:
        """Return the endpoints to which something is due, and which are neither disabled nor left in peace."""
        rows = await self._session.execute(select(*_SENT_WITH).where(*_is_due(at)))
        return [
            Endpoint(tenant_id=row.tenant_id, id=row.id, url=row.url, secrets=_in_force(row, at), failures=row.failures) for row in rows
        ]

    async def claim(self, endpoint: Endpoint, limit: int, *, at: datetime, lease_s: float, is_probe: bool) -> Sequence[Claim]:
        """Lease up to `limit` due deliveries of an endpoint, those that are due longest first. A probe keeps others from probing too."""
        lease, until = uuid4(), at + timedelta(seconds=lease_s)
        if is_probe and not await self._may_probe(endpoint, at, until):
            return ()
        # a common table expression, for PostgreSQL might run a plain subquery twice, and so lease more than the limit
        due = (
            select(DeliveryRow.id)
            .where(DeliveryRow.tenant_id == endpoint.tenant_id, DeliveryRow.webhook_id == endpoint.id, DeliveryRow.due_at <= at)
            .order_by(DeliveryRow.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        taken = (
            update(DeliveryRow)
            .where(DeliveryRow.tenant_id == endpoint.tenant_id, DeliveryRow.id.in_(select(due.c.id)))
            .values(due_at=until, lease=lease)
            .returning(
                DeliveryRow.id, DeliveryRow.event_id, DeliveryRow.body, DeliveryRow.attempts, DeliveryRow.failures, DeliveryRow.tries
            )
        )
        rows = await self._session.execute(taken, execution_options={"synchronize_session": False})
        return [
            Claim(
                endpoint=endpoint,
                id=row.id,
                event_id=row.event_id,
                body=row.body,
                attempts=row.attempts,
                failures=row.failures,
                tries=row.tries,
                lease=lease,
                is_probe=is_probe,
            )
            for row in rows
        ]

    async def _may_probe(self, endpoint: Endpoint, at: datetime, until: datetime) -> bool:
        """Leave an endpoint in peace while it is probed; False where another process is at it."""
        mine = update(WebhookRow).where(*_is(endpoint), _is_free(at)).values(paused_until=until).returning(WebhookRow.id)
        return (await self._session.scalar(mine)) is not None

    async def delivered(self, claims: Sequence[Claim], *, at: datetime) -> set[UUID]:
        """Settle deliveries that were taken; returns those whose lease was still held."""
        if not claims:
            return set()
        values = {"status": DeliveryStatus.DELIVERED, "delivered_at": at, "due_at": None, "lease": None}
        settled = (
            update(DeliveryRow)
            .where(DeliveryRow.tenant_id.in_({claim.endpoint.tenant_id for claim in claims}))
            .where(DeliveryRow.id.in_([claim.id for claim in claims]), DeliveryRow.lease.in_({claim.lease for claim in claims}))
            .values(attempts=DeliveryRow.attempts + 1, **values)
            .returning(DeliveryRow.id)
        )
        held = set(await self._session.scalars(settled, execution_options={"synchronize_session": False}))
        for endpoint in {claim.endpoint for claim in claims if claim.id in held and claim.endpoint.failures}:
            await self._set(endpoint, failures=0, failing_since=None, paused_until=None)
        return held

    async def failed(self, claim: Claim, *, due_at: datetime | None) -> bool:
        """Note a failed attempt, to be made again at a time or, with None, no more; False when the lease was lost."""
        values: Mapping[str, Any] = {
            "status": DeliveryStatus.PENDING if due_at is not None else DeliveryStatus.FAILED,
            "failures": DeliveryRow.failures + 1,
            "attempts": DeliveryRow.attempts + 1,
        }
        return await self._settle(claim, due_at=due_at, **values)

    async def release(self, claim: Claim, *, at: datetime) -> None:
        """Hand a delivery back, because this process stops; this was no attempt."""
        await self._settle(claim, due_at=at)
        if claim.is_probe:
            await self._set(claim.endpoint, paused_until=None)

    async def count_failure(self, claim: Claim, *, at: datetime) -> Standing | None:
        """Note that an endpoint failed. None where it is left in peace already: what was under way then says nothing new."""
        failed = (
            update(WebhookRow)
            .where(*_is(claim.endpoint), *([] if claim.is_probe else [_is_free(at)]))
            .values(failures=WebhookRow.failures + 1, failing_since=func.coalesce(WebhookRow.failing_since, at))
            .returning(WebhookRow.failures, WebhookRow.failing_since)
        )
        row = (await self._session.execute(failed, execution_options={"synchronize_session": False})).one_or_none()
        return None if row is None else Standing(row.failures, row.failing_since)

    async def pause(self, endpoint: Endpoint, *, until: datetime) -> None:
        """Send nothing to an endpoint before a moment."""
        await self._set(endpoint, paused_until=until)

    async def disable(self, endpoint: Endpoint, because: DisabledBecause, *, at: datetime) -> None:
        """Send nothing to an endpoint until its owner enables it again."""
        await self._set(endpoint, disabled_at=at, disabled_because=because)

    async def _settle(self, claim: Claim, **values: Any) -> bool:
        held = (DeliveryRow.tenant_id == claim.endpoint.tenant_id, DeliveryRow.id == claim.id, DeliveryRow.lease == claim.lease)
        settled = update(DeliveryRow).where(*held).values(lease=None, **values).returning(DeliveryRow.id)
        return (await self._session.scalar(settled, execution_options={"synchronize_session": False})) is not None

    async def _set(self, endpoint: Endpoint, **values: Any) -> None:
        await self._session.execute(
            update(WebhookRow).where(*_is(endpoint)).values(**values), execution_options={"synchronize_session": False}
        )


def _is(endpoint: Endpoint) -> tuple[ColumnElement[bool], ...]:
    return WebhookRow.tenant_id == endpoint.tenant_id, WebhookRow.id == endpoint.id


_SENT_WITH = (
    WebhookRow.tenant_id,
    WebhookRow.id,
    WebhookRow.url,
    WebhookRow.secret,
    WebhookRow.old_secret,
    WebhookRow.old_secret_until,
    WebhookRow.failures,
)


def _is_due(at: datetime) -> tuple[ColumnElement[bool], ...]:
    due = select(DeliveryRow.id).where(
        DeliveryRow.tenant_id == WebhookRow.tenant_id, DeliveryRow.webhook_id == WebhookRow.id, DeliveryRow.due_at <= at
    )
    return WebhookRow.disabled_at.is_(None), _is_free(at), due.exists()


def _is_free(at: datetime) -> ColumnElement[bool]:
    return or_(WebhookRow.paused_until.is_(None), WebhookRow.paused_until <= at)


def _in_force(row: Any, at: datetime) -> tuple[str, ...]:
    old = row.old_secret if row.old_secret is not None and row.old_secret_until is not None and row.old_secret_until > at else None
    return (row.secret,) if old is None else (row.secret, old)
