"""Events within one process: sent means accepted by every inbox."""

import asyncio
from collections.abc import Sequence

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from converto.events.backend import Subscriber
from converto.kernel.errors import Unavailable
from converto.kernel.event import Envelope


class InProcess:
    """The default backend: needs nothing beside the database."""

    def __init__(self) -> None:
        self._subscribers: Sequence[Subscriber] | None = None

    async def send(self, envelopes: Sequence[Envelope]) -> None:
        """Have every subscriber accept the events.

        Raises Unavailable before `run` has told who they are, and where a database does not take them now.
        """
        if self._subscribers is None:
            raise Unavailable(module="events", retry_after_s=1)
        for subscriber in self._subscribers:
            try:
                await subscriber.accept(envelopes)
            except (OperationalError, InterfaceError, PoolTimeout, OSError) as error:  # no fault of the events: they wait
                raise Unavailable(module="events", retry_after_s=1) from error

    async def run(self, subscribers: Sequence[Subscriber]) -> None:
        """Know the subscribers, until cancelled."""
        self._subscribers = subscribers
        await asyncio.Event().wait()
