"""The connection to Redis, Valkey, or a cluster of them."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import redis.asyncio
import structlog
from redis.asyncio.cluster import RedisCluster

T = TypeVar("T")
log = structlog.get_logger()

ANSWER_WITHIN_S = 10.0
# `whole` watches the time: with a time limit of its own the client makes a task for each command, and may swallow a cancellation
_OPTIONS: dict[str, Any] = {"socket_connect_timeout": 3, "socket_timeout": None}


class RedisConnection:
    """Opens the client with the first command, and finds out whether a cluster answers."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Any = None
        self._opening = asyncio.Lock()
        self.is_cluster = False

    async def client(self) -> Any:
        """Return the client. Raises RedisError or OSError while no server answers."""
        if self._client is None:
            await whole(self._open_once())
        return self._client

    async def close(self) -> None:
        """Close every connection; a later command opens them again."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _open_once(self) -> None:
        async with self._opening:
            if self._client is None:
                self._client = await self._open()

    async def _open(self) -> Any:
        client: Any = redis.asyncio.Redis.from_url(self._url, health_check_interval=30, **_OPTIONS)
        try:
            _warn_of_loss(await whole(client.info("persistence")))
            self.is_cluster = bool((await whole(client.info("cluster"))).get("cluster_enabled"))
        except BaseException:
            await client.aclose()
            raise
        if not self.is_cluster:
            return client
        await client.aclose()
        cluster: Any = RedisCluster.from_url(self._url, **_OPTIONS)
        await cluster.initialize()
        return cluster


def _warn_of_loss(persistence: dict[str, Any]) -> None:
    if not persistence.get("aof_enabled"):
        log.warning(
            "events.redis_keeps_nothing",
            consequence="what has not arrived is lost when the server ends; `converto events relay --from TIME` sends it again",
            fix="start the server with --appendonly yes",
        )


async def whole(call: Awaitable[T]) -> T:
    """Return what the client answers, unless this task was cancelled meanwhile.

    Raises TimeoutError where no answer comes; the client has closed its connection then. Where the client has a time limit of its own,
    such as while it connects, it swallows a cancellation that comes with the result: what reads on and on would then never stop.
    """
    async with asyncio.timeout(ANSWER_WITHIN_S):
        answer = await call
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return answer
