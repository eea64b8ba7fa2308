"""The public events, as the runtime sees them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from converto.events import handlers
from converto.events.api import router
from converto.events.groups import GroupQueues
from converto.events.interface import Events
from converto.events.log import Tail
from converto.events.models import Base
from converto.events.overview import Overview
from converto.events.publisher import Publisher
from converto.events.publishing import Publishing
from converto.events.service import Desks, EventsService
from converto.events.settings import EventsSettings
from converto.events.subscriptions import Subscriptions
from converto.kernel.event import follow
from converto.kernel.manifest import Module, Parts
from converto.kernel.upkeep import now_and_then

FORGET_AFTER_S = 10.0
"""After a start; what is not worth a moment of it is done then."""
FORGET_EVERY_S = 3600.0
DELIVERY = "delivery"
"""The companion by which every module's desk of deliveries is asked."""


@asynccontextmanager
async def build(parts: Parts) -> AsyncIterator[EventsService]:
    """Open the public events."""
    settings: EventsSettings = parts.settings
    database, known = parts.database, parts.known_events
    tail = Tail(database, parts.drain)
    service = EventsService(
        database,
        parts=Desks(
            publishing=Publishing(database, Publisher(database), known),
            subscriptions=Subscriptions(database, settings, known),
            queues=GroupQueues(database),
            overview=Overview(database, parts.companions.get(DELIVERY, {}), heard=parts.known_handlers, known=known),
            tail=tail,
        ),
        known_events=known,
        drain=parts.drain,
        keep_days=parts.program.events_keep_days,
        backend="memory" if parts.program.events == "memory" else "redis",
    )
    upkeep = now_and_then(service.forget_old, name="events.forget_old", after_s=FORGET_AFTER_S, every_s=FORGET_EVERY_S)
    async with tail.watched(), upkeep:
        yield service


module = Module(
    name="events",
    interface=Events,
    build=build,
    settings=EventsSettings,
    tables=Base.metadata,
    router=router,
    follows=(follow(handlers.keep),),
)
