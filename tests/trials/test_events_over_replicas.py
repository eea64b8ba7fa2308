import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from tests.acceptance.people import register
from tests.acceptance.processes import Server
from tests.events.public.consumer import Consumer, consumer, ids, publish_many
from tests.events.public.round_robin import RoundRobin

pytestmark = [pytest.mark.trials, pytest.mark.timeout(900)]

EVENTS = 2000
BATCH = 50
READERS = 6
KILLS = 10
LEASE_S = 3
LONGEST_LIFE_S = 3.0


@dataclass
class Account:
    """What the consumers of a group have done."""

    left: set[str]
    acknowledged: Counter[str] = field(default_factory=Counter)
    unsure: Counter[str] = field(default_factory=Counter)
    """Acknowledged, but the answer was lost with its server."""
    stale: int = 0
    delivered: int = 0


@pytest.fixture(params=["one folder", "one PostgreSQL and one Redis"])
async def servers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[Server]]:
    """Return three servers on one database."""
    settings = {"JWT_SECRET_KEY": "known to all three, and long enough", "CONVERTO_MODULES": "auth,events,gateway"}
    if request.param == "one folder":
        settings["CONVERTO_DATA_DIR"] = str(tmp_path / "data")
    else:
        settings |= {
            "CONVERTO_DATABASE_URL": request.getfixturevalue("postgres_url"),
            "CONVERTO_EVENTS": request.getfixturevalue("redis_url"),
        }
    three = [Server(tmp_path / f"replica-{number}", settings) for number in range(3)]
    try:
        for server in three:  # one by one, so that each has the machine for its start
            await asyncio.to_thread(server.start)
        yield three
    finally:
        for server in three:
            server.kill()


async def test_ten_kills_behind_a_proxy_lose_nothing_and_let_nothing_be_acknowledged_twice(servers: list[Server]) -> None:
    seed = random.randrange(10**6)  # noqa: S311 - moments, not secrets
    chance = random.Random(seed)  # noqa: S311
    limits = httpx2.Limits(max_keepalive_connections=0)
    async with (
        RoundRobin([server.port for server in servers]).serving() as proxy,
        httpx2.AsyncClient(base_url=proxy.url, timeout=30, trust_env=False, limits=limits) as http,
    ):
        person = await register(http)
        readers = [await consumer(person, consumer_group="books", lease_seconds=LEASE_S) for _ in range(READERS)]
        told = [event_id for _ in range(EVENTS // BATCH) for event_id in await publish_many(person, BATCH)]
        account = Account(left=set(told))
        begun = time.monotonic()
        killing = asyncio.create_task(kill_now_and_then(servers, chance))
        await asyncio.gather(*(read(reader, account, chance) for reader in readers), killing)
        took_s = time.monotonic() - begun
        group = await readers[0].group()

    twice = {event_id for event_id, times in account.acknowledged.items() if times > 1}
    print(f"\n{EVENTS} events, {READERS} consumers, {KILLS} kills (seed {seed}), {took_s:.0f} s: {account.delivered} deliveries,")
    print(f"{len(account.acknowledged)} acknowledged and answered, {len(twice)} of them twice, {account.unsure.total()} answers lost,")
    print(f"{account.stale} stale receipts refused; connections {sorted(proxy.taken.values())}")
    assert set(account.acknowledged) | set(account.unsure) == set(told)
    assert twice == set()
    assert (group["lag"], group["pending"], group["dead"]) == (0, 0, 0)


async def read(reader: Consumer, account: Account, chance: random.Random) -> None:
    """Receive, and acknowledge most of it: some is refused, and some is held until it is somebody else's."""
    while account.left:
        try:
            messages = await reader.receive(most=chance.randint(1, 30), wait=1)
        except (httpx2.TransportError, AssertionError):
            continue  # its server has just been killed
        account.delivered += len(messages)
        if not messages:
            account.left -= set(account.unsure)  # nothing comes again, so those that were lost on the way have arrived
            continue
        fate = chance.random()
        if fate < 0.1:
            await asyncio.sleep(LEASE_S + 0.5)
        await settle(reader, messages, account, how="nack" if 0.1 <= fate < 0.15 else "ack")


async def settle(reader: Consumer, messages: list[dict[str, object]], account: Account, *, how: str) -> None:
    try:
        settled = await reader.settle(how, *messages, **({"delay_s": 0} if how == "nack" else {}))
    except (httpx2.TransportError, AssertionError):
        account.unsure.update(ids(messages) if how == "ack" else ())
        return
    accepted = [event_id for event_id, (taken, _) in zip(ids(messages), settled, strict=True) if taken]
    account.stale += len(messages) - len(accepted)
    if how == "ack":
        account.acknowledged.update(accepted)
        account.left -= set(accepted)


async def kill_now_and_then(servers: list[Server], chance: random.Random) -> None:
    """Kill one server after the other, and start it again."""
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0, LONGEST_LIFE_S))
        server = chance.choice(servers)
        server.kill()
        await asyncio.to_thread(server.start)
