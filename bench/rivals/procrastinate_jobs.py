"""procrastinate's jobs on PostgreSQL: an asynchronous task, deferred in batches, and a worker that ends when none is left."""

from collections.abc import Awaitable, Callable
from typing import Any, Self

from procrastinate import App, PsycopgConnector

BATCH = 500
CONNECTIONS = 4  # with as many as jobs run at once it is slower


class Procrastinate:
    """Its worker deletes a job that is done, which is what it does fastest.

    Args:
        url: of a database, as psycopg takes it.
        concurrency: how many jobs run at once.
    """

    name = "procrastinate"

    def __init__(self, url: str, *, concurrency: int) -> None:
        self._concurrency = concurrency
        self._app: Any = App(connector=PsycopgConnector(conninfo=url, min_size=CONNECTIONS, max_size=CONNECTIONS))
        self._handler: Callable[[int], Awaitable[None]] = _nothing

        async def handle(cents: int) -> None:
            await self._handler(cents)

        self._task: Any = self._app.task(name="handle")(handle)

    async def fill(self, count: int) -> None:
        """Add so many jobs."""
        for start in range(0, count, BATCH):
            await self._task.batch_defer_async(*[{"cents": number} for number in range(start, min(start + BATCH, count))])

    async def work(self, handler: Callable[[int], Awaitable[None]]) -> None:
        """Work until no job is left."""
        self._handler = handler
        await self._app.run_worker_async(
            concurrency=self._concurrency, wait=False, listen_notify=False, install_signal_handlers=False, delete_jobs="always"
        )

    async def __aenter__(self) -> Self:
        """Connect, and make its tables."""
        await self._app.open_async()
        await self._app.schema_manager.apply_schema_async()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._app.close_async()


async def _nothing(_: int) -> None:
    return
