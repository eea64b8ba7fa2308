"""What the world outside may ask of the events: publish, subscribe, receive, look, and mend what failed."""

from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

from pydantic import Field

from converto.events.cloudevents import CloudEvent
from converto.kernel.actor import Actor
from converto.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Unsupported
from converto.kernel.interface import Interface, Value, command, query
from converto.kernel.paging import Page

READ, WRITE, SERVICE = "events:read", "events:write", "events:service"
"""To hear and look; to tell and mend; and to do so as a service of the installation, for every tenant."""


class UnknownType(Invalid):
    """An event type that no module of this installation tells; `errors` says where it stands."""

    code = "events.unknown_type"
    message = "There is no such event type. {summary}. GET /events/types lists them."


class WrongShape(Invalid):
    """An event that is not as its type says; `errors` names each field and what is wrong with it."""

    code = "events.wrong_shape"
    message = "The event is not as its type says. {summary}. GET /events/types has the shapes."


class ForeignTenant(Forbidden):
    """An event told in the name of another tenant."""

    code = "events.foreign_tenant"
    message = "You publish for your own tenant only: send the tenant_id {tenant_id}, or leave it out of a CloudEvent."


class UnsupportedBody(Unsupported):
    """A body in a form that is not read here."""

    code = "events.unsupported_body"
    message = "Send the body as {taken}, and say so in Content-Type."


class KeyReused(Invalid):
    """An idempotency key, or the id of a CloudEvent, under which another event was published before."""

    code = "events.key_reused"
    message = "Another event was published under {key}: take a new one for a new event, or send the same event again."


class WrongSubscription(Invalid):
    """Streams, types or a start that are not there; `errors` names each."""

    code = "events.wrong_subscription"
    message = "The subscription is not possible. {summary}."


class GroupDiffers(Conflict):
    """A consumer group of this name hears something else."""

    code = "events.group_differs"
    message = (
        "The group {consumer_group} is there already with another {differs}: send what it has (it is in `existing`), take another name, "
        "or remove it by DELETE /events/subscriptions/{subscription_id}."
    )


class TooManyGroups(Conflict):
    """More consumer groups than a tenant may have."""

    code = "events.too_many_groups"
    message = "A tenant may have {max_groups} consumer groups: remove one that nobody reads by DELETE /events/subscriptions/(its id)."


class UnknownSubscription(NotFound):
    """No consumer group of that id is this tenant's."""

    code = "events.unknown_subscription"
    message = "There is no subscription {subscription_id}; POST /events/subscribe makes one."


class UnknownDeadEvent(NotFound):
    """Nobody has given up on an event of that id, or it is another's to mend."""

    code = "events.unknown_dead_event"
    message = "No event {event_id} lies with the dead ones {whose}; GET /events/dead lists them."


class Publication(Value):
    """An event that somebody outside wants told."""

    event_type: str
    source_service: str
    tenant_id: UUID
    data: dict[str, Any]
    time: datetime | None = None
    """When it happened; None means now."""
    key: str | None = None
    """Under which the same publication may come twice and counts once."""


class Published(Value):
    """Where a published event has gone."""

    event_id: UUID
    stream: str


class Subscribe(Value):
    """What a consumer group is to hear."""

    consumer_group: str
    stream_names: tuple[str, ...]
    event_types: tuple[str, ...] | None = None
    start: str = "new"
    """`new`, `earliest`, or the id of the event after which it begins; says nothing of a group that is there already."""
    lease_seconds: int | None = None
    ordered: bool = False
    """Whether events about one subject come one after another."""


class Hears(Value):
    """A durable consumer group: what it hears."""

    subscription_id: UUID
    consumer_group: str
    stream_names: tuple[str, ...]
    event_types: tuple[str, ...] | None
    lease_seconds: int
    ordered: bool


class Group(Hears):
    """A durable consumer group: what it hears, and how far it has come."""

    created_at: datetime
    read_at: datetime | None = Field(description="When somebody last received something; null before the first time.")
    lag: int = Field(description="Events that nobody has received yet.")
    pending: int = Field(description="Events that a consumer holds now.")
    dead: int = Field(description="Events that were given up on.")


class Subscribed(Hears):
    """A consumer group, and whether it is a new one."""

    is_new: bool


class Message(Value):
    """An event leased to the one who received it: acknowledge it by its receipt within the lease, or it comes again."""

    receipt: str
    delivery_count: int = Field(description="1 for the first delivery.")
    stream: str
    event: CloudEvent


class Settled(Value):
    """What became of one receipt."""

    receipt: str
    accepted: bool
    outcome: Literal["acknowledged", "delayed", "dead", "renewed", "refused"]
    detail: str = ""


class Seen(Value):
    """An event in the live view, with its place in the stream."""

    position: int
    event: CloudEvent


class Live(Value):
    """What came after a place in the stream, and how far one has looked."""

    position: int
    seen: tuple[Seen, ...] = ()


class StreamGroup(Value):
    """One who hears a stream: a consumer group, or a handler of a module."""

    name: str
    kind: Literal["consumer_group", "module"]
    lag: int
    pending: int
    dead: int
    subscription_id: UUID | None = None


class Stream(Value):
    """The events of one module: how many are kept, and who hears them."""

    name: str
    length: int
    groups: tuple[StreamGroup, ...]


class Streams(Value):
    """Every stream; `unavailable` names the modules whose handlers could not be asked now."""

    items: tuple[Stream, ...]
    next_cursor: None = None
    unavailable: tuple[str, ...] = ()


class EventType(Value):
    """A kind of event and the shape of its data."""

    type: str
    version: int
    stream: str
    says: str
    data_schema: dict[str, Any] = Field(description="JSON Schema of `data`.")


class GivenUp(Value):
    """One who has given up on an event."""

    subscriber: str
    attempts: int
    last_error: str
    dead_at: datetime


class DeadLetter(Value):
    """An event that somebody has given up on."""

    id: UUID
    stream: str
    given_up_by: tuple[GivenUp, ...]
    event: CloudEvent


class DeadLetters(Page[DeadLetter]):
    """A page of dead events, newest first; `unavailable` names the modules that could not be asked now."""

    unavailable: tuple[str, ...] = ()


class Changed(Value):
    """For how many subscribers something has changed."""

    changed: int


class EventsHealth(Value):
    """How the events are."""

    status: Literal["ok", "degraded"]
    backend: Literal["memory", "redis"]
    streams: int
    types: int
    retention_days: int


class Events(Interface, Protocol):
    """Events for the world outside. A tenant hears and sees its own alone; an actor with `events:service` all of the installation."""

    @command
    async def publish(self, actor: Actor, publications: tuple[Publication, ...]) -> tuple[Published, ...]:
        """Tell events, all or none. They reach consumer groups, live views and webhooks; only a service's reach the modules, too.

        Raises UnknownType, WrongShape, ForeignTenant, KeyReused.
        """
        ...

    @command
    async def subscribe(self, actor: Actor, wanted: Subscribe) -> Subscribed:
        """Return the consumer group of a name; it is made where there is none. Raises WrongSubscription, GroupDiffers, TooManyGroups."""
        ...

    @query
    async def subscriptions(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> Page[Group]:
        """List the actor's consumer groups, newest first. Raises BadCursor."""
        ...

    @query
    async def subscription(self, actor: Actor, subscription_id: UUID) -> Group:
        """Return one consumer group. Raises UnknownSubscription."""
        ...

    @command
    async def unsubscribe(self, actor: Actor, subscription_id: UUID) -> None:
        """Remove a consumer group with all that waits for it. Raises UnknownSubscription."""
        ...

    @query
    async def ready(self, actor: Actor, subscription_id: UUID, *, wait_s: float) -> bool:
        """Wait, up to 25 s, until there may be something to receive; False where there is not. Raises UnknownSubscription."""
        ...

    @command
    async def receive(self, actor: Actor, subscription_id: UUID, *, consumer_name: str, limit: int) -> tuple[Message, ...]:
        """Lease up to `limit` events to a consumer, without waiting. Raises UnknownSubscription."""
        ...

    @command
    async def acknowledge(self, actor: Actor, subscription_id: UUID, receipts: tuple[str, ...]) -> tuple[Settled, ...]:
        """Settle events for good; says for each receipt whether it still held its event. Raises UnknownSubscription."""
        ...

    @command
    async def refuse(
        self, actor: Actor, subscription_id: UUID, receipts: tuple[str, ...], *, delay_s: float | None = None, reason: str | None = None
    ) -> tuple[Settled, ...]:
        """Have events delivered again, after `delay_s` or a growing pause; the fifth refusal of one lays it with the dead ones.

        Raises UnknownSubscription.
        """
        ...

    @command
    async def renew(self, actor: Actor, subscription_id: UUID, receipts: tuple[str, ...]) -> tuple[Settled, ...]:
        """Hold on to events for another lease from now on. Raises UnknownSubscription."""
        ...

    @query
    async def live(self, actor: Actor, subscription_id: UUID, *, after: int | None = None, wait_s: float = 0) -> Live:
        """Return what a group's streams have brought after a position, waiting up to 25 s for something; None means from now on.

        It takes nothing from anybody. Raises UnknownSubscription.
        """
        ...

    @query
    async def streams(self, actor: Actor) -> Streams:
        """List the streams with who hears them and how far behind they are; a tenant counts its own events and groups."""
        ...

    @query
    async def types(self, actor: Actor) -> tuple[EventType, ...]:
        """List every kind of event."""
        ...

    @query
    async def dead(self, actor: Actor, *, limit: int = 50, cursor: str | None = None) -> DeadLetters:
        """List the events that somebody has given up on, newest first. Raises BadCursor."""
        ...

    @command
    async def retry(self, actor: Actor, event_id: UUID) -> Changed:
        """Have a dead event handled anew by all who have given up on it. Raises UnknownDeadEvent."""
        ...

    @command
    async def purge(self, actor: Actor, event_id: UUID) -> Changed:
        """Forget a dead event for good; what a module has given up on only a service may forget. Raises UnknownDeadEvent."""
        ...

    @query
    async def health(self) -> EventsHealth:
        """Return how the events are."""
        ...
