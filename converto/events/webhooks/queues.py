"""All SQL of the queues: one for each endpoint, claimed by lease, settled by whoever still holds the lease.

Statements that every round makes are built once: building costs as much as running them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import BindParameter, ColumnElement, bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from converto.events.webhooks.interface import DeliveryStatus
from converto.events.webhooks.models import Base
from converto.events.webhooks.standing import Standing
from converto.kernel.database import once

_webhook: Final = Base.metadata.tables["webhook"]
_delivery: Final = Base.metadata.tables["webhook_delivery"]
_w, _d = _webhook.c, _delivery.c
_at: Final[BindParameter[datetime]] = bindparam("at")
_free: Final = or_(_w.paused_until.is_(None), _w.paused_until <= _at)
_due: Final = (_d.due_at <= _at, _d.tenant_id == _w.tenant_id, _d.webhook_id == _w.id)
_has_due: Final = (_w.disabled_at.is_(None), _free, select(_d.id).where(*_due).exists())

_ANYTHING: Final = select(_w.id).where(*_has_due).limit(1)
_WAITING: Final = select(_w.tenant_id, _w.id, _w.url, _w.secret, _w.old_secret, _w.old_secret_until, _w.failures).where(*_has_due)
_chosen: Final = once(
    select(_d.id)
    .where(_d.tenant_id == bindparam("tenant"), _d.webhook_id == bindparam("webhook"), _d.due_at <= _at)
    .order_by(_d.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_CLAIM: Final = (
    update(_delivery)
    .where(_d.tenant_id == bindparam("tenant"), _d.id.in_(select(_chosen.c.id)))
    .values(due_at=bindparam("until"), lease=bindparam("token"))
    .returning(_d.id, _d.event_id, _d.body, _d.attempts, _d.failures, _d.tries)
)
_held: Final = (
    _d.tenant_id.in_(bindparam("tenants", expanding=True)),
    _d.id.in_(bindparam("ids", expanding=True)),
    _d.lease.in_(bindparam("tokens", expanding=True)),
)
_DELIVERED: Final = (
    update(_delivery)
    .where(*_held)
    .values(status=DeliveryStatus.DELIVERED, delivered_at=_at, due_at=None, lease=None, attempts=_d.attempts + 1)
    .returning(_d.id)
)
_HELD: Final = select(_d.id).where(*_held).order_by(_d.id).with_for_update()
_FAILED: Final = (
    update(_delivery)
    .where(_d.tenant_id == bindparam("tenant"), _d.id == bindparam("delivery"))
    .values(status=bindparam("now_is"), due_at=bindparam("again_at"), lease=None, failures=_d.failures + 1, attempts=_d.attempts + 1)
)
_STANDINGS: Final = (
    select(_w.tenant_id, _w.id, _w.failures, _w.failing_since, _w.paused_until, _w.disabled_at, _w.disabled_because)
    .where(_w.tenant_id.in_(bindparam("tenants", expanding=True)), _w.id.in_(bindparam("endpoints", expanding=True)))
    .order_by(_w.id)  # in one order everywhere, so that two processes never wait for each other
    .with_for_update()
)
_STAND: Final = (
    update(_webhook)
    .where(_w.tenant_id == bindparam("tenant"), _w.id == bindparam("endpoint"))
    .values(
        failures=bindparam("so_many"),
        failing_since=bindparam("since"),
        paused_until=bindparam("until"),
        disabled_at=bindparam("off_at"),
        disabled_because=bindparam("because"),
    )
)

EndpointKey = tuple[UUID, UUID]
"""A tenant and a webhook of it."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint to which something is due."""

    tenant_id: UUID
    id: UUID
    url: str
    secrets: tuple[str, ...]
    """Sealed; the newest first."""
    failures: int
    """Attempts that failed in a row, when it was claimed from."""

    @property
    def key(self) -> EndpointKey:
        """What it is known by, whatever else has changed since."""
        return self.tenant_id, self.id


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
class Failure:
    """A claim that was not taken."""

    claim: Claim
    due_at: datetime | None
    """When it is tried again; None when it is given up."""


class Queues:
    """What is due to the endpoints of all tenants."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def is_anything_due(self, at: datetime) -> bool:
        """Return whether `waiting` would find anything."""
        return await self._session.scalar(_ANYTHING, {"at": at}) is not None

    async def waiting(self, at: datetime) -> Sequence[Endpoint]:
        """Return the endpoints to which something is due, and which are neither disabled nor left in peace."""
        rows = await self._session.execute(_WAITING, {"at": at})
        return [
            Endpoint(tenant_id=row.tenant_id, id=row.id, url=row.url, secrets=_in_force(row, at), failures=row.failures) for row in rows
        ]

    async def claim(self, endpoint: Endpoint, limit: int, *, at: datetime, lease_s: float, is_probe: bool) -> Sequence[Claim]:
        """Lease up to `limit` due deliveries of an endpoint, those that are due longest first. A probe keeps others from probing too."""
        lease, until = uuid4(), at + timedelta(seconds=lease_s)
        if is_probe and not await self._may_probe(endpoint, at, until):
            return ()
        which = {"tenant": endpoint.tenant_id, "webhook": endpoint.id, "at": at, "most": limit}
        rows = await self._session.execute(_CLAIM, {**which, "until": until, "token": lease})
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
        mine = update(_webhook).where(*_is(endpoint), _free).values(paused_until=until).returning(_w.id)
        return (await self._session.scalar(mine, {"at": at})) is not None

    async def delivered(self, claims: Sequence[Claim], *, at: datetime) -> set[UUID]:
        """Settle deliveries that were taken; returns those whose lease was still held."""
        if not claims:
            return set()
        held = set(await self._session.scalars(_DELIVERED, {**_which(claims), "at": at}))
        recovered = {claim.endpoint for claim in claims if claim.id in held and claim.endpoint.failures}
        for endpoint in sorted(recovered, key=lambda endpoint: endpoint.id):
            await self._set(endpoint, failures=0, failing_since=None, paused_until=None)
        return held

    async def failed(self, failures: Sequence[Failure]) -> set[UUID]:
        """Settle deliveries that were not taken; returns those whose lease was still held."""
        held = set(await self._session.scalars(_HELD, _which([failure.claim for failure in failures])))
        settled = [
            {
                "tenant": failure.claim.endpoint.tenant_id,
                "delivery": failure.claim.id,
                "now_is": DeliveryStatus.PENDING if failure.due_at is not None else DeliveryStatus.FAILED,
                "again_at": failure.due_at,
            }
            for failure in failures
            if failure.claim.id in held
        ]
        if settled:
            await self._session.execute(_FAILED, settled)
        return held

    async def release(self, claim: Claim, *, at: datetime) -> None:
        """Hand a delivery back, because this process stops; this was no attempt."""
        mine = (_d.tenant_id == claim.endpoint.tenant_id, _d.id == claim.id, _d.lease == claim.lease)
        await self._session.execute(update(_delivery).where(*mine).values(lease=None, due_at=at))
        if claim.is_probe:
            await self._set(claim.endpoint, paused_until=None)

    async def standings(self, endpoints: Collection[EndpointKey]) -> dict[EndpointKey, Standing]:
        """Return how endpoints stand, those that are still there; nobody else changes them before this transaction ends."""
        if not endpoints:
            return {}
        which = {"tenants": list({tenant_id for tenant_id, _ in endpoints}), "endpoints": [webhook_id for _, webhook_id in endpoints]}
        rows = await self._session.execute(_STANDINGS, which)
        return {
            (row.tenant_id, row.id): Standing(row.failures, row.failing_since, row.paused_until, row.disabled_at, row.disabled_because)
            for row in rows
        }

    async def stand(self, standings: Mapping[EndpointKey, Standing]) -> None:
        """Keep how endpoints stand from now on."""
        kept = [
            {
                "tenant": tenant_id,
                "endpoint": webhook_id,
                "so_many": standing.failures,
                "since": standing.failing_since,
                "until": standing.paused_until,
                "off_at": standing.disabled_at,
                "because": standing.disabled_because,
            }
            for (tenant_id, webhook_id), standing in standings.items()
        ]
        if kept:
            await self._session.execute(_STAND, kept)

    async def _set(self, endpoint: Endpoint, **values: Any) -> None:
        await self._session.execute(update(_webhook).where(*_is(endpoint)).values(**values))


def _is(endpoint: Endpoint) -> tuple[ColumnElement[bool], ...]:
    return _w.tenant_id == endpoint.tenant_id, _w.id == endpoint.id


def _which(claims: Sequence[Claim]) -> dict[str, Any]:
    return {
        "tenants": list({claim.endpoint.tenant_id for claim in claims}),
        "ids": [claim.id for claim in claims],
        "tokens": list({claim.lease for claim in claims}),
    }


def _in_force(row: Any, at: datetime) -> tuple[str, ...]:
    old = row.old_secret if row.old_secret is not None and row.old_secret_until is not None and row.old_secret_until > at else None
    return (row.secret,) if old is None else (row.secret, old)
