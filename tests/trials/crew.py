"""The processes of a trial of events, each of which may be killed at any moment and comes back."""

import select
import subprocess
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import func
from sqlalchemy import select as choose

from converto.events.tables import inbox, outbox
from converto.events.tables import tables as delivery
from converto.kernel.database import Databases
from converto.kernel.schema import upgrade
from tests.trials.event_process import MODULE, Plan, facts, tables

ROOT = Path(__file__).parents[2]
READY_S = 60


class Crew:
    """Starts processes by their plans; a name stands for one of them at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[str]] = {}

    def start(self, name: str, plan: Plan) -> None:
        """Start a process and return once it works."""
        command = [sys.executable, "-m", "tests.trials.event_process", plan.model_dump_json()]
        with (self._folder / f"{name}.log").open("a") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True)
        self._running[name] = process
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], READY_S)
        assert readable, f"{name} does not start"

    def pid(self, name: str) -> int:
        """Return the number of a process."""
        return self._running[name].pid

    def kill(self, name: str) -> None:
        """End a process as a crash would."""
        process = self._running.pop(name)
        process.kill()
        process.communicate()

    def wait(self, name: str, *, timeout_s: float) -> None:
        """Return once a process has ended by itself."""
        process = self._running.pop(name)
        process.communicate(timeout=timeout_s)
        assert process.returncode == 0

    def close(self) -> None:
        """Kill whatever runs."""
        for name in list(self._running):
            self.kill(name)


class Books:
    """What the database of a trial says in the end."""

    def __init__(self, databases: Databases) -> None:
        self.database = databases.of(MODULE)

    async def open(self) -> None:
        """Make the tables."""
        await upgrade(self.database, "delivery", delivery)
        async with self.database.engine.begin() as connection:
            await connection.run_sync(tables.create_all)

    async def count(self, *wanted: Any) -> int:
        """Return how many rows there are."""
        async with self.database.reading() as session:
            return int(await session.scalar(choose(func.count()).select_from(wanted[0]).where(*wanted[1:])) or 0)

    async def next_number(self) -> int:
        """Return the number after the last fact."""
        async with self.database.reading() as session:
            last = await session.scalar(choose(func.max(facts.c.number)))
        return 0 if last is None else last + 1

    async def is_settled(self) -> bool:
        """Return whether nothing waits any more."""
        unsent = await self.count(outbox, outbox.c.sent_at.is_(None), outbox.c.dead_at.is_(None))
        return unsent + await self.count(inbox, inbox.c.due_at.is_not(None)) == 0
