"""Events: facts that a module tells, and who hears them."""

import builtins
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self, TypeVar
from uuid import UUID

from pydantic import Field

from converto.kernel.clock import new_id, now
from converto.kernel.context import current
from converto.kernel.interface import Value


def module_of(event_type: str) -> str:
    """Return the module that tells events of a type."""
    return event_type.partition(".")[0]


def stream_of(name: str) -> str:
    """Return the stream that the events of a module, or of a type, travel in."""
    return f"stream:{module_of(name)}"


class Event(Value):
    """Something that happened. Its `type` is the name on the wire, for ever; an incompatible shape is a new version."""

    type: ClassVar[str]
    version: ClassVar[int] = 1
    subject_field: ClassVar[str | None] = None
    """The field that says what it is about, such as `scan_id`: whoever hears in order hears events about one thing one after another."""
    internal: ClassVar[bool] = False
    """For modules alone, such as a letter to be sent: no log, feed or webhook shows it."""

    id: UUID = Field(default_factory=new_id)
    time: datetime = Field(default_factory=now)
    tenant_id: UUID


E = TypeVar("E", bound=Event)


class Envelope(Value):
    """An event as it travels; maps one to one to CloudEvents 1.0."""

    id: UUID
    type: str
    source: str
    tenant_id: UUID
    time: datetime
    trace_parent: str
    version: int = 1
    subject: str | None = None
    """What it is about; events about one thing keep their order for whoever hears in order."""
    priority: int = Field(default=0, ge=-100, le=100)
    """Higher goes first among what one tenant has waiting."""
    outside: bool = False
    """Published over REST by a tenant: modules act upon what modules tell, so their handlers never see it."""
    internal: bool = False
    """For the handlers of modules alone."""
    data: dict[str, Any]

    @classmethod
    def around(cls, event: Event, *, priority: int = 0, outside: bool = False, trace_parent: str = "") -> Self:
        """Put an event into its envelope, with the trace it was told in, or that of whom it tells of."""
        data = event.model_dump(mode="json", exclude={"id", "time", "tenant_id"})
        return cls(
            id=event.id,
            type=event.type,
            source=module_of(event.type),
            tenant_id=event.tenant_id,
            time=event.time,
            trace_parent=trace_parent or current().trace_parent,
            version=event.version,
            subject=str(getattr(event, event.subject_field)) if event.subject_field else None,
            priority=priority,
            outside=outside,
            internal=event.internal,
            data=data,
        )

    def open(self, kind: builtins.type[E]) -> E:
        """Return the event inside."""
        return kind.model_validate(self.told)

    @property
    def told(self) -> dict[str, Any]:
        """What the event inside is made of."""
        return {**self.data, "id": self.id, "time": self.time, "tenant_id": self.tenant_id}


Handler = Callable[[Any, Any], Awaitable[None]]
"""Takes an event and the module's service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A handler of one kind of event. It is called at least once, so it writes under the event's id."""

    name: str
    """`module.handler`, for ever: what it has handled is kept under this name."""
    event: type[Event]
    handler: Handler
    concurrency: int
    attempts: int
    deaths: int
    ordered: bool
    given_up: Callable[[Any, Any, str], Awaitable[None]] | None
    """Called with the event, the service and the reason before the event is laid with the dead ones."""


def hear(
    event: type[Event],
    handler: Handler,
    *,
    concurrency: int = 8,
    attempts: int = 5,
    deaths: int = 10,
    ordered: bool = False,
    given_up: Callable[[Any, Any, str], Awaitable[None]] | None = None,
) -> Subscription:
    """Have `handler(event, service)` called for each event of a kind, up to `concurrency` at once in a process.

    A failure is tried again with growing pauses; after `attempts` failures it lies with the dead events, with its last error, and so does
    one whose process has died in the middle of it `deaths` times. With `ordered`, events about one subject are handled one after another.
    """
    return Subscription(
        name=_named(handler),
        event=event,
        handler=handler,
        concurrency=concurrency,
        attempts=attempts,
        deaths=deaths,
        ordered=ordered,
        given_up=given_up,
    )


@dataclass(frozen=True, slots=True)
class Follower:
    """What takes in every event of the installation in batches, at least once each, straight off the backend.

    It has no inbox, so it must know an event that it has taken already by its id, and raises to be given the whole batch again.
    """

    name: str
    """`module.function`, for ever: how far it has come is kept under this name."""
    take: Callable[[Sequence[Envelope], Any], Awaitable[None]]
    """Takes envelopes and the module's service."""


def follow(take: Callable[[Sequence[Envelope], Any], Awaitable[None]]) -> Follower:
    """Have `take(envelopes, service)` called with every event of the installation."""
    return Follower(_named(take), take)


class Dispatcher:
    """Calls the handlers of typed events, one after another: a follower's way to hear several kinds."""

    def __init__(self, handlers: Mapping[type[Event], Sequence[Handler]]) -> None:
        self._known = {kind.type: (kind.__pydantic_validator__.validate_python, tuple(called)) for kind, called in handlers.items()}

    async def __call__(self, envelopes: Sequence[Envelope], service: Any) -> None:
        """Open each event that somebody hears, and await its handlers. Raises what a handler raises."""
        for envelope in envelopes:
            known = self._known.get(envelope.type)
            if known is not None:
                validated, handlers = known
                event = validated(envelope.told)
                for handler in handlers:
                    await handler(event, service)


def _named(function: Callable[..., Any]) -> str:
    *_, module, _ = function.__module__.split(".")
    return f"{module}.{function.__name__}"
