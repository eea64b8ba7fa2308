"""Events within one process: sent means accepted by everyone who hears them."""

import asyncio
from collections.abc import Sequence

from converto.events.backend import CANNOT_NOW, Receiver
from converto.kernel.errors import Unavailable
from converto.kernel.event import Envelope


class InProcess:
    """The default backend: needs nothing beside the database."""

    def __init__(self) -> None:
        self._receivers: Sequence[Receiver] | None = None

    async def send(self, envelopes: Sequence[Envelope]) -> None:
        """Have everyone accept the events; one who cannot keeps them from no other.

        Raises Unavailable before `run` has told who they are, and where a database does not take them now; otherwise what the first who
        refused them raised.
        """
        if self._receivers is None:
            raise Unavailable(module="events", retry_after_s=1)
        sources = {envelope.source for envelope in envelopes}
        refused: list[Exception] = []
        for receiver in self._receivers:
            if sources.isdisjoint(receiver.sources):
                continue
            try:
                await receiver.accept(envelopes)
            except Exception as error:  # noqa: BLE001 - the others shall have them first
                refused.append(error)
        for reason in refused:
            if isinstance(reason, CANNOT_NOW):
                raise Unavailable(module="events", retry_after_s=1) from reason
        if refused:
            raise refused[0]

    async def run(self, receivers: Sequence[Receiver]) -> None:
        """Know the receivers, until cancelled."""
        self._receivers = receivers
        await asyncio.Event().wait()
