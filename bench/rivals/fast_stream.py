"""FastStream over a Redis stream: a publisher of one stream, and a subscriber of a consumer group that acknowledges each message."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from faststream.redis import RedisBroker, StreamSub

from bench.measuring.sale import SaleMade
from bench.rivals.carrier import Carrier, Handler
from bench.rivals.raw_redis import Stream

GROUP = "bench.group"
READ_COUNT = 200
POLL_MS = 1000
AT_ONCE = 50  # each takes a connection of its own


class FastStreamRedis(Carrier):
    """Its broker without a log of each message, which spares it work that nobody asked for.

    Args:
        max_workers: handles up to so many at once; one after the other where none is given.
    """

    def __init__(self, url: str, *, max_workers: int | None = None) -> None:
        self.name = f"FastStream, {max_workers} workers" if max_workers else "FastStream"
        self.stream = Stream(url, self.name, GROUP)
        self._broker: Any = RedisBroker(url, logger=None)
        self._publisher = self._broker.publisher(stream=self.stream.name)
        self._max_workers = max_workers

    async def publish(self, event: SaleMade) -> None:
        """See `Carrier.publish`."""
        await self._publisher.publish(event)

    async def fill(self, events: Sequence[SaleMade]) -> None:
        """See `Carrier.fill`."""
        for start in range(0, len(events), AT_ONCE):
            await asyncio.gather(*[self.publish(event) for event in events[start : start + AT_ONCE]])

    @asynccontextmanager
    async def heard(self, handler: Handler) -> AsyncIterator[None]:
        """See `Carrier.heard`."""
        sub = StreamSub(self.stream.name, group=GROUP, consumer="one", max_records=READ_COUNT, polling_interval=POLL_MS)

        async def handle(event: SaleMade) -> None:
            await handler(event)

        subscriber = self._broker.subscriber(stream=sub, max_workers=self._max_workers, persistent=False)
        subscriber(handle)
        await subscriber.start()
        try:
            yield
        finally:
            tasks = list(subscriber.tasks)
            await subscriber.stop()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def unacknowledged(self) -> int:
        """See `Carrier.unacknowledged`."""
        return await self.stream.unacknowledged()

    async def empty(self) -> None:
        """See `Carrier.empty`."""
        await self.stream.renew()

    async def __aenter__(self) -> Self:
        """See `Carrier`."""
        await self._broker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """See `Carrier`."""
        await self._broker.stop()
        await self.stream.close()
