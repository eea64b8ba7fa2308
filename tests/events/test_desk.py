"""What waits and what is dead in a module's database, as its desk tells it."""

from uuid import UUID

import pytest

from converto.events.desk import GROUP, NOT_SENT, DeliveryDesk, Queue
from converto.events.inbox import Inbox
from converto.events.outbox import Outbox
from converto.kernel.clock import new_id
from converto.kernel.database import Database
from converto.kernel.event import Envelope
from tests.events.diary import TENANT, Told, tell

SOMEBODY, NOBODY = "diary.write_down", new_id()


def told(tenant: UUID = TENANT) -> Envelope:
    return Envelope.around(Told(tenant_id=tenant, words="good morning"))


async def bury(database: Database, envelope: Envelope, *, subscriber: str = SOMEBODY) -> None:
    """Have a subscriber give up on an event."""
    async with database.writing() as session:
        inbox = Inbox(session)
        await inbox.accept(subscriber, [envelope])
        (delivery,) = [one for one in await inbox.claim(subscriber, 100, lease_s=60) if one.envelope.id == envelope.id]
        await inbox.bury(delivery.held, "it went wrong")


async def unsendable(database: Database) -> UUID:
    """Return the id of an event that could not be sent."""
    event = Told(tenant_id=TENANT, words="hello")
    await tell(database, event)
    async with database.writing() as session:
        await Outbox(session).failed(event.id, "nobody takes it", pause_s=lambda _: 0, attempts=1)
    return event.id


async def test_the_dead_are_listed_newest_first_with_who_gave_up(database: Database) -> None:
    first, second = told(), told()
    await bury(database, first)
    await bury(database, second)
    await bury(database, second, subscriber="diary.other")
    unsent = await unsendable(database)

    dead = await DeliveryDesk(database).dead(TENANT, limit=10)

    assert [(one.envelope.id, one.subscriber) for one in dead] == [
        (unsent, NOT_SENT),
        (second.id, SOMEBODY),
        (second.id, "diary.other"),
        (first.id, SOMEBODY),
    ]
    assert {one.last_error for one in dead} == {"it went wrong", "nobody takes it"}


async def test_a_limit_counts_events_and_leaves_out_none_who_gave_up_on_them(database: Database) -> None:
    envelopes = [told() for _ in range(3)]
    for envelope in envelopes:
        await bury(database, envelope)
        await bury(database, envelope, subscriber="diary.other")

    newest = await DeliveryDesk(database).dead(TENANT, limit=2)
    older = await DeliveryDesk(database).dead(TENANT, limit=2, before=envelopes[1].id)

    assert [one.envelope.id for one in newest] == [envelopes[2].id] * 2 + [envelopes[1].id] * 2
    assert [one.envelope.id for one in older] == [envelopes[0].id] * 2


async def test_what_is_sent_or_handled_anew_is_dead_no_more(database: Database) -> None:
    desk, heard = DeliveryDesk(database), told()
    await bury(database, heard)
    unsent = await unsendable(database)

    assert (await desk.retry(heard.id, tenant_id=None), await desk.retry(unsent, tenant_id=TENANT)) == (1, 1)

    assert await desk.dead(None, limit=10) == ()
    async with database.writing() as session:
        (again,) = await Inbox(session).claim(SOMEBODY, 10, lease_s=60)
        assert [envelope.id for envelope in await Outbox(session).claim(10, lease_s=60)] == [unsent]
    assert (again.envelope.id, again.attempt, again.failures) == (heard.id, 1, 0)


async def test_what_is_forgotten_is_still_known_when_it_comes_again(database: Database) -> None:
    desk, heard = DeliveryDesk(database), told()
    await bury(database, heard)
    unsent = await unsendable(database)

    assert (await desk.purge(heard.id, tenant_id=None), await desk.purge(unsent, tenant_id=None)) == (1, 1)

    assert await desk.dead(None, limit=10) == ()
    async with database.writing() as session:
        await Inbox(session).accept(SOMEBODY, [heard])
        assert await Inbox(session).claim(SOMEBODY, 10, lease_s=60) == []
    assert (await desk.retry(unsent, tenant_id=None), await desk.purge(heard.id, tenant_id=None)) == (0, 0)


@pytest.mark.parametrize("tenant", [NOBODY, TENANT], ids=["another tenant", "the tenant"])
async def test_a_tenant_forgets_nothing_that_a_module_owes(database: Database, tenant: UUID) -> None:
    heard = told()
    await bury(database, heard)
    unsent = await unsendable(database)

    assert [await DeliveryDesk(database).purge(one, tenant_id=tenant) for one in (heard.id, unsent)] == [0, 0]


async def test_a_tenant_sees_its_events_but_not_what_anothers_group_did_with_them(database: Database) -> None:
    own, others = f"{GROUP}{TENANT}:1", f"{GROUP}{NOBODY}:1"
    heard, foreign = told(), told(NOBODY)
    await bury(database, heard, subscriber=own)
    await bury(database, heard, subscriber=others)
    await bury(database, foreign, subscriber=SOMEBODY)
    desk = DeliveryDesk(database)

    assert [one.subscriber for one in await desk.dead(TENANT, limit=10)] == [own]
    assert [queue.subscriber for queue in await desk.queues(TENANT)] == [own]
    assert await desk.retry(foreign.id, tenant_id=TENANT) == 0
    assert await desk.purge(heard.id, tenant_id=TENANT) == 1
    assert {one.subscriber for one in await desk.dead(None, limit=10)} == {others, SOMEBODY}


async def test_queues_are_counted_by_subscriber_and_stream(database: Database) -> None:
    async with database.writing() as session:
        await Inbox(session).accept(SOMEBODY, [told() for _ in range(5)])
        await Inbox(session).claim(SOMEBODY, 2, lease_s=60)
    await bury(database, told(), subscriber="diary.other")
    desk = DeliveryDesk(database)

    assert await desk.queues(None) == (
        Queue(subscriber="diary.other", stream="stream:diary", dead=1),
        Queue(subscriber=SOMEBODY, stream="stream:diary", waiting=3, pending=2),
    )
    assert await desk.queues_of(SOMEBODY) == (Queue(subscriber=SOMEBODY, stream="stream:diary", waiting=3, pending=2),)
    assert await desk.queues(NOBODY) == ()
