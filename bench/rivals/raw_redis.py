"""Redis Streams by redis-py alone: one by one, and as fast as its pipelines go."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import redis.asyncio
from redis.exceptions import ResponseError

from bench.measuring.sale import SaleMade
from bench.rivals.carrier import Carrier, Handler

GROUP = "bench.group"
CONSUMER = "one"
BLOCK_MS = 1000
FIELD = b"event"


class Stream:
    """One stream with one group, seen from outside: what it holds, and a new one in its place."""

    def __init__(self, url: str, name: str, group: str) -> None:
        self.client: Any = redis.asyncio.Redis.from_url(url)
        self.name = name
        self.group = group

    async def renew(self) -> None:
        """Remove it, and make an empty one whose group reads from the start."""
        await self.client.delete(self.name)
        try:
            await self.client.xgroup_create(self.name, self.group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):  # a subscriber of before has made it anew
                raise

    async def unacknowledged(self) -> int:
        """Return how many entries the group has not read, or not acknowledged."""
        groups = await self.client.xinfo_groups(self.name)
        return sum(int(group["pending"]) + int(group["lag"] or 0) for group in groups)

    async def close(self) -> None:
        """Disconnect."""
        await self.client.aclose()


class RawRedis(Carrier):
    """XADD, XREADGROUP and XACK, each awaited alone; an event is its JSON by pydantic."""

    name = "redis-py, one by one"
    read_count = 1

    def __init__(self, url: str) -> None:
        self.stream = Stream(url, "raw", GROUP)
        self.client = self.stream.client
        self._reading: Any = redis.asyncio.Redis.from_url(url)

    async def publish(self, event: SaleMade) -> None:
        """See `Carrier.publish`."""
        await self.client.xadd(self.stream.name, {FIELD: event.model_dump_json()})

    async def fill(self, events: Sequence[SaleMade]) -> None:
        """See `Carrier.fill`."""
        await self.publish_together(events)

    async def publish_together(self, events: Sequence[SaleMade]) -> None:
        """Add events by one pipeline."""
        async with self.client.pipeline(transaction=False) as pipeline:
            for event in events:
                pipeline.xadd(self.stream.name, {FIELD: event.model_dump_json()})
            await pipeline.execute()

    @asynccontextmanager
    async def heard(self, handler: Handler) -> AsyncIterator[None]:
        """See `Carrier.heard`."""
        reader = asyncio.create_task(self._read(handler))
        try:
            yield
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _read(self, handler: Handler) -> None:
        reader = asyncio.current_task()
        assert reader is not None
        while not reader.cancelling():  # the client swallows a cancellation now and then
            answer = await self._reading.xreadgroup(GROUP, CONSUMER, {self.stream.name: ">"}, count=self.read_count, block=BLOCK_MS)
            for entries in _entries(answer):
                for _, fields in entries:
                    await handler(SaleMade.model_validate_json(fields[FIELD]))
                await self.client.xack(self.stream.name, GROUP, *[entry_id for entry_id, _ in entries])

    async def unacknowledged(self) -> int:
        """See `Carrier.unacknowledged`."""
        return await self.stream.unacknowledged()

    async def empty(self) -> None:
        """See `Carrier.empty`."""
        await self.stream.renew()

    async def __aenter__(self) -> Self:
        """See `Carrier`."""
        await self.client.ping()
        await self._reading.ping()
        return self

    async def __aexit__(self, *_: object) -> None:
        """See `Carrier`."""
        await self._reading.aclose()
        await self.stream.close()


class BatchedRedis(RawRedis):
    """The same, reading two hundred at once and acknowledging them together: what redis-py can do at best."""

    name = "redis-py, 200 at once"
    read_count = 200


def _entries(answer: Any) -> list[Any]:
    """Return the lists of entries, from the list of RESP2 or the mapping of RESP3."""
    if isinstance(answer, dict):
        return [entries for batches in answer.values() for entries in batches]
    return [entries for _, entries in answer or ()]
