"""What waits, as Prometheus is told of it."""

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import update

from converto.events.backlog import GROUPS, Backlog
from converto.events.desk import GROUP
from converto.events.inbox import Inbox
from converto.events.tables import inbox
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database
from converto.kernel.metrics import EventFigures
from tests.events.diary import TENANT, Told, tell
from tests.events.test_desk import NOBODY, SOMEBODY, bury, told, unsendable

OTHER = new_id()


class Shown:
    """What `/metrics` shows of the backlog."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.backlog = Backlog(EventFigures(self.registry))

    def queue(self, subscriber: str) -> list[float | None]:
        wanted = [{"subscriber": subscriber, "state": state} for state in ("waiting", "leased", "dead")]
        return [self.registry.get_sample_value("converto_event_queue", labels) for labels in wanted]

    def outbox(self, module: str) -> list[float | None]:
        wanted = [{"module": module, "state": state} for state in ("waiting", "leased", "dead")]
        return [self.registry.get_sample_value("converto_outbox", labels) for labels in wanted]

    def oldest(self, subscriber: str) -> float:
        return self.registry.get_sample_value("converto_event_queue_oldest_seconds", {"subscriber": subscriber}) or 0.0


@pytest.fixture
def shown() -> Shown:
    return Shown()


async def test_what_waits_what_is_worked_on_and_what_is_dead_are_told_apart(database: Database, shown: Shown) -> None:
    await bury(database, told())
    async with database.writing() as session:
        await Inbox(session).accept(SOMEBODY, [told(), told(), told()])
        await Inbox(session).claim(SOMEBODY, 1, lease_s=60)

    await shown.backlog.look([database])

    assert shown.queue(SOMEBODY) == [2, 1, 1]


async def test_a_line_that_has_become_empty_is_told_of_as_empty(database: Database, shown: Shown) -> None:
    async with database.writing() as session:
        await Inbox(session).accept(SOMEBODY, [told()])
    await shown.backlog.look([database])
    async with database.writing() as session:
        await session.execute(update(inbox).values(due_at=None, handled_at=now()))

    await shown.backlog.look([database])

    assert shown.queue(SOMEBODY) == [0, 0, 0]
    assert shown.oldest(SOMEBODY) == 0


async def test_the_age_is_that_of_the_oldest(database: Database, shown: Shown) -> None:
    async with database.writing() as session:
        await Inbox(session).accept(SOMEBODY, [told(), told()])
        await session.execute(update(inbox).values(received_at=now() - timedelta(minutes=5)))
        await Inbox(session).accept(SOMEBODY, [told()])

    await shown.backlog.look([database])

    assert 300 <= shown.oldest(SOMEBODY) < 400


async def test_consumer_groups_are_one_line_whoever_has_them(database: Database, shown: Shown) -> None:
    async with database.writing() as session:
        for tenant in (TENANT, OTHER, NOBODY):
            await Inbox(session).accept(f"{GROUP}{tenant}:mine", [told(TENANT)])

    await shown.backlog.look([database])

    assert shown.queue(GROUPS) == [3, 0, 0]


async def test_what_a_module_told_and_could_not_send_is_seen(database: Database, shown: Shown) -> None:
    await unsendable(database)
    await tell(database, Told(tenant_id=TENANT, words="hello again"))

    await shown.backlog.look([database])

    assert shown.outbox(database.module) == [1, 0, 1]
