"""What carries events from an outbox to whoever hears them: two methods, in process or over Redis Streams."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from converto.events.inbox import Inbox
from converto.events.spans import heard
from converto.kernel.context import new_trace_parent
from converto.kernel.database import Database
from converto.kernel.errors import Unavailable
from converto.kernel.event import Envelope, Follower, Subscription, module_of
from converto.kernel.interface import Interface
from converto.kernel.tracing import is_told, tell, what_failed


class Receiver(Protocol):
    """Whoever takes events in from a backend."""

    @property
    def name(self) -> str:
        """The name of its consumer group, for ever."""
        ...

    @property
    def sources(self) -> Sequence[str]:
        """The modules whose events it wants."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether events about one subject must come in the order in which they were sent, over all processes."""
        ...

    async def accept(self, envelopes: Sequence[Envelope]) -> None:
        """Take events in durably; the same may come twice."""
        ...


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A handler that lives in this process, with the service it works on and the database that holds its inbox."""

    subscription: Subscription
    service: Interface
    database: Database

    @property
    def name(self) -> str:
        """The name that its inbox rows and its consumer group bear."""
        return self.subscription.name

    @property
    def sources(self) -> Sequence[str]:
        """The module that tells what it hears."""
        return (module_of(self.subscription.event.type),)

    @property
    def ordered(self) -> bool:
        """Whether it handles events about one subject one after another."""
        return self.subscription.ordered

    async def accept(self, envelopes: Sequence[Envelope]) -> None:
        """Take events into the inbox: from here on they are this subscriber's to handle."""
        wanted = [envelope for envelope in envelopes if envelope.type == self.subscription.event.type and not envelope.outside]
        if wanted:
            async with self.database.across_tenants.writing(brief=True) as session:
                await Inbox(session).accept(self.name, wanted)


@dataclass(frozen=True, slots=True)
class Following:
    """A follower that lives in this process, with the service it works on."""

    follower: Follower
    service: Any
    sources: Sequence[str]
    """Every module that tells something."""
    ordered: bool = False

    @property
    def name(self) -> str:
        """The name of its consumer group."""
        return self.follower.name

    async def accept(self, envelopes: Sequence[Envelope]) -> None:
        """Have the follower take the events, less what modules tell nobody but themselves."""
        told = [envelope for envelope in envelopes if not envelope.internal]
        if not told:
            return
        start_ns = time.time_ns()
        try:
            await self.follower.take(told, self.service)
        except BaseException as error:
            self._tell(told, start_ns, failure=what_failed(error))
            raise
        self._tell(told, start_ns)

    def _tell(self, taken: Sequence[Envelope], start_ns: int, *, failure: str | None = None) -> None:
        """Tell of a batch in the trace of each event that was in it."""
        if not is_told():
            return
        more = {"messaging.batch.message_count": len(taken)}
        for envelope in taken:
            own = new_trace_parent(envelope.trace_parent)
            tell(heard(envelope, self.name, trace_parent=own, start_ns=start_ns, more=more, failure=failure))


CANNOT_NOW = (Unavailable, OperationalError, InterfaceError, PoolTimeout, OSError)
"""What is raised when a database or a module does not answer, or is full: no fault of an event, so it waits."""


class Backend(Protocol):
    """Carries events to everyone who hears them, wherever they live, at least once."""

    async def send(self, envelopes: Sequence[Envelope]) -> None:
        """Hand events on durably. Raises Unavailable when that is not possible now."""
        ...

    async def run(self, receivers: Sequence[Receiver]) -> None:
        """Bring what is sent to the receivers of this process, until cancelled."""
        ...
