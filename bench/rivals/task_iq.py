"""taskiq over a Redis stream: a task that takes the event, and a receiver that acknowledges each when it is done."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from taskiq.api import run_receiver_task
from taskiq_redis import RedisStreamBroker

from bench.measuring.sale import SaleMade, sale
from bench.rivals.carrier import Carrier, Handler
from bench.rivals.raw_redis import Stream

GROUP = "taskiq"
READ_COUNT = 200
AT_ONCE = 50  # each takes a connection of its own


class TaskiqRedis(Carrier):
    """Its stream broker, which keeps no results."""

    name = "taskiq"

    def __init__(self, url: str) -> None:
        self.stream = Stream(url, "taskiq", GROUP)
        self._broker: Any = RedisStreamBroker(url, queue_name=self.stream.name, consumer_id="0", xread_count=READ_COUNT)
        self._handler: Handler = _nothing

        async def handle(event: SaleMade) -> None:
            await self._handler(event)

        self._task: Any = self._broker.task(handle)

    async def publish(self, event: SaleMade) -> None:
        """See `Carrier.publish`."""
        await self._task.kiq(event)

    async def fill(self, events: Sequence[SaleMade]) -> None:
        """See `Carrier.fill`."""
        for start in range(0, len(events), AT_ONCE):
            await asyncio.gather(*[self.publish(event) for event in events[start : start + AT_ONCE]])

    @asynccontextmanager
    async def heard(self, handler: Handler) -> AsyncIterator[None]:
        """See `Carrier.heard`."""
        self._handler = handler
        receiver = asyncio.create_task(run_receiver_task(self._broker, run_startup=False))
        try:
            yield
        finally:
            self._handler = _nothing
            receiver.cancel()
            while not receiver.done():  # a read in it swallows the cancellation now and then, and waits for one more
                await self.publish(sale())
                await asyncio.wait({receiver}, timeout=0.1)

    async def unacknowledged(self) -> int:
        """See `Carrier.unacknowledged`."""
        return await self.stream.unacknowledged()

    async def empty(self) -> None:
        """See `Carrier.empty`."""
        await self.stream.renew()

    async def __aenter__(self) -> Self:
        """See `Carrier`."""
        logging.getLogger("taskiq").setLevel(logging.ERROR)  # it tells that it was told to stop
        await self._broker.startup()
        return self

    async def __aexit__(self, *_: object) -> None:
        """See `Carrier`."""
        await self._broker.shutdown()
        await self.stream.close()


async def _nothing(_: SaleMade) -> None:
    return
