"""Our own events over Redis, asked the same as the rivals: an event is put in its envelope and sent, and a follower hears it typed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from bench.measuring.sale import STREAM, SaleMade
from bench.rivals.carrier import Carrier, Handler
from bench.rivals.raw_redis import Stream
from converto.events.backend import Following
from converto.events.redis_streams import RedisStreams, stream_of
from converto.kernel.event import Dispatcher, Envelope, Follower

FOLLOWER = "bench.handle"


class Converto(Carrier):
    """`RedisStreams`, as the relay sends by it and as a follower is called by it."""

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
