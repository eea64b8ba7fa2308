"""The log behind the public routes: one order for all who read it, each event once, and no longer than it is kept."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, select, update

from converto.events import handlers
from converto.events.groups import LOOKED_THROUGH
from converto.events.models import EventRow, PublicationRow
from converto.events.repository import Groups, Log
from converto.kernel.clock import new_id, now
from converto.kernel.event import Envelope
from converto.ocr.events import ScanStarted
from tests.acceptance.people import Person
from tests.events.public.conftest import House
from tests.events.public.consumer import CLOUD, cloud, consumer, ids, publish_many, tenant


def told(count: int, tenant_id: UUID | None = None) -> list[Envelope]:
    return [Envelope.around(ScanStarted(tenant_id=tenant_id or new_id(), scan_id=uuid4())) for _ in range(count)]


async def kept(house: House, envelopes: Sequence[Envelope]) -> int:
    """Return how many of these events are in the log."""
    async with house.database("events").reading() as session:
        wanted = select(func.count()).select_from(EventRow).where(EventRow.event_id.in_([envelope.id for envelope in envelopes]))
        return await session.scalar(wanted) or 0


async def age(house: House, person: Person, *, days: int) -> None:
    """Let what is kept of a tenant have come so long ago."""
    async with house.database("events").writing() as session:
        for row in (EventRow, PublicationRow):
            await session.execute(update(row).where(row.tenant_id == UUID(tenant(person))).values(kept_at=now() - timedelta(days=days)))


async def test_an_event_that_is_told_twice_stands_there_once(house: House) -> None:
    envelopes, service = told(3), house.service("events")

    await handlers.keep(envelopes, service)
    await handlers.keep([*envelopes, *told(1)], service)

    assert await kept(house, envelopes) == 3


async def test_who_reads_on_misses_nothing_while_many_write(house: House) -> None:
    envelopes, service = told(200), house.service("events")
    writing = asyncio.gather(*(handlers.keep(envelopes[number::20], service) for number in range(20)))
    seen: list[int] = []

    while len(seen) < len(envelopes):
        async with house.database("events").reading() as session:
            after = seen[-1] if seen else 0
            wanted = select(EventRow.position).where(EventRow.position > after, EventRow.event_id.in_([one.id for one in envelopes]))
            seen += (await session.scalars(wanted.order_by(EventRow.position))).all()
    await writing

    assert len(set(seen)) == len(envelopes)
    assert seen == sorted(seen)


async def test_what_is_older_than_it_is_kept_is_forgotten_slice_by_slice(house: House, aino: Person) -> None:
    reader, slow = await consumer(aino), await consumer(aino)
    await aino.ask("POST", "/events/publish", json=cloud(id="one"), headers={"content-type": CLOUD})
    await publish_many(aino, 5)
    await reader.receive_all(6)
    await age(house, aino, days=8)

    await house.service("events").forget_old(at_once=2)
    recent = await publish_many(aino, 1)

    streams = {item["name"]: item for item in (await aino.get("/events/streams")).json()["items"]}
    assert streams["stream:ocr"]["length"] <= 1
    assert ids(await slow.receive()) == recent
    again = await aino.ask("POST", "/events/publish", json=cloud(id="one"), headers={"content-type": CLOUD})
    assert again.status_code == 202


async def test_what_is_younger_stays(house: House, aino: Person) -> None:
    reader = await consumer(aino)
    recent = await publish_many(aino, 3)
    await (await consumer(aino, start="earliest")).receive_all(3)  # all are in the log by now
    await age(house, aino, days=6)

    await house.service("events").forget_old()

    assert ids(await reader.receive_all(3)) == recent


async def test_a_group_that_hears_little_is_moved_on_past_what_it_does_not_hear(house: House, aino: Person) -> None:
    reader = await consumer(aino, stream_names=["stream:auth"], event_types=["auth.session.revoked"])
    await handlers.keep(told(LOOKED_THROUGH + 1, UUID(tenant(aino))), house.service("events"))

    assert await reader.receive(wait=0) == []

    async with house.database("events").reading() as session:
        end = await Log(session).end(UUID(tenant(aino)))
        (group,) = await Groups(session).every(UUID(tenant(aino)))
    assert group.position == end
