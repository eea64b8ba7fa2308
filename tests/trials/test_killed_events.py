"""Events while their processes are killed without warning, and while Redis is.

What is promised: an event whose transaction has committed is handled at least once, whatever dies; the same event may be handled again
where a process dies between a handler's transaction and the one that settles it, so a handler writes under the event's id. Then its effect
is there exactly once. The trials count facts against effects, and how often handlers were called again.
"""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from subprocess import run
from sys import executable
from typing import Any

import pytest
from sqlalchemy import select

from converto.events.tables import inbox, outbox
from converto.kernel.clock import now
from converto.kernel.database import Databases
from tests.servers import Redis
from tests.trials.crew import Books, Crew
from tests.trials.event_process import MODULE, SUBJECTS, Plan, calls, effects, facts, subscriptions

pytestmark = [pytest.mark.trials, pytest.mark.timeout(1200)]

KILLS = 100
LONGEST_LIFE_S = 0.6
SETTLED_WITHIN_S = 240.0
LEASE_S = 2.0
DEATHS = 20
HEARD_BY = len(subscriptions())


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    crew = Crew(tmp_path)
    yield crew
    crew.close()


@pytest.fixture
async def databases(tmp_path: Path, database_url: str | None) -> AsyncIterator[Databases]:
    databases = Databases(tmp_path, database_url, pool_size=5)
    yield databases
    await databases.close()


async def until(fact: Callable[[], Awaitable[Any]], *, within_s: float = SETTLED_WITHIN_S) -> Any:
    async with asyncio.timeout(within_s):
        while not (said := await fact()):  # noqa: ASYNC110 - the fact lies in a database
            await asyncio.sleep(0.05)
        return said


async def kill_at_random(crew: Crew, books: Books, plans: dict[str, Plan], redis: Redis | None) -> Counter[str]:
    """Kill processes, and Redis, at random moments; each comes back at once."""
    seed = random.randrange(10**6)  # noqa: S311 - moments, not secrets
    moments, killed = random.Random(seed), Counter[str]()  # noqa: S311
    print(f"\nseed {seed}")
    for _ in range(KILLS):
        await asyncio.sleep(moments.uniform(0, LONGEST_LIFE_S))
        victim = moments.choice([*plans, *(["Redis"] if redis else [])])
        killed[victim] += 1
        if victim == "Redis" and redis is not None:
            redis.stop()
            redis.start()
            continue
        crew.kill(victim)
        plan = plans[victim]
        crew.start(victim, plan.model_copy(update={"first": await books.next_number()}) if plan.role == "producer" else plan)
    return killed


async def tell_what_came_of_it(books: Books, killed: Counter[str]) -> None:
    begun = time.monotonic()
    await until(books.is_settled)
    told = await books.count(facts)
    called, wrote = await books.count(calls), await books.count(effects)
    lost = HEARD_BY * told - len(await _distinct(books))
    doubled, disorder = wrote - len(await _distinct(books)), await _out_of_order(books)
    dead = await books.count(inbox, inbox.c.dead_at.is_not(None)) + await books.count(outbox, outbox.c.dead_at.is_not(None))
    print(f"{killed.total()} kills {dict(killed)}; all was settled {time.monotonic() - begun:.1f} s after the last")
    print(f"{told} facts told, heard by {HEARD_BY}: {lost} lost, {doubled} double effects, {dead} dead, {disorder} out of order;")
    print(f"handlers were called {called} times, {called - HEARD_BY * told} of them again after a death")
    assert told > KILLS
    assert (lost, doubled, dead, disorder) == (0, 0, 0, 0)


async def _distinct(books: Books) -> set[tuple[str, Any]]:
    async with books.database.reading() as session:
        return {(row.subscriber, row.event_id) for row in await session.execute(select(effects))}


async def _out_of_order(books: Books) -> int:
    by_subject = defaultdict(list)
    async with books.database.reading() as session:
        for row in await session.execute(select(effects).where(effects.c.subscriber == "ordered").order_by(effects.c.place)):
            by_subject[row.number % SUBJECTS].append(row.number)
    return sum(one > after for numbers in by_subject.values() for one, after in pairwise(numbers))


async def test_nothing_is_lost_or_doubled_in_process_whatever_is_killed(
    crew: Crew, databases: Databases, database_url: str | None, tmp_path: Path
) -> None:
    books = Books(databases)
    await books.open()
    plan = {"folder": tmp_path, "database_url": database_url}
    plans = {"producer": Plan(role="producer", **plan), "app": Plan(role="app", **plan)}
    if database_url is not None:
        plans["second app"] = plans["app"]
    for name, one in plans.items():
        crew.start(name, one)
    killed = await kill_at_random(crew, books, plans, None)
    crew.kill("producer")
    await tell_what_came_of_it(books, killed)


@pytest.mark.parametrize("fsync", ["always", "everysec"])
async def test_nothing_is_lost_or_doubled_over_redis_whatever_is_killed(crew: Crew, postgres_url: str, tmp_path: Path, fsync: str) -> None:
    databases = Databases(tmp_path, postgres_url, pool_size=5)
    books = Books(databases)
    await books.open()
    with Redis("--appendonly", "yes", "--appendfsync", fsync) as redis:
        plan = {"folder": tmp_path, "database_url": postgres_url, "redis_url": redis.url}
        names = {"producer": "producer", "relay": "relay", "reader": "reader", "worker": "worker", "second worker": "worker"}
        plans = {name: Plan.model_validate({**plan, "role": role}) for name, role in names.items()}
        for name, one in plans.items():
            crew.start(name, one)
        killed = await kill_at_random(crew, books, plans, redis)
        crew.kill("producer")
        await tell_what_came_of_it(books, killed)
    await databases.close()


async def test_what_a_wiped_redis_held_is_sent_again_from_the_outbox(crew: Crew, tmp_path: Path) -> None:
    databases = Databases(tmp_path, None, pool_size=5)
    books, begun = Books(databases), now()
    await books.open()
    count, figures = 2000, []
    with Redis() as redis:
        plan = {"folder": tmp_path, "redis_url": redis.url}
        reader, worker, relay = (Plan.model_validate({**plan, "role": role}) for role in ("reader", "worker", "relay"))
        for name, one in (("relay", relay), ("reader", reader), ("worker", worker)):
            crew.start(name, one)
        await _produce(crew, Plan(role="producer", **plan, last=count // 2, pause_s=0.0))
        await until(books.is_settled)
        for way in ("FLUSHALL", "a new, empty server"):
            crew.kill("reader")
            first = await books.next_number()
            await _produce(crew, Plan(role="producer", **plan, first=first, last=first + count // 2, pause_s=0.0))
            await until(lambda: _all_sent(books))
            await _wipe(redis, way)
            crew.start("reader", reader)
            await asyncio.sleep(1)  # nothing comes by itself
            missing = await books.count(facts) - len(await _distinct(books)) // HEARD_BY
            _relay_from(tmp_path, begun)
            await until(lambda: _all_heard(books))
            lost = await books.count(facts) - len(await _distinct(books)) // HEARD_BY
            figures.append(f"{way}: {missing} events were gone, {lost} are lost")
            assert missing == count // 2
    doubled = await books.count(effects) - len(await _distinct(books))
    print(
        f"\n{'; '.join(figures)}; {doubled} double effects, {await books.count(calls)} calls of handlers for {await books.count(effects)}"
    )
    assert doubled == 0
    await databases.close()


async def _produce(crew: Crew, plan: Plan) -> None:
    crew.start("producer", plan)
    crew.wait("producer", timeout_s=120)


async def _wipe(redis: Redis, way: str) -> None:
    if way == "FLUSHALL":
        redis.empty()
    else:
        redis.stop()
        redis.start()


def _relay_from(folder: Path, moment: datetime) -> None:
    asked = run(
        [executable, "-m", "converto", "events", "relay", "--from", moment.isoformat()],
        env={"CONVERTO_DATA_DIR": str(folder), "CONVERTO_MODULES": MODULE, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout + asked.stderr


async def _all_sent(books: Books) -> bool:
    return await books.count(outbox, outbox.c.sent_at.is_(None)) == 0


async def _all_heard(books: Books) -> bool:
    return len(await _distinct(books)) == HEARD_BY * await books.count(facts)


async def test_a_process_that_dies_frees_its_job_within_the_lease_and_a_second(
    crew: Crew, databases: Databases, database_url: str | None, tmp_path: Path
) -> None:
    books = Books(databases)
    await books.open()
    plan = Plan(role="app", folder=tmp_path, database_url=database_url, lease_s=LEASE_S, job_s=600)
    for name in ("one", "other"):
        crew.start(name, plan)
    await _produce(crew, Plan(role="producer", folder=tmp_path, database_url=database_url, last=1))
    known, took = 0, []
    for _ in range(DEATHS):
        running = await _until_called(books, more_than=known)
        await asyncio.sleep(random.uniform(0, LEASE_S))  # noqa: S311 - some moment between two heartbeats
        holder = next(name for name in ("one", "other") if crew.pid(name) == running[-1].pid)
        died = now()
        crew.kill(holder)
        crew.start(holder, plan)
        again = await _until_called(books, more_than=len(running))
        took.append(again[-1].at - died.timestamp())
        known = len(running)
    print(f"\n{DEATHS} deaths with a lease of {LEASE_S} s: the job went on after {min(took):.2f} to {max(took):.2f} s")
    assert max(took) <= LEASE_S + 1


async def _until_called(books: Books, *, more_than: int) -> Sequence[Any]:
    async def called() -> Sequence[Any]:
        async with books.database.reading() as session:
            rows = (await session.execute(select(calls).where(calls.c.subscriber == "unordered").order_by(calls.c.at))).all()
        return rows if len(rows) > more_than else ()

    found: Sequence[Any] = await until(called)
    return found


async def test_a_live_long_job_is_never_given_away(crew: Crew, databases: Databases, database_url: str | None, tmp_path: Path) -> None:
    lease_s = 0.6
    books = Books(databases)
    await books.open()
    plan = Plan(role="app", folder=tmp_path, database_url=database_url, lease_s=lease_s, job_s=40 * lease_s)
    for name in ("one", "other", "third"):
        crew.start(name, plan)
    await _produce(crew, Plan(role="producer", folder=tmp_path, database_url=database_url, last=5))
    await until(books.is_settled)
    async with books.database.reading() as session:
        claims = Counter((await session.scalars(select(inbox.c.attempts))).all())
    print(f"\nJobs of 40 leases ({40 * lease_s:.0f} s): claimed {dict(claims)} times, {await books.count(calls)} calls for 10 jobs")
    assert (claims, await books.count(calls), await books.count(effects)) == ({1: 10}, 10, 10)
