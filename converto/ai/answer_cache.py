"""Answers that may be given again: to the very same question of the same company, and while one is on its way to all who ask it."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from time import monotonic
from uuid import UUID

import orjson

from converto.ai.conversation import ChatRequest, Completion
from converto.ai.interface import Options

_SMALL = 2000
"""About so many bytes an answer takes beside its text."""


class AnswerCache:
    """Keeps answers within bounds of time and memory; those used longest ago make room."""

    def __init__(self, *, ttl_s: float, max_bytes: int) -> None:
        self._ttl_s = ttl_s
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[bytes, tuple[float, int, Completion]] = OrderedDict()
        self._flights: dict[bytes, tuple[asyncio.Task[Completion], list[int]]] = {}

    def takes(self, request: ChatRequest) -> bool:
        """Tell whether an earlier answer to a question will do."""
        if self._ttl_s <= 0 or self._max_bytes <= 0:
            return False
        return request.cache if request.cache is not None else request.temperature == 0

    def found(self, key: bytes) -> Completion | None:
        """Return an answer that is kept."""
        entry = self._kept.get(key)
        if entry is None:
            return None
        if entry[0] < monotonic():
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return entry[2]

    def keep(self, key: bytes, completion: Completion) -> None:
        """Keep an answer, if it came to its own end."""
        size = len(completion.text) * 2 + _SMALL
        if completion.finish_reason not in {"stop", "tool_calls"} or size > self._max_bytes // 4:
            return
        if key in self._kept:
            self._drop(key)
        self._kept[key] = (monotonic() + self._ttl_s, size, completion)
        self._bytes += size
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: bytes) -> None:
        _, size, _ = self._kept.pop(key)
        self._bytes -= size

    async def once(self, key: bytes, ask: Callable[[], Awaitable[Completion]]) -> tuple[Completion, bool]:
        """Return an answer, and whether somebody else was asking already: then one call serves both.

        It is given up only when everybody has gone who waits for it.
        """
        flight = self._flights.get(key)
        joined = flight is not None
        if flight is None:
            task = asyncio.ensure_future(ask())
            flight = self._flights[key] = (task, [0])
            task.add_done_callback(lambda _: self._flights.pop(key, None))
        task, waiting = flight
        waiting[0] += 1
        try:
            return await asyncio.shield(task), joined
        finally:
            waiting[0] -= 1
            if not waiting[0] and not task.done():
                self._flights.pop(key, None)
                task.cancel()


def key_of(tenant_id: UUID, request: ChatRequest, options: Options) -> bytes:
    """Return what the same question has in common; the company is part of it, so that nobody gets another's answer."""
    asked = request.model_dump(mode="json", exclude={"cache", "max_cost"}, exclude_defaults=True)
    wanted = options.model_dump(mode="json", exclude={"keep_content"})
    content = orjson.dumps([str(tenant_id), asked, wanted], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(content, digest_size=24).digest()
