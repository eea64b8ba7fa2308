"""What a module does now and then while it runs, such as forgetting what is over."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

log = structlog.get_logger()


@contextlib.asynccontextmanager
async def now_and_then(work: Callable[[], Awaitable[object]], *, name: str, after_s: float, every_s: float) -> AsyncIterator[None]:
    """Do a work while the block runs, for the first time `after_s` seconds from now: a start is not the moment for it.

    What fails, such as for a database that is away, is logged under the name and done the next time.
    """
    running = asyncio.create_task(_repeat(work, name, pause_s=after_s, every_s=every_s), name=name)
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


async def _repeat(work: Callable[[], Awaitable[object]], name: str, *, pause_s: float, every_s: float) -> None:
    while True:
        await asyncio.sleep(pause_s)
        pause_s = every_s
        try:
            await work()
        except Exception:
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # a driver may answer a cancellation with an error of its own
                return
            log.exception("upkeep.failed", work=name)
