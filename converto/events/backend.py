"""What carries events from an outbox to the inboxes: two methods, in process or over Redis Streams."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from converto.events.inbox import Inbox
from converto.kernel.database import Database
from converto.kernel.event import Envelope, Subscription
from converto.kernel.interface import Interface


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

    async def accept(self, envelopes: Sequence[Envelope]) -> None:
        """Take events into the inbox: from here on they are this subscriber's to handle."""
        wanted = [envelope for envelope in envelopes if envelope.type == self.subscription.event.type]
        if wanted:
            async with self.database.writing() as session:
                await Inbox(session).accept(self.name, wanted)


class Backend(Protocol):
    """Carries events to every subscriber, wherever it lives, at least once."""

    async def send(self, envelopes: Sequence[Envelope]) -> None:
        """Hand events on durably. Raises Unavailable when that is not possible now."""
        ...

    async def run(self, subscribers: Sequence[Subscriber]) -> None:
        """Bring what is sent to the subscribers of this process, until cancelled."""
        ...
