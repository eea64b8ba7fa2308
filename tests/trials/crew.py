"""The processes of a trial of events, each of which may be killed at any moment and comes back."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from subprocess import PIPE
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
        self._running: dict[str, int] = {}
        command = [sys.executable, "-c", "from tests.trials.event_process import main; main()"]
        with (folder / "log").open("a") as log:
            self._starter = subprocess.Popen(
                command, cwd=ROOT, stdin=PIPE, stdout=PIPE, stderr=log, text=True, bufsize=1, start_new_session=True
            )

    def start(self, name: str, plan: Plan) -> None:
        """Start a process and return once it works."""
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._starter.stdin.write(plan.model_dump_json() + "\n")
        readable, _, _ = select.select([self._starter.stdout], [], [], READY_S)
        assert readable, f"{name} does not start"
        self._running[name] = int(self._starter.stdout.readline())

    def pid(self, name: str) -> int:
        """Return the number of a process."""
        return self._running[name]

    def kill(self, name: str) -> None:
        """End a process as a crash would."""
        os.kill(self._running[name], signal.SIGKILL)
        self.wait(name, timeout_s=10)

    def wait(self, name: str, *, timeout_s: float) -> None:
        """Return once a process has ended."""
        pid, deadline = self._running.pop(name), time.monotonic() + timeout_s
        while Path(f"/proc/{pid}").exists():
            assert time.monotonic() < deadline, f"{name} does not end"
            time.sleep(0.005)

    def close(self) -> None:
        """Kill whatever runs."""
        os.killpg(self._starter.pid, signal.SIGKILL)
        self._starter.communicate()


class Books:
    """What the database of a trial says in the end."""

    def __init__(self, databases: Databases) -> None:
        self.database = databases.of(MODULE).across_tenants

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
