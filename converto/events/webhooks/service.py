"""Keeps endpoints, and queues what they are to be sent."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from converto.events.webhooks.interface import (
    LONGEST_OVERLAP_S,
    Attempt,
    BadWebhookUrl,
    Delivery,
    DeliveryStatus,
    DeliveryTooLarge,
    DisabledBecause,
    NewWebhook,
    Replay,
    Replayed,
    TooManyWebhooks,
    UnknownDelivery,
    UnknownWebhook,
    Webhook,
    WebhookChanges,
    WebhookDisabled,
    WebhookKeyReused,
    Webhooks,
    WebhookStatus,
    WebhookWithSecret,
)
from converto.events.webhooks.models import AttemptRow, DeliveryRow, WebhookRow
from converto.events.webhooks.payload import body, trial
from converto.events.webhooks.repository import Deliveries, Endpoints
from converto.events.webhooks.schedule import TRIES
from converto.events.webhooks.seal import Seal, WrongKey
from converto.events.webhooks.sender import Sender
from converto.events.webhooks.settings import WebhooksSettings
from converto.events.webhooks.signature import new_secret
from converto.kernel.actor import Actor
from converto.kernel.bell import Bell
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database, after_commit
from converto.kernel.event import Envelope
from converto.kernel.outgoing.guard import Guard, Refused
from converto.kernel.paging import Page, after
from converto.kernel.paid_work import PaidWork

READ, WRITE = "events:read", "events:write"
REMOVED_AT_ONCE = 500
OF_A_PLAN = "webhooks"
_CLEAN: Mapping[str, Any] = {"failures": 0, "failing_since": None, "paused_until": None}


class WebhooksService(Webhooks):
    """The rows of endpoints and deliveries; the sending itself is the dispatcher's."""

    def __init__(
        self,
        database: Database,
        *,
        guard: Guard,
        sender: Sender,
        seal: Seal,
        settings: WebhooksSettings,
        queued: Bell,
        paid_work: PaidWork,
    ) -> None:
        self._database = database
        self._guard = guard
        self._sender = sender
        self._seal = seal
        self._settings = settings
        self._queued = queued
        self._paid_work = paid_work

    async def create(self, actor: Actor, wanted: NewWebhook, *, idempotency_key: str | None = None) -> WebhookWithSecret:
        """See `Webhooks.create`."""
        actor.require(WRITE)
        await self._check_url(wanted.url)
        await self._seal.ready()
        secret, moment, webhook_id = new_secret(), now(), new_id()
        row = WebhookRow(
            tenant_id=actor.tenant_id,
            id=webhook_id,
            url=wanted.url,
            description=wanted.description,
            event_types=list(wanted.event_types),
            secret=self._seal.close(secret, of=str(webhook_id)),
            idempotency_key=idempotency_key,
            fingerprint=hashlib.sha256(wanted.model_dump_json().encode()).hexdigest(),
            failures=0,
            created_at=moment,
            updated_at=moment,
        )
        known = await self._keep(actor, row)
        if known is None:
            return _with_secret(row, secret)
        if known.fingerprint != row.fingerprint:
            raise WebhookKeyReused
        try:
            return _with_secret(known, self._seal.open(known.secret, of=str(known.id)))
        except WrongKey:  # the installation has another secret since
            raise WebhookKeyReused from None

    async def webhooks(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[Webhook]:
        """See `Webhooks.webhooks`."""
        actor.require(READ)
        async with self._database.reading() as session:
            rows = await Endpoints(session).page(actor.tenant_id, limit=limit + 1, after=after(cursor))
        return Page[Webhook].of([_webhook(row) for row in rows], limit, cursor=lambda webhook: webhook.id)

    async def webhook(self, actor: Actor, webhook_id: UUID) -> Webhook:
        """See `Webhooks.webhook`."""
        actor.require(READ)
        async with self._database.reading() as session:
            return _webhook(_known(await Endpoints(session).get(actor.tenant_id, webhook_id), webhook_id))

    async def change(self, actor: Actor, webhook_id: UUID, *, changes: WebhookChanges) -> Webhook:
        """See `Webhooks.change`."""
        actor.require(WRITE)
        if changes.url is not None:
            await self._check_url(changes.url)
        new = changes.model_dump(exclude_none=True)
        async with self._database.writing() as session:
            row = _known(await Endpoints(session).lock(actor.tenant_id, webhook_id), webhook_id)
            if changes.url not in (None, row.url):
                new |= _CLEAN
            _set(row, {**new, "event_types": list(changes.event_types or row.event_types), "updated_at": now()})
            after_commit(session, self._queued.ring)
        return _webhook(row)

    async def delete(self, actor: Actor, webhook_id: UUID) -> None:
        """See `Webhooks.delete`."""
        actor.require(WRITE)
        async with self._database.writing() as session:
            if not await Endpoints(session).remove(actor.tenant_id, webhook_id):
                raise UnknownWebhook(webhook_id=str(webhook_id))
        removed = REMOVED_AT_ONCE
        while removed == REMOVED_AT_ONCE:  # in slices, so that nobody waits long for the database
            async with self._database.writing() as session:
                removed = await Deliveries(session).remove_of(actor.tenant_id, webhook_id, limit=REMOVED_AT_ONCE)

    async def disable(self, actor: Actor, webhook_id: UUID) -> Webhook:
        """See `Webhooks.disable`."""
        actor.require(WRITE)
        async with self._database.writing() as session:
            row = _known(await Endpoints(session).lock(actor.tenant_id, webhook_id), webhook_id)
            if row.disabled_at is None:
                _set(row, {"disabled_at": now(), "disabled_because": DisabledBecause.ASKED, "updated_at": now()})
        return _webhook(row)

    async def enable(self, actor: Actor, webhook_id: UUID) -> Webhook:
        """See `Webhooks.enable`."""
        actor.require(WRITE)
        async with self._database.writing() as session:
            row = _known(await Endpoints(session).lock(actor.tenant_id, webhook_id), webhook_id)
            _set(row, {**_CLEAN, "disabled_at": None, "disabled_because": None, "updated_at": now()})
            after_commit(session, self._queued.ring)
        return _webhook(row)

    async def rotate_secret(self, actor: Actor, webhook_id: UUID, *, overlap_s: int = 86_400) -> WebhookWithSecret:
        """See `Webhooks.rotate_secret`."""
        actor.require(WRITE)
        await self._seal.ready()
        secret, moment = new_secret(), now()
        until = moment + timedelta(seconds=min(max(0, overlap_s), LONGEST_OVERLAP_S))
        async with self._database.writing() as session:
            row = _known(await Endpoints(session).lock(actor.tenant_id, webhook_id), webhook_id)
            old = (row.secret, until) if until > moment else (None, None)
            row.old_secret, row.old_secret_until = old
            row.secret, row.updated_at = self._seal.close(secret, of=str(webhook_id)), moment
        return _with_secret(row, secret)

    async def test(self, actor: Actor, webhook_id: UUID) -> Delivery:
        """See `Webhooks.test`."""
        actor.require(WRITE)
        async with self._database.writing() as session:
            row = _enabled(_known(await Endpoints(session).get(actor.tenant_id, webhook_id), webhook_id))
            (queued,) = self._deliveries(trial(actor.tenant_id, row.id), [row.id], tries=1)
            await Deliveries(session).add([queued])
            after_commit(session, self._queued.ring)
        return _delivery(DeliveryRow(**queued))

    async def deliveries(
        self, actor: Actor, webhook_id: UUID, *, status: DeliveryStatus | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[Delivery]:
        """See `Webhooks.deliveries`."""
        actor.require(READ)
        async with self._database.reading() as session:
            _known(await Endpoints(session).get(actor.tenant_id, webhook_id), webhook_id)
            deliveries = Deliveries(session)
            rows = await deliveries.page(actor.tenant_id, webhook_id, status=status, limit=limit + 1, after=after(cursor))
            attempts = await deliveries.attempts(actor.tenant_id, [row.id for row in rows])
        return Page[Delivery].of([_delivery(row, attempts) for row in rows], limit, cursor=lambda delivery: delivery.id)

    async def delivery(self, actor: Actor, webhook_id: UUID, *, delivery_id: UUID) -> Delivery:
        """See `Webhooks.delivery`."""
        actor.require(READ)
        async with self._database.reading() as session:
            _known(await Endpoints(session).get(actor.tenant_id, webhook_id), webhook_id)
            row = await Deliveries(session).get(actor.tenant_id, webhook_id, delivery_id=delivery_id)
            if row is None:
                raise UnknownDelivery(delivery_id=str(delivery_id))
            return _delivery(row, await Deliveries(session).attempts(actor.tenant_id, [delivery_id]))

    async def replay(self, actor: Actor, webhook_id: UUID, *, delivery_id: UUID) -> Delivery:
        """See `Webhooks.replay`."""
        actor.require(WRITE)
        async with self._database.writing() as session:
            _enabled(_known(await Endpoints(session).get(actor.tenant_id, webhook_id), webhook_id))
            deliveries = Deliveries(session)
            row = await deliveries.get(actor.tenant_id, webhook_id, delivery_id=delivery_id)
            if row is None:
                raise UnknownDelivery(delivery_id=str(delivery_id))
            if row.body is None:
                raise DeliveryTooLarge(max_bytes=self._settings.max_body_bytes)
            await deliveries.replay(actor.tenant_id, webhook_id, delivery_id=delivery_id, at=now())
            await session.refresh(row)
            attempts = await deliveries.attempts(actor.tenant_id, [delivery_id])
            after_commit(session, self._queued.ring)
        return _delivery(row, attempts)

    async def replay_range(self, actor: Actor, webhook_id: UUID, *, wanted: Replay) -> Replayed:
        """See `Webhooks.replay_range`."""
        actor.require(WRITE)
        async with self._database.writing() as session:
            _enabled(_known(await Endpoints(session).get(actor.tenant_id, webhook_id), webhook_id))
            count = await Deliveries(session).replay_range(actor.tenant_id, webhook_id, wanted=wanted, at=now())
            after_commit(session, self._queued.ring)
        return Replayed(replayed=count)

    async def enqueue(self, envelopes: Sequence[Envelope]) -> None:
        """Queue events for the endpoints of their tenants that asked for them; one that is queued already is known by its id."""
        async with self._database.across_tenants.reading() as session:
            endpoints = await Endpoints(session).listening({envelope.tenant_id for envelope in envelopes})
        rows: list[dict[str, Any]] = []
        for envelope in envelopes:
            mine = [endpoint for endpoint in endpoints if endpoint.tenant_id == envelope.tenant_id]
            wanted = [endpoint.id for endpoint in mine if is_wanted(envelope.type, endpoint.event_types)]
            rows += self._deliveries(envelope, wanted, tries=TRIES)
        if not rows:
            return
        async with self._database.across_tenants.writing() as session:
            await Deliveries(session).add(rows)
            after_commit(session, self._queued.ring)

    def _deliveries(self, envelope: Envelope, webhook_ids: Sequence[UUID], *, tries: int) -> list[dict[str, Any]]:
        """Return the rows of an event's deliveries, with one body for all."""
        if not webhook_ids:
            return []
        posted, moment = body(envelope), now()
        fits = len(posted.encode()) <= self._settings.max_body_bytes
        row = {
            "tenant_id": envelope.tenant_id,
            "event_id": envelope.id,
            "event_type": envelope.type,
            "body": posted if fits else None,
            "status": DeliveryStatus.PENDING if fits else DeliveryStatus.FAILED,
            "due_at": moment if fits else None,
            "attempts": 0,
            "failures": 0,
            "tries": tries,
            "created_at": moment,
        }
        return [{**row, "id": new_id(), "webhook_id": webhook_id} for webhook_id in webhook_ids]

    async def _keep(self, actor: Actor, row: WebhookRow) -> WebhookRow | None:
        """Keep an endpoint; returns the one that has its idempotency key already, if there is one.

        Raises TooManyWebhooks, and LimitReached where the plan holds no more.
        """
        while True:  # each further round means that somebody else came first, and is seen by the next
            async with self._database.reading() as session:
                known = await Endpoints(session).with_key(row.tenant_id, row.idempotency_key)
                there = await Endpoints(session).count(row.tenant_id)
            if known is not None:
                return known
            if there >= self._settings.per_tenant:
                raise TooManyWebhooks(limit=self._settings.per_tenant)
            await self._paid_work.allow(actor, OF_A_PLAN, level=there + 1)
            async with self._database.writing() as session:
                if await Endpoints(session).add(row, limit=there + 1):
                    return None

    async def _check_url(self, url: str) -> None:
        try:
            host = self._guard.checked(url).raw_host.decode("ascii")
            await self._sender.resolvable(host)
        except Refused as error:
            raise BadWebhookUrl(reason=str(error), errors=[{"pointer": "/url", "detail": str(error)}]) from None


def is_wanted(event_type: str, patterns: Sequence[str]) -> bool:
    """Tell whether an endpoint asked for a type of event."""
    return any(pattern in ("*", event_type) or (pattern.endswith(".*") and event_type.startswith(pattern[:-1])) for pattern in patterns)


def _known(row: WebhookRow | None, webhook_id: UUID) -> WebhookRow:
    if row is None:
        raise UnknownWebhook(webhook_id=str(webhook_id))
    return row


def _enabled(row: WebhookRow) -> WebhookRow:
    if row.disabled_at is not None:
        raise WebhookDisabled
    return row


def _set(row: WebhookRow, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)


def _shown(row: WebhookRow) -> dict[str, Any]:
    names = ("id", "url", "event_types", "description", "disabled_at", "disabled_because", "failures", "failing_since", "created_at")
    until = {"paused_until": row.paused_until, "old_secret_until": row.old_secret_until}
    shown: dict[str, Any] = {name: moment if moment is not None and moment > now() else None for name, moment in until.items()}
    status = WebhookStatus.ACTIVE if row.disabled_at is None else WebhookStatus.DISABLED
    return {**{name: getattr(row, name) for name in names}, **shown, "updated_at": row.updated_at, "status": status}


def _webhook(row: WebhookRow) -> Webhook:
    return Webhook.model_validate(_shown(row))


def _with_secret(row: WebhookRow, secret: str) -> WebhookWithSecret:
    return WebhookWithSecret.model_validate({**_shown(row), "secret": secret})


def _delivery(row: DeliveryRow, attempts: Sequence[AttemptRow] = ()) -> Delivery:
    due_at: datetime | None = row.due_at if row.lease is None else None
    return Delivery(
        id=row.id,
        webhook_id=row.webhook_id,
        event_id=row.event_id,
        event_type=row.event_type,
        status=DeliveryStatus(row.status),
        created_at=row.created_at,
        next_attempt_at=due_at,
        delivered_at=row.delivered_at,
        attempt_count=row.attempts,
        attempts=tuple(
            Attempt(
                number=attempt.number,
                at=attempt.at,
                status_code=attempt.status_code,
                latency_ms=attempt.latency_ms,
                answer=attempt.answer,
                error=attempt.error,
            )
            for attempt in attempts
            if attempt.delivery_id == row.id
        ),
    )
