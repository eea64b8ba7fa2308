"""A little module that writes down what it hears, as the tests of the events need it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import select, update

from converto.events.backend import Subscriber
from converto.events.desk import DeliveryDesk
from converto.events.outbox import publish
from converto.events.tables import inbox, outbox
from converto.kernel.clock import new_id, now
from converto.kernel.context import Context, current
from converto.kernel.database import Database
from converto.kernel.event import Envelope, Event, Subscription, hear
from converto.kernel.interface import Interface

TENANT = new_id()
PATIENCE_S = 20.0


class Told(Event):
    """Somebody said something."""

    type: ClassVar[str] = "diary.told"

    words: str


class Whispered(Event):
    """Somebody said something that the diary does not hear."""

    type: ClassVar[str] = "diary.whispered"

    words: str


class Diary(Interface):
    """Counts what it hears; a test may tell it how to take it."""


@dataclass
class DiaryService(Diary):
    heard: Counter[str] = field(default_factory=Counter)
    contexts: list[Context] = field(default_factory=list)
    given_up: list[tuple[str, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    takes: Callable[[Told], Awaitable[None]] | None = None
    gives_up: Callable[[], None] = lambda: None


async def write_down(event: Told, diary: DiaryService) -> None:
    diary.heard[event.words] += 1
    diary.contexts.append(current())
    diary.at_once += 1
    diary.most_at_once = max(diary.most_at_once, diary.at_once)
    try:
        if diary.takes is not None:
            await diary.takes(event)
    finally:
        diary.at_once -= 1


async def give_up(event: Told, diary: DiaryService, reason: str) -> None:
    diary.given_up.append((event.words, reason))
    diary.gives_up()


def told(words: str = "good morning") -> Told:
    return Told(tenant_id=TENANT, words=words)


def subscription(*, attempts: int = 5, deaths: int = 10, concurrency: int = 8, ordered: bool = False) -> Subscription:
    return hear(Told, write_down, attempts=attempts, deaths=deaths, concurrency=concurrency, ordered=ordered, given_up=give_up)


def subscriber(
    diary: DiaryService, database: Database, *, attempts: int = 5, deaths: int = 10, concurrency: int = 8, ordered: bool = False
) -> Subscriber:
    return Subscriber(subscription(attempts=attempts, deaths=deaths, concurrency=concurrency, ordered=ordered), diary, database)


async def tell(database: Database, *events: Event) -> None:
    """Tell facts in one transaction."""
    async with database.writing() as session:
        for event in events:
            await publish(session, event)


async def accept(who: Subscriber, *events: Event) -> None:
    """Lay events into an inbox, as a backend does."""
    await who.accept([Envelope.around(event) for event in events])


async def waiting(database: Database) -> int:
    """Return how many events have not been sent."""
    async with database.reading() as session:
        return len((await session.execute(select(outbox.c.event_id).where(outbox.c.sent_at.is_(None)))).all())


async def states(database: Database) -> Counter[str]:
    """Return how many inbox rows are handled, dead or due."""
    async with database.reading() as session:
        rows = (await session.execute(select(inbox.c.handled_at, inbox.c.dead_at))).all()
    return Counter("handled" if row.handled_at else "dead" if row.dead_at else "due" for row in rows)


async def row_of(database: Database, event_id: UUID) -> Any:
    """Return the inbox row of an event."""
    async with database.reading() as session:
        return (await session.execute(select(inbox).where(inbox.c.event_id == event_id))).one()


async def until(fact: Callable[[], Awaitable[Any]]) -> Any:
    """Return once a fact holds; what it says."""
    async with asyncio.timeout(PATIENCE_S):
        while not (said := await fact()):  # noqa: ASYNC110 - the fact lies in a database
            await asyncio.sleep(0.01)
        return said


async def until_states(database: Database, **wanted: int) -> None:
    """Return once so many inbox rows are handled, dead or due."""

    async def so() -> bool:
        return await states(database) == Counter(wanted)

    await until(so)


async def until_waiting(database: Database, count: int) -> None:
    """Return once so many events have not been sent; that one was is written with the next look, and so after it is heard."""

    async def so() -> bool:
        return await waiting(database) == count

    await until(so)


async def hurry_until(database: Database, **wanted: int) -> None:
    """Return once so many inbox rows are handled, dead or due; what waits after a failure waits no longer."""

    async def so() -> bool:
        async with database.writing() as session:
            paused = (inbox.c.attempts > 0) & inbox.c.leased_until.is_(None) & (inbox.c.due_at > now())
            await session.execute(update(inbox).where(paused).values(due_at=now() - timedelta(seconds=1)))
        database.received.ring()
        return await states(database) == Counter(wanted)

    await until(so)


async def revive(database: Database, event_id: UUID) -> int:
    return await DeliveryDesk(database).retry(event_id, tenant_id=None)
