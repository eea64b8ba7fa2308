"""Events between processes: one Redis stream per module, one consumer group per subscriber.

What a group reads is taken into the subscriber's inbox and acknowledged; handling, retries and dead events are the inbox's affair,
the same as in process. So a long job holds no pending entry, and Redis holds only what has not arrived yet.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import orjson
import redis.asyncio
import structlog
from pydantic import ValidationError
from redis.exceptions import RedisError, ResponseError

from converto.events.backend import Subscriber
from converto.kernel.clock import now
from converto.kernel.errors import Unavailable
from converto.kernel.event import Envelope

T = TypeVar("T")
log = structlog.get_logger()

READ_COUNT = 200
BLOCK_MS = 2000
RECLAIM_AFTER_S = 30.0
SOCKET_TIMEOUT_S = 10.0
KEEP = timedelta(days=7)
"""How long a stream keeps an event, read or not: trimmed by age, never by length."""
RECONNECT_S = (0.1, 5.0)


class RedisStreams:
    """The backend for modules that live apart."""

    def __init__(self, url: str, *, reclaim_after_s: float = RECLAIM_AFTER_S) -> None:
        self._reclaim_after_s = reclaim_after_s
        self._redis: Any = redis.asyncio.Redis.from_url(
            url, socket_connect_timeout=3, socket_timeout=SOCKET_TIMEOUT_S, health_check_interval=30
        )
        self._consumer = f"{socket.gethostname()}-{os.getpid()}"

    async def send(self, envelopes: Sequence[Envelope]) -> None:
        """Add the events to the streams of their modules."""
        oldest = round((now() - KEEP).timestamp() * 1000)
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for envelope in envelopes:
                    fields = {"envelope": orjson.dumps(envelope.model_dump(mode="json"))}
                    pipeline.xadd(f"stream:{envelope.source}", fields, minid=oldest, approximate=True)
                await _whole(pipeline.execute())
        except (RedisError, OSError) as error:
            raise Unavailable(module="events", retry_after_s=1) from error

    async def run(self, subscribers: Sequence[Subscriber]) -> None:
        """Read for every subscriber; a Redis that goes away is come back to."""
        try:
            async with asyncio.TaskGroup() as group:
                for subscriber in subscribers:
                    group.create_task(self._follow(subscriber))
                await asyncio.Event().wait()  # a process without subscribers still sends
        finally:
            await self._redis.aclose()

    async def _follow(self, subscriber: Subscriber) -> None:
        stream = f"stream:{subscriber.subscription.event.type.partition('.')[0]}"
        pause_s = RECONNECT_S[0]
        while True:
            try:
                await self._join(stream, subscriber.name)
                await self._take_unfinished(stream, subscriber)
                pause_s = RECONNECT_S[0]
                await self._read(stream, subscriber)
            except (RedisError, OSError) as error:
                log.warning("events.redis_lost", subscriber=subscriber.name, error=str(error), retry_in_s=pause_s)
            except Exception:  # such as a database that cannot write now: no other subscriber stops for it
                log.exception("events.not_accepted", subscriber=subscriber.name, retry_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RECONNECT_S[1])

    async def _join(self, stream: str, group: str) -> None:
        try:
            await _whole(self._redis.xgroup_create(stream, group, id="0", mkstream=True))
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _read(self, stream: str, subscriber: Subscriber) -> None:
        loop = asyncio.get_running_loop()
        reclaim_at = loop.time()
        while True:
            if loop.time() >= reclaim_at:
                await self._reclaim(stream, subscriber)
                reclaim_at = loop.time() + self._reclaim_after_s
            wanted = {stream: ">"}
            answer = await _whole(self._redis.xreadgroup(subscriber.name, self._consumer, wanted, count=READ_COUNT, block=BLOCK_MS))
            for entries in _entries(answer):
                await self._take(stream, subscriber, entries)

    async def _take_unfinished(self, stream: str, subscriber: Subscriber) -> None:
        """Take in what this process has read, and could not keep then."""
        entries: Sequence[Any] = [None]
        while entries:
            answer = await _whole(self._redis.xreadgroup(subscriber.name, self._consumer, {stream: "0"}, count=READ_COUNT))
            entries = [entry for entries in _entries(answer) for entry in entries]
            await self._take(stream, subscriber, entries)

    async def _reclaim(self, stream: str, subscriber: Subscriber) -> None:
        """Take over what a consumer read and did not live to acknowledge."""
        start = "0-0"
        while True:
            idle_ms = round(self._reclaim_after_s * 1000)
            start, entries, *_ = await _whole(
                self._redis.xautoclaim(stream, subscriber.name, self._consumer, min_idle_time=idle_ms, start_id=start, count=READ_COUNT)
            )
            await self._take(stream, subscriber, entries)
            if start in {b"0-0", "0-0"}:
                return

    async def _take(self, stream: str, subscriber: Subscriber, entries: Sequence[Any]) -> None:
        if not entries:
            return
        envelopes = [envelope for entry_id, fields in entries if fields and (envelope := _opened(stream, entry_id, fields))]
        await subscriber.accept(envelopes)
        await _whole(self._redis.xack(stream, subscriber.name, *[entry_id for entry_id, _ in entries]))


async def _whole(call: Awaitable[T]) -> T:
    """Return what the client answers, unless this task was cancelled meanwhile.

    The client sends by `asyncio.wait_for`, which before Python 3.12 swallows a cancellation that comes with the result: what reads
    on and on would then never stop.
    """
    answer = await call
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return answer


def _opened(stream: str, entry_id: bytes, fields: dict[bytes, bytes]) -> Envelope | None:
    """Return what an entry holds; one that nobody can read is logged and left behind, for it would stop all that follow."""
    try:
        return Envelope.model_validate_json(fields[b"envelope"])
    except (KeyError, ValidationError) as error:
        log.error("events.unreadable", stream=stream, entry_id=entry_id.decode(), error=str(error)[:500])  # noqa: TRY400
        return None


def _entries(answer: Any) -> list[Any]:
    """Return the lists of entries, from the list of RESP2 or the mapping of RESP3."""
    if not answer:
        return []
    if isinstance(answer, dict):
        return [entries for batches in answer.values() for entries in batches]
    return [entries for _, entries in answer]
