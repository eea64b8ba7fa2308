"""Three servers on one database, behind a proxy that gives each request to the next of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.acceptance.people import Person, register
from tests.acceptance.processes import Server
from tests.events.public.consumer import Consumer, consumer, ids, publish_many, subscribe
from tests.events.public.round_robin import RoundRobin
from tests.servers import ask

pytestmark = [pytest.mark.timeout(120), pytest.mark.trials]


@pytest.fixture(scope="module", params=["one folder", pytest.param("one PostgreSQL and one Redis", marks=pytest.mark.trials)])
async def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Server]]:
    """Return three servers on one database."""
    folder = tmp_path_factory.mktemp("replicas")
    settings = {"JWT_SECRET_KEY": "known to all three, and long enough", "CONVERTO_MODULES": "auth,events,gateway"}
    url = ask("postgres") if "PostgreSQL" in request.param else None
    if url is None:
        settings["CONVERTO_DATA_DIR"] = str(folder / "data")
    else:
        settings |= {"CONVERTO_DATABASE_URL": url, "CONVERTO_DATABASE_POOL": "5", "CONVERTO_EVENTS": ask("redis")}
    three = [Server(folder / f"replica-{number}", settings) for number in range(3)]
    try:
        for server in three:  # one by one, so that each has the machine for its start
            await asyncio.to_thread(server.start)
        yield three
    finally:
        for server in three:
            server.kill()
        if url is not None:
            ask("drop", url.rpartition("/")[2])


@pytest.fixture
async def proxy(servers: list[Server]) -> AsyncIterator[RoundRobin]:
    """Return the proxy before the three."""
    async with RoundRobin([server.port for server in servers]).serving() as proxy:
        yield proxy


@pytest.fixture
async def aino(proxy: RoundRobin) -> AsyncIterator[Person]:
    """Return somebody each of whose requests is a connection of its own."""
    limits = httpx2.Limits(max_keepalive_connections=0)
    async with httpx2.AsyncClient(base_url=proxy.url, timeout=60, trust_env=False, limits=limits) as http:
        yield await register(http)


async def acknowledge_all(reader: Consumer, left: set[str]) -> Counter[str]:
    """Receive and acknowledge until nothing is left; returns how often each event was acknowledged."""
    acknowledged: Counter[str] = Counter()
    while left:
        messages = await reader.receive(most=7, wait=1)
        settled = await reader.settle("ack", *messages) if messages else []
        acknowledged.update(event_id for event_id, (accepted, _) in zip(ids(messages), settled, strict=True) if accepted)
        left.difference_update(acknowledged)
    return acknowledged


async def test_each_event_is_acknowledged_once_and_a_stale_receipt_is_refused(
    servers: list[Server], proxy: RoundRobin, aino: Person
) -> None:
    names = [f"reader-{number}" for number in range(4)]
    readers = [await consumer(aino, consumer_group="books", consumer_name=name, lease_seconds=3) for name in names]
    told = [event_id for _ in range(3) for event_id in await publish_many(aino, 40)]
    held = await readers[0].receive(most=5)  # by somebody who will not come back in time

    left = set(told)
    counts = await asyncio.gather(*(acknowledge_all(reader, left) for reader in readers[1:]))

    assert sum(counts, Counter[str]()) == Counter(told)
    assert await readers[0].settle("ack", *held) == [(False, "refused")] * 5
    assert set(proxy.taken) == {server.port for server in servers}


async def test_a_killed_server_loses_nothing_and_the_others_serve_its_groups(servers: list[Server], aino: Person) -> None:
    reader = await consumer(aino, consumer_group="books", lease_seconds=3)
    told = await publish_many(aino, 20)
    held = await reader.receive(most=10)  # and whoever holds the other nine is never heard of again

    servers[0].kill()

    assert (await subscribe(aino, consumer_group="books", lease_seconds=3)).status_code == 200
    assert await reader.settle("ack", held[0]) == [(True, "acknowledged")]
    left = set(told) - {held[0]["event"]["id"]}
    assert await acknowledge_all(reader, set(left)) == Counter(left)
    await asyncio.to_thread(servers[0].start)
