"""All that moves events in one process: a relay per outbox, a consumer per subscriber, and the backend between them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import structlog

from converto.events.backend import Backend, Following, Subscriber
from converto.events.backlog import Backlog
from converto.events.delivery import LEASE_S, Consumer
from converto.events.in_process import InProcess
from converto.events.inbox import Inbox
from converto.events.lookout import Lookout
from converto.events.outbox import Outbox
from converto.events.relay import Relay
from converto.kernel.clock import now
from converto.kernel.config import Settings
from converto.kernel.database import Database
from converto.kernel.metrics import EventFigures

log = structlog.get_logger()

RESTART_S = 1.0
REST_S = 30.0
"""How often a loop looks for itself: the lookout of its database rings before."""
KEEP = timedelta(days=7)
PURGE_EVERY_S = 600.0
PURGE_SLICE = 1000
LOOK_EVERY_S = 10.0


def open_backend(settings: Settings) -> Backend:
    """Return the backend that `CONVERTO_EVENTS` names: memory, or a Redis by its URL."""
    if settings.events == "memory":
        return InProcess()
    from converto.events.redis_streams import RedisStreams  # noqa: PLC0415 - an extra, wanted only where it is configured

    return RedisStreams(settings.events, keep=timedelta(days=settings.events_keep_days), reclaim_after_s=settings.events_lease_s)


class Traffic:
    """Starts and stops the loops, brings a crashed one back, and knows whether all of them run."""

    def __init__(self, backend: Backend, figures: EventFigures, *, lease_s: float = LEASE_S, keep: timedelta = KEEP) -> None:
        """Take the backend, how long a job is its process's own, and how long sent and handled events are kept."""
        self._backend = backend
        self._figures = figures
        self._lease_s = lease_s
        self._keep_for = keep
        self._backlog = Backlog(figures)
        self._crashed: set[str] = set()

    @property
    def is_alive(self) -> bool:
        """Whether every loop runs; one that crashed counts until it has come back."""
        return not self._crashed

    @asynccontextmanager
    async def running(
        self, databases: Sequence[Database], subscribers: Sequence[Subscriber], following: Sequence[Following] = ()
    ) -> AsyncIterator[None]:
        """Move events for the given outboxes, subscribers and followers while the block runs."""
        loops: dict[str, Callable[[], Awaitable[None]]] = {"backend": lambda: self._backend.run([*subscribers, *following])}
        loops |= {f"consumer of {s.name}": Consumer(s, self._figures, lease_s=self._lease_s, poll_s=REST_S).run for s in subscribers}
        loops |= {f"relay of {d.module}": Relay(d, self._backend, self._figures, poll_s=REST_S).run for d in databases}
        loops |= {
            f"lookout of {d.module}": Lookout(d, [s.name for s in subscribers if s.database.module == d.module]).run for d in databases
        }
        loops["purge"] = lambda: self._purge(databases)
        self._backlog.expect(s.name for s in subscribers)
        loops["backlog"] = lambda: self._look(databases)
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
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # a driver may answer a cancellation with an error of its own
                return
            await asyncio.sleep(RESTART_S)
            self._crashed.discard(name)

    async def _look(self, databases: Sequence[Database]) -> None:
        """Count what waits, now and then: what is shown is so old at most."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self._backlog.look(databases)

    async def _purge(self, databases: Sequence[Database]) -> None:
        """Forget what is older than events are kept, in slices, so that nobody waits long for the database."""
        while True:
            for database in databases:
                before = now() - self._keep_for
                more = True
                while more:
                    more = await _purge_slice(database, before)
            await asyncio.sleep(PURGE_EVERY_S)


async def _purge_slice(database: Database, before: datetime) -> bool:
    async with database.across_tenants.writing() as session:
        handled = await Inbox(session).purge(handled_before=before, limit=PURGE_SLICE)
        sent = await Outbox(session).purge(sent_before=before, limit=PURGE_SLICE)
    return PURGE_SLICE in {handled, sent}
