"""Events within one process: sent means accepted by everyone who hears them."""

import asyncio
from collections.abc import Sequence

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from converto.events.backend import Receiver
from converto.kernel.errors import Unavailable
from converto.kernel.event import Envelope


class InProcess:
    """The default backend: needs nothing beside the database."""

    def __init__(self) -> None:
        self._receivers: Sequence[Receiver] | None = None

    async def send(self, envelopes: Sequence[Envelope]) -> None:
        """Have everyone accept the events.

        Raises Unavailable before `run` has told who they are, and where a database does not take them now.
        """
        if self._receivers is None:
            raise Unavailable(module="events", retry_after_s=1)
        sources = {envelope.source for envelope in envelopes}
        for receiver in self._receivers:
            if sources.isdisjoint(receiver.sources):
                continue
            try:
                await receiver.accept(envelopes)
            except (OperationalError, InterfaceError, PoolTimeout, OSError) as error:  # no fault of the events: they wait
                raise Unavailable(module="events", retry_after_s=1) from error

    async def run(self, receivers: Sequence[Receiver]) -> None:
        """Know the receivers, until cancelled."""
        self._receivers = receivers
        await asyncio.Event().wait()
