"""Events within one process: sent means accepted by everyone who hears them."""

import asyncio
from collections.abc import Sequence
from typing import NoReturn

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
        refused: list[Exception] = []
        for receiver in self._receivers:
            if _concerned(receiver, envelopes):
                try:
                    await receiver.accept(envelopes)
                except Exception as error:  # noqa: BLE001 - the others shall have them first
                    refused.append(error)
        if refused:
            _raise(refused)

    async def run(self, receivers: Sequence[Receiver]) -> None:
        """Know the receivers, until cancelled."""
        self._receivers = receivers
        await asyncio.Event().wait()


def _concerned(receiver: Receiver, envelopes: Sequence[Envelope]) -> bool:
    sources = receiver.sources
    for envelope in envelopes:  # noqa: SIM110 - no generator: this is done for every receiver of every event
        if envelope.source in sources:
            return True
    return False


def _raise(refused: Sequence[Exception]) -> NoReturn:
    for reason in refused:
        if isinstance(reason, CANNOT_NOW):
            raise Unavailable(module="events", retry_after_s=1) from reason
    raise refused[0]
