"""The public events: who may hear, tell, look and mend, and how."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeVar
from uuid import UUID

import structlog

from converto.events.asyncapi import data_schema, says
from converto.events.cloudevents import cloud_event
from converto.events.desk import reach
from converto.events.groups import GroupQueues, known, tenant_of
from converto.events.interface import (
    READ,
    WRITE,
    Changed,
    DeadLetters,
    Events,
    EventsHealth,
    EventType,
    Group,
    Live,
    Message,
    Publication,
    Published,
    Seen,
    Settled,
    Streams,
    Subscribe,
    Subscribed,
)
from converto.events.log import Tail
from converto.events.overview import Overview
from converto.events.publishing import Publishing
from converto.events.repository import Groups, Log, Publications
from converto.events.subscriptions import Subscriptions
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.database import Database
from converto.kernel.drain import Drain
from converto.kernel.event import Envelope, Event, stream_of
from converto.kernel.paging import Page

log = structlog.get_logger()
Found = TypeVar("Found")
LONGEST_WAIT_S = 25.0
LOOK_AGAIN_S = 1.0
"""How often one who waits looks for what comes by itself: a delay or a lease that is over."""
LIVE_AT_ONCE = 100
PURGE_AT_ONCE = 1000
NO_REASON = "refused without a reason"


@dataclass(frozen=True, slots=True)
class Desks:
    """What the service leaves to others."""

    publishing: Publishing
    subscriptions: Subscriptions
    queues: GroupQueues
    overview: Overview
    tail: Tail


class EventsService(Events):
    """Keeps the log and the consumer groups; everything else of delivery is the inbox's."""

    def __init__(
        self,
        database: Database,
        *,
        parts: Desks,
        known_events: Mapping[str, type[Event]],
        drain: Drain,
        keep_days: int,
        backend: Literal["memory", "redis"],
    ) -> None:
        self._database = database
        self._keep_days = keep_days
        self._parts = parts
        self._known = known_events
        self._streams = sorted({stream_of(event.type) for event in known_events.values()})
        self._drain = drain
        self._backend: Literal["memory", "redis"] = backend

    async def keep(self, envelopes: Sequence[Envelope]) -> None:
        """Take events into the log."""
        async with self._database.across_tenants.writing() as session:
            await Log(session).append(envelopes)
        self._parts.tail.move()

    async def publish(self, actor: Actor, publications: tuple[Publication, ...]) -> tuple[Published, ...]:
        """See `Events.publish`."""
        actor.require(WRITE)
        return await self._parts.publishing.publish(actor, publications)

    async def subscribe(self, actor: Actor, wanted: Subscribe) -> Subscribed:
        """See `Events.subscribe`."""
        actor.require(READ)
        return await self._parts.subscriptions.subscribe(actor, wanted)

    async def subscriptions(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[Group]:
        """See `Events.subscriptions`."""
        actor.require(READ)
        return await self._parts.subscriptions.page(actor, limit=limit, cursor=cursor)

    async def subscription(self, actor: Actor, subscription_id: UUID) -> Group:
        """See `Events.subscription`."""
        actor.require(READ)
        return await self._parts.subscriptions.one(actor, subscription_id)

    async def unsubscribe(self, actor: Actor, subscription_id: UUID) -> None:
        """See `Events.unsubscribe`."""
        actor.require(READ)
        await self._parts.subscriptions.remove(actor, subscription_id)
        self._parts.tail.move()  # whoever waits for it learns that it is gone

    async def ready(self, actor: Actor, subscription_id: UUID, *, wait_s: float) -> bool:
        """See `Events.ready`."""
        actor.require(READ)
        return await self._waited(lambda: self._parts.queues.is_ready(actor, subscription_id), wait_s=wait_s)

    async def receive(self, actor: Actor, subscription_id: UUID, *, consumer_name: str, limit: int) -> tuple[Message, ...]:
        """See `Events.receive`."""
        actor.require(READ)
        return tuple(await self._parts.queues.receive(actor, subscription_id, consumer=consumer_name, limit=limit))

    async def acknowledge(self, actor: Actor, subscription_id: UUID, receipts: tuple[str, ...]) -> tuple[Settled, ...]:
        """See `Events.acknowledge`."""
        actor.require(READ)
        return tuple(await self._parts.queues.acknowledge(actor, subscription_id, receipts))

    async def refuse(
        self, actor: Actor, subscription_id: UUID, receipts: tuple[str, ...], *, delay_s: float | None = None, reason: str | None = None
    ) -> tuple[Settled, ...]:
        """See `Events.refuse`."""
        actor.require(READ)
        settled = await self._parts.queues.refuse(actor, subscription_id, receipts, delay_s=delay_s, reason=reason or NO_REASON)
        self._parts.tail.move()
        return tuple(settled)

    async def renew(self, actor: Actor, subscription_id: UUID, receipts: tuple[str, ...]) -> tuple[Settled, ...]:
        """See `Events.renew`."""
        actor.require(READ)
        return tuple(await self._parts.queues.renew(actor, subscription_id, receipts))

    async def live(self, actor: Actor, subscription_id: UUID, *, after: int | None = None, wait_s: float = 0) -> Live:
        """See `Events.live`."""
        actor.require(READ)
        position, tenant_id = after, tenant_of(actor)

        async def look() -> Live | None:
            nonlocal position
            async with reach(self._database, tenant_id).reading() as session:
                group = known(await Groups(session).get(actor.tenant_id, subscription_id), subscription_id)
                end = await Log(session).end(tenant_id)
                if position is None:
                    return Live(position=end)
                found = await Log(session).heard_by(group, after=position, until=end, limit=LIVE_AT_ONCE)
            position = found[-1][0] if len(found) == LIVE_AT_ONCE else max(end, position)
            seen = tuple(Seen(position=place, event=cloud_event(envelope)) for place, envelope in found)
            return Live(position=position, seen=seen) if seen else None

        return await self._waited(look, wait_s=wait_s) or Live(position=position or 0)

    async def streams(self, actor: Actor) -> Streams:
        """See `Events.streams`."""
        actor.require(READ)
        return await self._parts.overview.streams(tenant_of(actor))

    async def types(self, actor: Actor) -> tuple[EventType, ...]:
        """See `Events.types`."""
        actor.require(READ)
        return tuple(
            EventType(type=name, version=event.version, stream=stream_of(event.type), says=says(event), data_schema=data_schema(event))
            for name, event in sorted(self._known.items())
        )

    async def dead(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> DeadLetters:
        """See `Events.dead`."""
        actor.require(READ)
        return await self._parts.overview.dead(tenant_of(actor), limit=limit, cursor=cursor)

    async def retry(self, actor: Actor, event_id: UUID) -> Changed:
        """See `Events.retry`."""
        actor.require(WRITE)
        changed = await self._parts.overview.retry(tenant_of(actor), event_id)
        self._parts.tail.move()
        return Changed(changed=changed)

    async def purge(self, actor: Actor, event_id: UUID) -> Changed:
        """See `Events.purge`."""
        actor.require(WRITE)
        return Changed(changed=await self._parts.overview.purge(tenant_of(actor), event_id))

    async def health(self) -> EventsHealth:
        """See `Events.health`."""
        try:
            async with self._database.across_tenants.reading() as session:
                await Log(session).end(None)
        except Exception as error:  # a driver fails in ways of its own, and each of them means no
            log.warning("events.log_unreadable", exc_info=error)
            status: Literal["ok", "degraded"] = "degraded"
        else:
            status = "ok"
        return EventsHealth(
            status=status,
            backend=self._backend,
            streams=len(self._streams),
            types=len(self._known),
            retention_days=self._keep_days,
        )

    async def forget_old(self, *, at_once: int = PURGE_AT_ONCE) -> None:
        """Forget events and keys that are older than the retention, some at a time, so that nobody waits long for the database."""
        before = now() - timedelta(days=self._keep_days)
        for kept in (Log, Publications):
            while True:
                async with self._database.across_tenants.writing() as session:
                    gone = await kept(session).purge(kept_before=before, limit=at_once)
                if gone < at_once:
                    break

    async def _waited(self, look: Callable[[], Awaitable[Found]], *, wait_s: float) -> Found:
        """Return what a look finds; while it finds nothing and there is time, look again when the log has moved."""
        until = time.monotonic() + min(wait_s, LONGEST_WAIT_S)
        while True:
            moves = self._parts.tail.moves
            found = await look()
            left_s = until - time.monotonic()
            if found or left_s <= 0 or self._drain.has_begun:
                return found
            await self._parts.tail.beyond(moves, timeout_s=min(left_s, LOOK_AGAIN_S))
