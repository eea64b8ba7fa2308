"""Our own events, asked the same as the rivals."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

from prometheus_client import CollectorRegistry
from sqlalchemy import func, select

from bench.measuring.sale import STREAM, SaleMade
from bench.rivals.carrier import Carrier, Handler
from bench.rivals.raw_redis import Stream
from converto.events.backend import Backend, Following, Subscriber
from converto.events.in_process import InProcess
from converto.events.publisher import Publisher
from converto.events.redis_streams import RedisStreams
from converto.events.tables import inbox, outbox, tables
from converto.events.traffic import Traffic
from converto.kernel.database import Databases
from converto.kernel.event import Dispatcher, Envelope, Follower, Subscription, stream_of
from converto.kernel.interface import Interface
from converto.kernel.metrics import EventFigures
from converto.kernel.schema import upgrade

FOLLOWER = "bench.handle"
HANDLER = "bench.hear"


class Converto(Carrier):
    """`RedisStreams` alone: an event is put in its envelope and sent, as the relay does, and a follower hears it typed."""

    name = "Converto"

    def __init__(self, url: str) -> None:
        self.stream = Stream(url, stream_of(STREAM), FOLLOWER)
        self._backend = RedisStreams(url)

    async def publish(self, event: SaleMade) -> None:
        """See `Carrier.publish`."""
        await self._backend.send([Envelope.around(event)])

    async def fill(self, events: Sequence[SaleMade]) -> None:
        """See `Carrier.fill`."""
        await self._backend.send([Envelope.around(event) for event in events])

    @asynccontextmanager
    async def heard(self, handler: Handler) -> AsyncIterator[None]:
        """See `Carrier.heard`."""

        async def handle(event: SaleMade, _: Any) -> None:
            await handler(event)

        following = Following(Follower(FOLLOWER, Dispatcher({SaleMade: [handle]})), None, (STREAM,))
        running = asyncio.create_task(self._backend.run([following]))
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def unacknowledged(self) -> int:
        """See `Carrier.unacknowledged`."""
        return await self.stream.unacknowledged()

    async def empty(self) -> None:
        """See `Carrier.empty`."""
        await self.stream.renew()

    async def __aenter__(self) -> Self:
        """See `Carrier`."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """See `Carrier`."""
        await self._backend._connection.close()  # noqa: SLF001 - only its readers close it otherwise
        await self.stream.close()


class DurableConverto(Carrier):
    """The whole way, as every event of a module goes it: outbox, relay, backend, inbox, consumer; each step committed on SQLite.

    Args:
        url: of the Redis between outbox and inbox; in process where there is none.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.name = "Converto, outbox to inbox, over Redis" if url else "Converto, outbox to inbox, in process"
        self._folder = folder
        self._url = url
        self._figures = EventFigures(CollectorRegistry())
        self._handler: Handler | None = None
        self._stream = Stream(url, stream_of(STREAM), HANDLER) if url else None
        self._opened = AsyncExitStack()

    async def publish(self, event: SaleMade) -> None:
        """See `Carrier.publish`."""
        await self._publisher.publish(Envelope.around(event))

    async def fill(self, events: Sequence[SaleMade]) -> None:
        """See `Carrier.fill`."""
        await self._publisher.publish(*[Envelope.around(event) for event in events])

    @asynccontextmanager
    async def heard(self, handler: Handler) -> AsyncIterator[None]:
        """See `Carrier.heard`."""
        self._handler = handler
        backend: Backend = RedisStreams(self._url) if self._url else InProcess()
        async with Traffic(backend, self._figures).running([self._database], [self._subscriber]):
            yield

    async def unacknowledged(self) -> int:
        """See `Carrier.unacknowledged`."""
        async with self._database.reading() as session:
            unsettled = select(func.count()).select_from(inbox).where(inbox.c.handled_at.is_(None))
            return int(await session.scalar(unsettled) or 0)

    async def empty(self) -> None:
        """See `Carrier.empty`."""
        async with self._database.writing() as session:
            await session.execute(inbox.delete())
            await session.execute(outbox.delete())
        if self._stream:
            await self._stream.renew()

    async def __aenter__(self) -> Self:
        """See `Carrier`."""
        databases = Databases(self._folder, None, pool_size=1)
        self._opened.push_async_callback(databases.close)
        self._database = databases.of(STREAM)
        await upgrade(self._database, "delivery", tables)
        self._publisher = Publisher(self._database)
        subscription = Subscription(
            name=HANDLER, event=SaleMade, handler=self._hear, concurrency=32, attempts=5, deaths=10, ordered=False, given_up=None
        )
        self._subscriber = Subscriber(subscription, Nothing(), self._database)
        return self

    async def __aexit__(self, *_: object) -> None:
        """See `Carrier`."""
        await self._opened.aclose()
        if self._stream:
            await self._stream.close()

    async def _hear(self, event: SaleMade, _: Any) -> None:
        assert self._handler is not None
        await self._handler(event)


class Nothing(Interface):
    """The service of a module that has none."""
