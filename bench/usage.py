"""Usage of one hot company on PostgreSQL that is durable: batches against one transaction for each event, in turns, in one run.

The limits: at least four times the rate, and a lower 99th percentile.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from converto.app import migrate
from converto.billing.counting import AT_ONCE, Counting
from converto.billing.figures import UsageFigures
from converto.billing.ledger import Act, Asked
from converto.billing.plans import Feature
from converto.billing.terms import Terms
from converto.kernel.clock import new_id, now
from converto.kernel.config import Environment, Settings
from converto.kernel.database import Database, Databases
from converto.kernel.paid_work import Use
from tests.servers import Postgres

LIMIT_RATIO = 4.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--callers", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="converto-bench-") as folder, Postgres(durable=True) as server:
        url = server.create_database("usage")
        settings = Settings(environment=Environment.TEST, data_dir=Path(folder), database_url=SecretStr(url), modules=("billing",))
        asyncio.run(_compared(settings, url, seconds=given.seconds, callers=given.callers, rounds=given.rounds))


async def _compared(settings: Settings, url: str, *, seconds: float, callers: int, rounds: int) -> None:
    await migrate(settings)
    databases = Databases(settings.data_dir, url, pool_size=10)
    database = databases.of("billing")
    single, batched = [], []
    for _ in range(rounds):
        single.append(await _rate(database, at_once=1, seconds=seconds, callers=callers))
        batched.append(await _rate(database, at_once=AT_ONCE, seconds=seconds, callers=callers))
    await databases.close()
    (one_rate, one_p99), (all_rate, all_p99) = _middle(single), _middle(batched)
    print(f"one transaction an event  {one_rate:8.0f}/s   p99 {one_p99:7.1f} ms")
    print(f"what waits in one         {all_rate:8.0f}/s   p99 {all_p99:7.1f} ms   {callers} callers, fsync on")
    print(f"ratio {all_rate / one_rate:.1f}, limit {LIMIT_RATIO}; p99 {one_p99 / all_p99:.1f} times lower")


async def _rate(database: Database, *, at_once: int, seconds: float, callers: int) -> tuple[float, float]:
    """Return the events a second, and the 99th percentile of the waits in milliseconds."""
    counting = Counting(database, Terms("enterprise", trial_days=0), figures=UsageFigures(CollectorRegistry()), at_once=at_once)
    tenant, until, waits = new_id(), time.perf_counter() + seconds, list[float]()

    async def call() -> None:
        while (begun := time.perf_counter()) < until:
            moment = now()
            use = Use(feature=Feature.AI_TOKENS, key=str(new_id()))
            await counting.count(Asked(tenant, Act.RECORD, (use,), moment, moment))
            waits.append(time.perf_counter() - begun)

    await asyncio.gather(*(call() for _ in range(callers)))
    waits.sort()
    return len(waits) / seconds, waits[int(len(waits) * 0.99)] * 1000


def _middle(found: list[tuple[float, float]]) -> tuple[float, float]:
    return statistics.median(rate for rate, _ in found), statistics.median(p99 for _, p99 in found)


if __name__ == "__main__":
    main()
