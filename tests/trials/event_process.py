"""Starts the processes of the trials of events: one line of JSON on stdin for each, answered by its number once it works.

They are forked off a process that has imported everything, so that one comes back at once after it was killed.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import ClassVar, Literal
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from sqlalchemy import Column, Float, Integer, MetaData, String, Table, Uuid, insert
from sqlalchemy.dialects import postgresql, sqlite

from converto.events.backend import Backend, Subscriber
from converto.events.delivery import Consumer
from converto.events.in_process import InProcess
from converto.events.outbox import publish
from converto.events.redis_streams import RedisStreams
from converto.events.relay import Relay
from converto.events.traffic import Traffic
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database, Databases
from converto.kernel.event import Event, Subscription, hear
from converto.kernel.interface import Interface
from converto.kernel.metrics import EventFigures

MODULE = "ocr"
"""A real module's name, so that the commands of an operator find its outbox."""
SUBJECTS = 7
TENANT = new_id()

tables = MetaData()
facts = Table("trial_facts", tables, Column("number", Integer, primary_key=True))
"""What the producer has committed, each in one transaction with its event."""
effects = Table(
    "trial_effects",
    tables,
    Column("place", Integer, primary_key=True, autoincrement=True),
    Column("subscriber", String(50), nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
)
"""What came of the events. Nothing in the table keeps a second row out: only the key below does."""
done = Table("trial_done", tables, Column("subscriber", String(50), primary_key=True), Column("event_id", Uuid, primary_key=True))
"""The ids under which handlers have written: a handler that finds its own writes nothing."""
calls = Table(
    "trial_calls",
    tables,
    Column("call", Uuid, primary_key=True),
    Column("subscriber", String(50), nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("at", Float, nullable=False),
)
"""Each time a handler was called."""


class Plan(BaseModel):
    """What this process shall do."""

    role: Literal["producer", "relay", "reader", "worker", "app"]
    folder: Path
    database_url: str | None = None
    redis_url: str | None = None
    lease_s: float = 3.0
    job_s: float = 0.005
    first: int = 0
    last: int | None = None
    pause_s: float = 0.02


class Told(Event):
    """Something with a number happened."""

    type: ClassVar[str] = f"{MODULE}.trial"
    subject_field: ClassVar[str | None] = "subject"

    number: int
    subject: str


class Ledger(Interface):
    """Writes down what is heard."""

    def __init__(self, database: Database, job_s: float) -> None:
        self._database = database
        self._job_s = job_s
        self._insert = sqlite.insert if database.is_sqlite else postgresql.insert

    async def write(self, subscriber: str, event: Told) -> None:
        """Do a job of some length, and write under the event's id that it is done, with what came of it, in one transaction."""
        async with self._database.writing() as session:
            call = {"call": uuid4(), "subscriber": subscriber, "event_id": event.id, "pid": os.getpid(), "at": now().timestamp()}
            await session.execute(insert(calls).values(call))
        await asyncio.sleep(self._job_s)
        key = {"subscriber": subscriber, "event_id": event.id}
        async with self._database.writing() as session:
            mine = await session.execute(self._insert(done).values(key).on_conflict_do_nothing().returning(done.c.event_id))
            if mine.first() is not None:
                await session.execute(insert(effects).values({**key, "number": event.number}))


async def ordered(event: Told, ledger: Ledger) -> None:
    """Hear events about one subject one after another."""
    await ledger.write("ordered", event)


async def unordered(event: Told, ledger: Ledger) -> None:
    """Hear events as they come."""
    await ledger.write("unordered", event)


def subscriptions() -> tuple[Subscription, ...]:
    """Return who hears: in order, and not."""
    return hear(Told, ordered, ordered=True, deaths=100), hear(Told, unordered, deaths=100)


def _backend(plan: Plan) -> Backend:
    return RedisStreams(plan.redis_url, reclaim_after_s=plan.lease_s) if plan.redis_url else InProcess()


async def _produce(database: Database, plan: Plan) -> None:
    number = plan.first
    while plan.last is None or number < plan.last:
        together = range(number, min(number + 1 + number % 4, plan.last or sys.maxsize))
        async with database.writing() as session:
            for one in together:
                await session.execute(insert(facts).values(number=one))
                await publish(session, Told(tenant_id=TENANT, number=one, subject=str(one % SUBJECTS)))
        number = together.stop
        await asyncio.sleep(plan.pause_s)


async def run(plan: Plan) -> None:
    """Play one part until killed."""
    database = Databases(plan.folder, plan.database_url, pool_size=10).of(MODULE).across_tenants
    figures = EventFigures(CollectorRegistry())
    heard = [Subscriber(one, Ledger(database, plan.job_s), database) for one in subscriptions()]
    print(os.getpid(), flush=True)
    if plan.role == "producer":
        await _produce(database, plan)
    elif plan.role == "relay":
        await Relay(database, _backend(plan), figures).run()
    elif plan.role == "reader":
        await _backend(plan).run(heard)
    elif plan.role == "worker":
        await asyncio.gather(*(Consumer(one, figures, lease_s=plan.lease_s).run() for one in heard))
    else:
        async with Traffic(_backend(plan), figures, lease_s=plan.lease_s).running([database], heard):
            await asyncio.Event().wait()


def main() -> None:
    """Fork a process for each plan on stdin, and end with whoever started this."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # stdout says who works
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asyncio.run(run(Plan.model_validate_json(line)))
            os._exit(0)
