"""The commands for facts on their way: the dead ones, and what is to be sent once more."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from rich.console import Console
from rich.table import Table

from converto.events.desk import DeliveryDesk
from converto.events.outbox import Outbox
from converto.kernel.clock import now
from converto.kernel.config import Settings
from converto.kernel.database import Database
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from converto.modules import installed

MOST = 200
"""So many dead events of a module are shown."""


def dead(settings: Settings) -> None:
    """Print the events that could not be sent, or that a subscriber has given up on."""
    table = Table("event", "type", "subscriber", "attempts", "last error", "since")

    async def collect() -> None:
        async for database in _databases(settings):
            for one in await DeliveryDesk(database).dead(None, limit=MOST):
                since = f"{one.dead_at:%Y-%m-%d %H:%M} UTC"
                table.add_row(str(one.envelope.id), one.envelope.type, one.subscriber, str(one.attempts), one.last_error, since)

    asyncio.run(collect())
    Console().print(table if table.row_count else "No event is dead.")


def retry(settings: Settings, event_id: UUID) -> None:
    """Have a dead event handled anew; exit with 1 when there is none of that id."""
    times = _changed(settings, lambda desk: desk.retry(event_id, tenant_id=None))
    print(f"It goes out again, {times} time(s)." if times else f"Nobody has given up on {event_id}.")
    sys.exit(0 if times else 1)


def purge(settings: Settings, event_id: UUID) -> None:
    """Forget a dead event; exit with 1 when there is none of that id."""
    times = _changed(settings, lambda desk: desk.purge(event_id, tenant_id=None))
    print(f"It is forgotten, {times} time(s)." if times else f"Nobody has given up on {event_id}.")
    sys.exit(0 if times else 1)


def _changed(settings: Settings, change: Callable[[DeliveryDesk], Awaitable[int]]) -> int:
    async def everywhere() -> int:
        return sum([await change(DeliveryDesk(database)) async for database in _databases(settings)])

    return asyncio.run(everywhere())


def relay(settings: Settings, told_from: datetime) -> None:
    """Have everything told since a moment sent once more: what Redis has lost arrives, what has arrived is known and ignored."""

    async def again() -> int:
        events = 0
        async for database in _databases(settings):
            async with database.across_tenants.writing() as session:
                events += await Outbox(session).send_again(told_from=told_from)
        return events

    events = asyncio.run(again())
    print(f"{events} events told since {told_from:%Y-%m-%d %H:%M:%S} UTC go out again; whoever has them already ignores them.")


def moment(given: str) -> datetime:
    """Return the moment that somebody means: `2026-11-23T08:00:00Z`, or so long ago: `90m`, `12h`, `3d`. Raises ValueError."""
    ago = re.fullmatch(r"(\d{1,6})([mhd])", given)
    if ago is not None:
        return now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        read = datetime.fromisoformat(given)
    except ValueError:
        read = None
    if read is None or read.tzinfo is None:
        msg = f"{given} is no moment: write 2026-11-23T08:00:00Z, or how long ago, such as 90m, 12h or 3d"
        raise ValueError(msg)
    return read.astimezone(UTC)


_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


async def _databases(settings: Settings) -> AsyncIterator[Database]:
    runtime = Runtime(settings, installed(), metrics=new_registry())
    databases = runtime.open_databases()
    try:
        for module in runtime.here:
            if module.carries_events:
                yield databases.of(module.name)
    finally:
        await databases.close()
