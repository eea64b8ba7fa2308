"""What the public events do with every event of the installation."""

from collections.abc import Sequence

from converto.events.service import EventsService
from converto.kernel.event import Envelope


async def keep(envelopes: Sequence[Envelope], events: EventsService) -> None:
    """Take events into the log that consumers outside read; one that is there already stays at its place."""
    await events.keep(envelopes)
