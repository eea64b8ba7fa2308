"""What becomes due by itself is rung for, once for a whole module, and only for those whom this process serves."""

from converto.events.inbox import Inbox
from converto.events.lookout import Lookout
from converto.events.outbox import publish
from converto.kernel.clock import new_id
from converto.kernel.database import Database
from converto.kernel.event import Envelope
from tests.events.conformance.post import NAME, lay_in
from tests.events.diary import Told


async def rung(database: Database, *subscribers: str) -> tuple[int, int]:
    """Return how often the relay's bell and the consumers' bell ring in one look."""
    before = database.published.rings, database.received.rings
    await Lookout(database, subscribers).look()
    return database.published.rings - before[0], database.received.rings - before[1]


async def claimed(database: Database, *, lease_s: float) -> None:
    async with database.writing() as session:
        assert await Inbox(session).claim(NAME, 1, lease_s=lease_s)


async def test_nothing_rings_where_nothing_is_due(database: Database) -> None:
    assert await rung(database, NAME) == (0, 0)


async def test_a_waiting_event_rings_for_its_consumer_alone(database: Database) -> None:
    await lay_in(database, NAME, Envelope.around(Told(tenant_id=new_id(), words="waits")))
    assert await rung(database, NAME, "another") == (0, 1)
    assert await rung(database, "another") == (0, 0)
    assert await rung(database) == (0, 0)


async def test_what_is_leased_rings_once_its_lease_is_over(database: Database) -> None:
    await lay_in(database, NAME, *(Envelope.around(Told(tenant_id=new_id(), words="held")) for _ in range(2)))
    await claimed(database, lease_s=60)
    await claimed(database, lease_s=60)
    assert await rung(database, NAME) == (0, 0)
    await lay_in(database, NAME, Envelope.around(Told(tenant_id=new_id(), words="let go")))
    await claimed(database, lease_s=-1)
    assert await rung(database, NAME) == (0, 1)


async def test_what_was_told_and_not_sent_rings_for_the_relay(database: Database) -> None:
    async with database.writing() as session:
        await publish(session, Told(tenant_id=new_id(), words="told"))
    assert await rung(database, NAME) == (1, 0)
