"""SQLite without a thread of its own for each connection: a statement takes a fraction of the time, and what it does is the same."""

from collections.abc import Callable, Generator
from typing import Any

import aiosqlite
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

_Wanted = tuple[Any, Callable[[], Any]]


class _AtOnce:
    """Stands where the queue to a thread stands, and does what is put there."""

    def put_nowait(self, wanted: _Wanted) -> None:
        """Do it, and give what comes of it."""
        future, function = wanted
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - whoever waits for it gets it
            future.set_exception(error)
        else:
            if future is not None:
                future.set_result(result)


class _Connection(aiosqlite.Connection):
    """A connection that works where it is asked."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._tx: Any = _AtOnce()

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        return self._connect().__await__()


async def connect(engine: AsyncEngine) -> None:
    """Have an engine's connections, from now on, work in the thread that asks: for one task that waits for nothing else meanwhile."""

    def opened(*given: Any, **more: Any) -> _Connection:
        usual = aiosqlite.connect(*given, **more)
        return _Connection(usual._connector, iter_chunk_size=64)

    @event.listens_for(engine.sync_engine, "do_connect")
    def configure(_dialect: Any, _record: Any, _given: Any, named: dict[str, Any]) -> None:
        named["async_creator_fn"] = opened

    await engine.dispose()
