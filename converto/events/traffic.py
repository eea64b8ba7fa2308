"""All that moves events in one process: a relay per outbox, a consumer per subscriber, and the backend between them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from converto.events.backend import Backend, Subscriber
from converto.events.delivery import Consumer
from converto.events.in_process import InProcess
from converto.events.inbox import Inbox
from converto.events.relay import Relay
from converto.kernel.clock import now
from converto.kernel.database import Database
from converto.kernel.metrics import EventFigures

log = structlog.get_logger()

RESTART_S = 1.0
PURGE_EVERY_S = 3600.0
REMEMBER = timedelta(days=7)
"""How long a handled event is remembered, so that a second copy of it is known."""


def open_backend(setting: str) -> Backend:
    """Return the backend that `CONVERTO_EVENTS` names: memory, or a Redis by its URL."""
    if setting == "memory":
        return InProcess()
    from converto.events.redis_streams import RedisStreams  # noqa: PLC0415 - an extra, wanted only where it is configured

    return RedisStreams(setting)


class Traffic:
    """Starts and stops the loops, brings a crashed one back, and knows whether all of them run."""

    def __init__(self, backend: Backend, figures: EventFigures) -> None:
        self._backend = backend
        self._figures = figures
        self._crashed: set[str] = set()

    @property
    def is_alive(self) -> bool:
        """Whether every loop runs; one that crashed counts until it has come back."""
        return not self._crashed

    @asynccontextmanager
    async def running(self, databases: Sequence[Database], subscribers: Sequence[Subscriber]) -> AsyncIterator[None]:
        """Move events for the given outboxes and subscribers while the block runs."""
        loops: dict[str, Callable[[], Awaitable[None]]] = {"backend": lambda: self._backend.run(subscribers)}
        loops |= {f"consumer of {s.name}": Consumer(s, self._figures).run for s in subscribers}
        loops |= {f"relay of {d.module}": Relay(d, self._backend, self._figures).run for d in databases}
        loops["purge"] = lambda: _purge(databases)
        tasks = [asyncio.create_task(self._keep(name, loop), name=name) for name, loop in loops.items()]
        try:
            yield
        finally:
            for task in reversed(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await loop()
            except Exception:
                self._crashed.add(name)
                log.exception("events.loop_crashed", loop=name)
            await asyncio.sleep(RESTART_S)
            self._crashed.discard(name)


async def _purge(databases: Sequence[Database]) -> None:
    while True:
        for database in databases:
            async with database.writing() as session:
                await Inbox(session).purge(handled_before=now() - REMEMBER)
        await asyncio.sleep(PURGE_EVERY_S)
