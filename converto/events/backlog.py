"""What waits in the databases of this process, for Prometheus: how much, since when, and what nobody could handle.

Processes that share a database tell of the same lines: take the largest of them, not their sum.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from prometheus_client import Gauge
from sqlalchemy import ColumnElement, case, func, select

from converto.events.desk import GROUP
from converto.events.tables import inbox, outbox
from converto.kernel.clock import now
from converto.kernel.database import Database, Transaction
from converto.kernel.metrics import EventFigures

GROUPS: Final = "consumer groups"
"""Stands for the consumer groups of all companies together: one series each would be one a company."""


class Line(NamedTuple):
    """What one subscriber, or the outbox of one module, has before it."""

    waiting: int = 0
    leased: int = 0
    dead: int = 0
    oldest_s: float = 0.0
    """The age of the oldest that is neither done nor dead."""

    def __add__(self, other: "Line") -> "Line":  # type: ignore[override]
        """Return both as one line."""
        oldest_s = max(self.oldest_s, other.oldest_s)
        return Line(self.waiting + other.waiting, self.leased + other.leased, self.dead + other.dead, oldest_s)


class Backlog:
    """Gauges of what waits, brought up to date by `look`."""

    def __init__(self, figures: EventFigures) -> None:
        self._figures = figures
        self._known: set[str] = set()

    def expect(self, subscribers: Iterable[str]) -> None:
        """Tell of the lines of these subscribers also while they are empty: nobody could tell otherwise whether they are."""
        self._known.update(subscribers)

    async def look(self, databases: Sequence[Database]) -> None:
        """Count what waits in these databases now."""
        lines: dict[str, Line] = defaultdict(Line, dict.fromkeys(self._known, Line()))
        for database in databases:
            async with database.across_tenants.reading() as session:
                _set(self._figures.outbox, self._figures.outbox_oldest, database.module, await _told(session))
                for subscriber, line in await _heard(session):
                    lines[GROUPS if subscriber.startswith(GROUP) else subscriber] += line
        for subscriber, line in lines.items():
            _set(self._figures.queue, self._figures.queue_oldest, subscriber, line)
        self._known |= set(lines)  # a line that is empty now is told of as empty


def _set(events: Gauge, oldest: Gauge, whose: str, line: Line) -> None:
    for state in ("waiting", "leased", "dead"):
        events.labels(whose, state).set(getattr(line, state))
    oldest.labels(whose).set(line.oldest_s)


async def _heard(session: Transaction) -> Iterable[tuple[str, Line]]:
    moment = now()
    is_leased = case((inbox.c.leased_until >= moment, 1), else_=0)
    counted = select(inbox.c.subscriber, func.count(), func.sum(is_leased), func.min(inbox.c.received_at))
    found = [
        (row[0], Line(int(row[1]) - int(row[2]), int(row[2]), 0, _age_s(row[3], moment)))
        for row in await session.execute(counted.where(inbox.c.due_at.is_not(None)).group_by(inbox.c.subscriber))
    ]
    dead = select(inbox.c.subscriber, func.count()).where(inbox.c.dead_at.is_not(None)).group_by(inbox.c.subscriber)
    return [*found, *((row[0], Line(dead=int(row[1]))) for row in await session.execute(dead))]


async def _told(session: Transaction) -> Line:
    moment = now()
    unsent: tuple[ColumnElement[bool], ...] = (outbox.c.sent_at.is_(None), outbox.c.dead_at.is_(None))
    is_leased = case((outbox.c.leased_until >= moment, 1), else_=0)
    row = (await session.execute(select(func.count(), func.sum(is_leased), func.min(outbox.c.told_at)).where(*unsent))).one()
    dead = await session.scalar(select(func.count()).select_from(outbox).where(outbox.c.dead_at.is_not(None)))
    leased = int(row[1] or 0)
    return Line(int(row[0]) - leased, leased, int(dead or 0), _age_s(row[2], moment))


def _age_s(since: datetime | None, moment: datetime) -> float:
    return max(0.0, (moment - since).total_seconds()) if since is not None else 0.0
