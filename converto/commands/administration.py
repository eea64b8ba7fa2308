"""The commands of whoever runs an installation: migrations, modules, settings, dead events."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from uuid import UUID

from rich.console import Console
from rich.table import Table

from converto.app import create_app
from converto.app import migrate as upgrade
from converto.events.inbox import Inbox
from converto.events.outbox import Outbox
from converto.kernel.config import Settings
from converto.kernel.database import Database
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from converto.modules import installed


def migrate(settings: Settings) -> None:
    """Bring every database of this process to its newest revision, and say so."""
    asyncio.run(upgrade(settings))
    names = [module.name for module in Runtime(settings, installed(), metrics=new_registry()).here if module.tables is not None]
    print(f"The databases of {', '.join(names)} are at their newest revision.")


def modules(settings: Settings) -> None:
    """Print which modules there are and where each lives."""
    runtime = Runtime(settings, installed(), metrics=new_registry())
    table = Table("module", "lives", "needs")
    for name, module in runtime.known.items():
        where = settings.remote.get(name) or ("here" if module in runtime.here else "nowhere")
        owners = {other.interface: other.name for other in runtime.known.values() if other.interface is not None}
        table.add_row(name, where, ", ".join(owners[need] for need in module.needs))
    Console().print(table)


def openapi(settings: Settings) -> None:
    """Print the OpenAPI document of every module served here."""
    json.dump(create_app(settings).openapi(), sys.stdout, indent=2, ensure_ascii=False)
    print()


def dead(settings: Settings) -> None:
    """Print the events that could not be sent, or that a subscriber has given up on."""
    table = Table("event", "type", "subscriber", "attempts", "last error", "since")

    async def collect() -> None:
        async for database in _databases(settings):
            async with database.reading() as session:
                for event in [*await Inbox(session).dead(), *await Outbox(session).dead()]:
                    since = f"{event.dead_at:%Y-%m-%d %H:%M} UTC"
                    table.add_row(str(event.event_id), event.type, event.subscriber, str(event.attempts), event.last_error, since)

    asyncio.run(collect())
    Console().print(table if table.row_count else "No event is dead.")


def retry(settings: Settings, event_id: UUID) -> None:
    """Have a dead event handled anew; exit with 1 when there is none of that id."""

    async def revive() -> int:
        revived = 0
        async for database in _databases(settings):
            async with database.writing() as session:
                revived += await Inbox(session).revive(event_id) + await Outbox(session).revive(event_id)
        return revived

    revived = asyncio.run(revive())
    print(f"It goes out again, {revived} time(s)." if revived else f"Nobody has given up on {event_id}.")
    sys.exit(0 if revived else 1)


async def _databases(settings: Settings) -> AsyncIterator[Database]:
    runtime = Runtime(settings, installed(), metrics=new_registry())
    databases = runtime.open_databases()
    try:
        for module in runtime.here:
            if module.tables is not None:
                yield databases.of(module.name)
    finally:
        await databases.close()
