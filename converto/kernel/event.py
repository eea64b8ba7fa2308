"""Events: facts that a module tells, and who hears them."""

import builtins
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self, TypeVar
from uuid import UUID

from pydantic import Field

from converto.kernel.clock import new_id, now
from converto.kernel.context import current
from converto.kernel.interface import Value


class Event(Value):
    """Something that happened. Its `type` is the name on the wire, for ever; an incompatible shape is a new version."""

    type: ClassVar[str]
    version: ClassVar[int] = 1

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
    data: dict[str, Any]

    @classmethod
    def around(cls, event: Event) -> Self:
        """Put an event into its envelope, with the trace it was told in."""
        data = event.model_dump(mode="json", exclude={"id", "time", "tenant_id"})
        return cls(
            id=event.id,
            type=event.type,
            source=event.type.partition(".")[0],
            tenant_id=event.tenant_id,
            time=event.time,
            trace_parent=current().trace_parent,
            version=event.version,
            data=data,
        )

    def open(self, kind: builtins.type[E]) -> E:
        """Return the event inside."""
        return kind.model_validate({**self.data, "id": self.id, "time": self.time, "tenant_id": self.tenant_id})


@dataclass(frozen=True, slots=True)
class Subscription:
    """A handler of one kind of event. It is called at least once, so it writes under the event's id."""

    name: str
    """`module.handler`, for ever: what it has handled is kept under this name."""
    event: type[Event]
    handler: Callable[[Any, Any], Awaitable[None]]
    """Takes the event and the module's service."""
    concurrency: int
    attempts: int
    given_up: Callable[[Any, Any, str], Awaitable[None]] | None
    """Called with the event, the service and the reason before the event is laid with the dead ones."""


def hear(
    event: type[Event],
    handler: Callable[[Any, Any], Awaitable[None]],
    *,
    concurrency: int = 8,
    attempts: int = 5,
    given_up: Callable[[Any, Any, str], Awaitable[None]] | None = None,
) -> Subscription:
    """Have `handler(event, service)` called for each event of a kind, up to `concurrency` at once in a process.

    A failure is tried again with growing pauses; after `attempts` it lies with the dead events, with its last error.
    """
    module = handler.__module__.split(".")[-2]
    name = f"{module}.{handler.__name__}"
    return Subscription(name=name, event=event, handler=handler, concurrency=concurrency, attempts=attempts, given_up=given_up)
