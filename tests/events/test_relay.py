"""What lies in an outbox goes out, whatever happens on the way."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from converto.events.backend import Receiver, Subscriber
from converto.events.desk import DeliveryDesk
from converto.events.in_process import InProcess
from converto.events.outbox import Outbox
from converto.events.relay import ATTEMPTS, Relay
from converto.events.tables import outbox
from converto.kernel.clock import now
from converto.kernel.database import Database
from converto.kernel.errors import Unavailable
from converto.kernel.event import Envelope
from converto.kernel.metrics import EventFigures
from tests.events.diary import DiaryService, states, subscriber, tell, told, waiting


class Carrier:
    """A backend that a test can switch off, and that refuses what it is told to refuse."""

    def __init__(self) -> None:
        self.is_down = False
        self.refuses: set[UUID] = set()
        self.sent: Counter[UUID] = Counter()

    async def send(self, envelopes: Sequence[Envelope]) -> None:
        await asyncio.sleep(0)
        if self.is_down:
            raise Unavailable(module="events")
        if self.refuses & {envelope.id for envelope in envelopes}:
            msg = "it does not fit"
            raise ValueError(msg)
        self.sent.update(envelope.id for envelope in envelopes)

    async def run(self, receivers: Sequence[Receiver]) -> None:
        raise NotImplementedError


async def row_of(database: Database, event_id: UUID) -> Any:
    async with database.reading() as session:
        return (await session.execute(select(outbox).where(outbox.c.event_id == event_id))).one()


async def make_due(database: Database) -> None:
    async with database.writing() as session:
        await session.execute(update(outbox).values(due_at=now() - timedelta(seconds=1)))


async def test_events_go_out_and_are_gone(database: Database, figures: EventFigures) -> None:
    carrier, events = Carrier(), [told() for _ in range(250)]
    await tell(database, *events)
    relay = Relay(database, carrier, figures)
    while await relay.send_due():
        pass
    assert (carrier.sent, await waiting(database)) == (Counter(event.id for event in events), 0)


async def test_a_backend_that_is_down_costs_no_event_and_no_attempt(database: Database, figures: EventFigures) -> None:
    carrier, event = Carrier(), told()
    carrier.is_down = True
    relay = Relay(database, carrier, figures)
    await tell(database, event)
    for _ in range(2 * ATTEMPTS):
        assert not await relay.send_due()
        await make_due(database)
    row = await row_of(database, event.id)
    assert (row.attempts, row.dead_at, row.leased_until) == (0, None, None)
    carrier.is_down = False
    assert await relay.send_due()
    assert carrier.sent == {event.id: 1}


async def test_a_database_that_cannot_take_events_costs_none_either(sqlite: Database, figures: EventFigures) -> None:
    disk_full = OperationalError("INSERT", {}, OSError("the disk is full"))

    class Full(Subscriber):
        is_full = True

        async def accept(self, envelopes: Sequence[Envelope]) -> None:
            if Full.is_full:
                raise disk_full
            await super().accept(envelopes)

    backend, event = InProcess(), told()
    who = subscriber(DiaryService(), sqlite)
    knowing = asyncio.create_task(backend.run([Full(who.subscription, who.service, who.database)]))
    await asyncio.sleep(0)
    relay = Relay(sqlite, backend, figures)
    await tell(sqlite, event)
    for _ in range(2 * ATTEMPTS):
        assert not await relay.send_due()
        await make_due(sqlite)
    Full.is_full = False
    assert await relay.send_due()
    knowing.cancel()
    assert await states(sqlite) == {"due": 1}


async def test_an_event_that_is_refused_holds_up_no_other_and_dies_with_its_reason(database: Database, figures: EventFigures) -> None:
    carrier, bad, good = Carrier(), told("bad"), [told("good") for _ in range(5)]
    carrier.refuses = {bad.id}
    relay = Relay(database, carrier, figures)
    await tell(database, *good[:2], bad, *good[2:])
    for _ in range(ATTEMPTS):
        assert await relay.send_due()
        await make_due(database)
    assert not await relay.send_due()
    row = await row_of(database, bad.id)
    assert (row.attempts, row.last_error, row.dead_at is None) == (ATTEMPTS, "ValueError: it does not fit", False)
    assert (carrier.sent, await waiting(database)) == (Counter(event.id for event in good), 1)


async def test_a_dead_event_of_an_outbox_is_listed_and_can_be_revived(database: Database, figures: EventFigures) -> None:
    carrier, bad = Carrier(), told("bad")
    carrier.refuses = {bad.id}
    relay = Relay(database, carrier, figures)
    await tell(database, bad)
    for _ in range(ATTEMPTS):
        await relay.send_due()
        await make_due(database)
    desk = DeliveryDesk(database)
    (dead,) = await desk.dead(None, limit=10)
    revived = [await desk.retry(event_id, tenant_id=None) for event_id in (bad.id, bad.id)]
    assert (dead.subscriber, dead.envelope.id, dead.last_error) == ("(not sent)", bad.id, "ValueError: it does not fit")
    assert revived == [1, 0]
    carrier.refuses = set()
    assert await relay.send_due()
    assert carrier.sent == {bad.id: 1}


async def test_several_relays_of_one_outbox_send_each_event_once(database: Database, figures: EventFigures) -> None:
    carrier, events = Carrier(), [told() for _ in range(300)]
    await tell(database, *events)

    async def empty() -> None:
        while await Relay(database, carrier, figures).send_due():
            pass

    await asyncio.gather(empty(), empty(), empty())
    assert carrier.sent == Counter(event.id for event in events)


async def test_what_a_dead_relay_held_goes_out_once_its_lease_is_over(database: Database, figures: EventFigures) -> None:
    carrier, event = Carrier(), told()
    relay = Relay(database, carrier, figures)
    await tell(database, event)
    async with database.writing() as session:
        await Outbox(session).claim(10, lease_s=60)
    assert not await relay.send_due()
    async with database.writing() as session:
        await session.execute(update(outbox).values(leased_until=now() - timedelta(seconds=1)))
    assert await relay.send_due()
    assert carrier.sent == {event.id: 1}


async def test_a_commit_wakes_the_relay(database: Database) -> None:
    before = database.published.rings
    await tell(database, told())
    assert database.published.rings == before + 1
