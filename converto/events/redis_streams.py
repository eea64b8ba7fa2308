"""Events between processes: one Redis stream per module, one consumer group per receiver.

What a group reads is taken in by its receiver, such as a subscriber's inbox, and acknowledged: handling, retries and dead events are the
inbox's affair, the same as in process. So a long job holds no pending entry, and Redis holds only what has not arrived yet.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

import structlog
from redis.exceptions import NoScriptError, RedisError, ResponseError

from converto.events.backend import Receiver
from converto.events.redis_connection import RedisConnection, whole
from converto.events.redis_reader import RedisReader
from converto.events.redis_trim import trim
from converto.kernel.errors import Unavailable
from converto.kernel.event import Envelope, stream_of

log = structlog.get_logger()

MOST_TOGETHER = 500
KEEP = timedelta(days=7)
RECLAIM_AFTER_S = 15.0
TRIM_EVERY_S = 60.0


ADD_ALL = "for number = 1, #ARGV do redis.call('XADD', KEYS[1], '*', 'envelope', ARGV[number]) end"
"""Adds a batch by one command with one answer: the client takes 40 microseconds for each command of a pipeline, and 6 for an argument."""
ADD_ALL_SHA = hashlib.sha1(ADD_ALL.encode(), usedforsecurity=False).hexdigest()
"""What the server knows it by."""


class RedisStreams:
    """The backend for modules that live apart."""

    def __init__(
        self,
        url: str,
        *,
        keep: timedelta = KEEP,
        reclaim_after_s: float = RECLAIM_AFTER_S,
        trim_every_s: float = TRIM_EVERY_S,
    ) -> None:
        """Take a URL, and how long streams keep what every group has acknowledged."""
        self._connection = RedisConnection(url)
        self._keep = keep
        self._reclaim_after_s = reclaim_after_s
        self._trim_every_s = trim_every_s
        self._waiting: list[tuple[Sequence[Envelope], asyncio.Future[None]]] = []
        self._sender: asyncio.Task[None] | None = None
        self._streams: set[str] = set()

    async def send(self, envelopes: Sequence[Envelope]) -> None:
        """Add the events to the streams of their modules, in one round trip with what others send meanwhile."""
        if not envelopes:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((envelopes, done))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())
        await done

    async def run(self, receivers: Sequence[Receiver]) -> None:
        """Read for every receiver; a Redis that goes away is come back to."""
        self._streams |= {stream_of(source) for receiver in receivers for source in receiver.sources}
        readers = [RedisReader(self._connection, receiver, reclaim_after_s=self._reclaim_after_s) for receiver in receivers]
        try:
            async with asyncio.TaskGroup() as group:
                for reader in readers:
                    group.create_task(reader.run())
                group.create_task(self._trim())  # a process without receivers trims what it sends
        finally:
            await self._connection.close()

    async def _send(self) -> None:
        try:
            while self._waiting:
                together, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                try:
                    await self._add([envelope for envelopes, _ in together for envelope in envelopes])
                except Exception as error:  # noqa: BLE001 - such as a cluster's own errors, which are no RedisError
                    _answer(together, error)
                else:
                    _answer(together, None)
        finally:
            self._sender = None
            for _, done in self._waiting:
                done.cancel()

    async def _add(self, envelopes: Sequence[Envelope]) -> None:
        client = await self._connection.client()
        by_stream: dict[str, list[bytes]] = defaultdict(list)
        for envelope in envelopes:
            by_stream[stream_of(envelope.source)].append(envelope.__pydantic_serializer__.to_json(envelope))
        self._streams.update(by_stream)
        for stream, told in by_stream.items():
            try:
                await whole(client.evalsha(ADD_ALL_SHA, 1, stream, *told))
            except NoScriptError:  # a server that has never run it, or has forgotten it in a restart
                await whole(client.eval(ADD_ALL, 1, stream, *told))

    async def _trim(self) -> None:
        while True:
            await asyncio.sleep(self._trim_every_s)
            for stream in sorted(self._streams):
                try:
                    await trim(await self._connection.client(), stream, keep=self._keep)
                except (RedisError, OSError) as error:
                    if not (isinstance(error, ResponseError) and "no such key" in str(error)):
                        log.warning("events.not_trimmed", stream=stream, error=str(error))


def _answer(together: Sequence[tuple[Sequence[Envelope], asyncio.Future[None]]], error: Exception | None) -> None:
    for _, done in together:
        if done.done():  # its caller has gone
            continue
        if error is None:
            done.set_result(None)
            continue
        unavailable = Unavailable(module="events", retry_after_s=1)
        unavailable.__cause__ = error
        done.set_exception(unavailable)
