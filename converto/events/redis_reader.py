"""Reading streams for one receiver: as one consumer of its group, together with the other processes that host it."""

import asyncio
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError
from redis.asyncio.lock import Lock
from redis.exceptions import LockError, RedisError, ResponseError

from converto.events.backend import CANNOT_NOW, Receiver
from converto.events.redis_connection import RedisConnection, whole
from converto.kernel.clock import new_id
from converto.kernel.event import Envelope, stream_of

log = structlog.get_logger()

READ_COUNT = 200
BLOCK_MS = 500
RECLAIM_EVERY_S = 0.5
RECONNECT_S = (0.1, 5.0)
LEAD_S = 10.0
"""How long the one process that reads for an ordered receiver stays the one without saying so again."""


class RedisReader:
    """Reads what is new for a receiver, and takes over what another process read and did not live to acknowledge.

    Whoever holds entries shows that it lives by claiming them again (which sets back their idle time), so that only a dead reader's
    are taken over. For a receiver that wants order, one process at a time reads.
    """

    def __init__(self, connection: RedisConnection, receiver: Receiver, *, reclaim_after_s: float) -> None:
        self._connection = connection
        self._receiver = receiver
        self._streams = [stream_of(source) for source in receiver.sources]
        self._reclaim_after_s = reclaim_after_s
        self._consumer = f"{socket.gethostname()}-{os.getpid()}-{new_id().hex[-8:]}"

    async def run(self) -> None:
        """Read until cancelled; on a cluster each stream by itself, for they lie on different nodes."""
        pause_s = RECONNECT_S[0]
        while True:
            try:
                await self._connection.client()
                groups = [[stream] for stream in self._streams] if self._connection.is_cluster else [self._streams]
                async with asyncio.TaskGroup() as tasks:
                    for streams in groups:
                        tasks.create_task(self._follow(streams))
            except (RedisError, OSError) as error:
                log.warning("events.redis_lost", receiver=self._receiver.name, error=str(error), retry_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RECONNECT_S[1])

    async def _follow(self, streams: Sequence[str]) -> None:
        pause_s = RECONNECT_S[0]
        while True:
            try:
                for stream in streams:
                    await self._join(stream)
                pause_s = RECONNECT_S[0]
                await (self._lead(streams) if self._receiver.ordered else self._read(streams))
            except (RedisError, OSError) as error:
                log.warning("events.redis_lost", receiver=self._receiver.name, error=str(error), retry_in_s=pause_s)
            except Exception:  # such as a database that cannot write now: no other receiver stops for it
                log.exception("events.not_accepted", receiver=self._receiver.name, retry_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RECONNECT_S[1])

    async def _join(self, stream: str) -> None:
        client = await self._connection.client()
        try:
            await whole(client.xgroup_create(stream, self._receiver.name, id="0", mkstream=True))
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _lead(self, streams: Sequence[str]) -> None:
        """Read while this process is the one that reads, and wait to become it otherwise."""
        client = await self._connection.client()
        lock = Lock(client, f"reader:{self._receiver.name}:{streams[0]}", timeout=LEAD_S, thread_local=False)
        while True:
            if not await whole(lock.acquire(blocking=False)):
                await asyncio.sleep(LEAD_S / 10)
                continue
            try:
                await self._read(streams, lock=lock)
            except LockError:
                log.warning("events.lead_lost", receiver=self._receiver.name)
            finally:
                with suppress(LockError, RedisError, OSError):  # so that the next one need not wait until it has run out
                    await whole(lock.release())

    async def _read(self, streams: Sequence[str], *, lock: Lock | None = None) -> None:
        """Read on and on; with a lock, first whatever others have left, and only as long as the lock is ours."""
        client = await self._connection.client()
        loop = asyncio.get_running_loop()
        for stream in streams:
            await self._take_unfinished(stream)
            await self._reclaim(stream, idle_s=self._reclaim_after_s if lock is None else 0)
        reclaim_at = loop.time() + RECLAIM_EVERY_S
        wanted = dict.fromkeys(streams, ">")
        while True:
            if lock is None and loop.time() >= reclaim_at:
                for stream in streams:
                    await self._reclaim(stream, idle_s=self._reclaim_after_s)
                reclaim_at = loop.time() + RECLAIM_EVERY_S
            answer = await whole(client.xreadgroup(self._receiver.name, self._consumer, wanted, count=READ_COUNT, block=BLOCK_MS))
            if lock is not None:
                await whole(lock.reacquire())  # raises where another has become the reader, before anything is taken
            for stream, entries in _by_stream(answer):
                await self._take(stream, entries)

    async def _take_unfinished(self, stream: str) -> None:
        """Take in what this process has read, and could not keep then."""
        client = await self._connection.client()
        start: Any = "0"
        while True:
            answer = await whole(client.xreadgroup(self._receiver.name, self._consumer, {stream: start}, count=READ_COUNT))
            entries = [entry for _, entries in _by_stream(answer) for entry in entries]
            if not entries:
                return
            await self._take(stream, entries)
            start = entries[-1][0]

    async def _reclaim(self, stream: str, *, idle_s: float) -> None:
        """Take over what a reader did not live to acknowledge."""
        client = await self._connection.client()
        start: Any = "0-0"
        while True:
            start, entries, *_ = await whole(
                client.xautoclaim(
                    stream, self._receiver.name, self._consumer, min_idle_time=round(idle_s * 1000), start_id=start, count=READ_COUNT
                )
            )
            await self._take(stream, entries)
            if start in {b"0-0", "0-0"}:
                return

    async def _take(self, stream: str, entries: Sequence[Any]) -> None:
        if not entries:
            return
        client = await self._connection.client()
        ids = [entry_id for entry_id, _ in entries]
        opened = [_opened(stream, entry_id, fields) if fields else None for entry_id, fields in entries]
        envelopes = [envelope for envelope in opened if envelope is not None]
        renewing = asyncio.create_task(self._renew(client, stream, ids))
        try:
            left = await self._accept(envelopes)
        finally:
            renewing.cancel()
        done = [entry_id for entry_id, envelope in zip(ids, opened, strict=True) if envelope is None or envelope.id not in left]
        if done:
            await whole(client.xack(stream, self._receiver.name, *done))

    async def _accept(self, envelopes: Sequence[Envelope]) -> set[UUID]:
        """Have the receiver take events in; returns the ids of those that it refuses, which stay pending and come again.

        Raises where nothing can be taken now, and where an event must not be overtaken.
        """
        try:
            await self._receiver.accept(envelopes)
        except Exception as error:
            if self._receiver.ordered or isinstance(error, CANNOT_NOW):
                raise
            log.warning("events.batch_refused", receiver=self._receiver.name, exc_info=error)
        else:
            return set()
        refused: set[UUID] = set()
        for envelope in envelopes:
            try:
                await self._receiver.accept([envelope])
            except CANNOT_NOW:
                raise
            except Exception:
                log.exception("events.refused", receiver=self._receiver.name, event_id=str(envelope.id), type=envelope.type)
                refused.add(envelope.id)
        return refused

    async def _renew(self, client: Any, stream: str, ids: Sequence[Any]) -> None:
        """Show that whoever holds these entries lives."""
        while True:
            await asyncio.sleep(self._reclaim_after_s / 3)
            try:
                await whole(client.xclaim(stream, self._receiver.name, self._consumer, 0, ids, justid=True))
            except (RedisError, OSError) as error:
                log.warning("events.not_renewed", receiver=self._receiver.name, error=str(error))


def _opened(stream: str, entry_id: bytes, fields: dict[bytes, bytes]) -> Envelope | None:
    """Return what an entry holds; one that nobody can read is logged and left behind, for it would stop all that follow."""
    try:
        return Envelope.model_validate_json(fields[b"envelope"])
    except (KeyError, ValidationError) as error:
        log.error("events.unreadable", stream=stream, entry_id=entry_id.decode(), error=str(error)[:500])  # noqa: TRY400
        return None


def _by_stream(answer: Any) -> list[tuple[str, list[Any]]]:
    """Return the entries of each stream, from the list of RESP2 or the mapping of RESP3."""
    if not answer:
        return []
    pairs = [(name, entries) for name, batches in answer.items() for entries in batches] if isinstance(answer, dict) else answer
    return [(name.decode(), entries) for name, entries in pairs]
