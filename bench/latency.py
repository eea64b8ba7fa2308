"""How long an event takes from its publishing to its handler at 500 a second, against XADD -> XREADGROUP by redis-py alone.

Publisher and handler share one process and one clock; Redis runs beside them. The limit, in the middle: 1.5 times the bare one. Below
stands what the whole durable way takes, which none of the others has: outbox, relay, inbox and consumer.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import quantiles
from uuid import UUID

import uvloop

from bench.measuring.ours import Converto, DurableConverto
from bench.measuring.rounds import Round, Table, before_others, verdict
from bench.measuring.sale import SaleMade, sale
from bench.rivals.carrier import Carrier
from bench.rivals.fast_stream import FastStreamRedis
from bench.rivals.raw_redis import BatchedRedis
from bench.rivals.task_iq import TaskiqRedis
from converto.kernel.context import Context, within
from tests.servers import Redis

LIMIT = 1.5
PER_S = 500
EVENTS = 500
WARM_UP = 50


async def latencies_ms(carrier: Carrier) -> list[float]:
    """Return how long each event took."""
    await carrier.empty()
    told_at: dict[UUID, float] = {}
    taken_ms: list[float] = []
    done = asyncio.Event()
    telling: set[asyncio.Task[None]] = set()

    async def handle(event: SaleMade) -> None:
        taken_ms.append((time.perf_counter() - told_at[event.id]) * 1000)
        if len(taken_ms) == EVENTS:
            done.set()

    async with carrier.heard(handle):
        begun = time.perf_counter()
        for number in range(EVENTS):
            event = sale(number)
            await asyncio.sleep(max(0.0, begun + number / PER_S - time.perf_counter()))
            told_at[event.id] = time.perf_counter()
            telling.add(asyncio.create_task(carrier.publish(event)))
        await asyncio.gather(*telling)
        await done.wait()
    return taken_ms[WARM_UP:]


def contestant(carrier: Carrier, late: Table) -> Round:
    """Return a round of one carrier: the middle of what its events took; the slowest of a hundred goes to the other table."""

    async def play() -> float:
        percentiles = quantiles(await latencies_ms(carrier), n=100)
        late.note(carrier.name, percentiles[98])
        return percentiles[49]

    return play


async def main() -> int:
    """Print the figures of each, and return 1 where the limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with Redis() as server:
        before_others()
        async with AsyncExitStack() as connected:
            folder = Path(connected.enter_context(tempfile.TemporaryDirectory(prefix="converto-bench-")))
            bare, ours = BatchedRedis(server.url), Converto(server.url)
            others: list[Carrier] = [FastStreamRedis(server.url), TaskiqRedis(server.url)]
            others += [DurableConverto(folder / "over-redis", server.url), DurableConverto(folder / "in-process")]
            for carrier in (bare, ours, *others):
                await connected.enter_async_context(carrier)
            await played([bare, *others], rounds=max(1, rounds // 5))
            p50 = await played([bare, ours], rounds=rounds)  # by themselves, so that their rounds lie close together
    holds = verdict("latency in the middle, beside the bare one", p50.ratio(ours.name, bare.name), at_most=LIMIT)
    print(f"  {p50.spread(ours.name, bare.name)}")
    return not holds


async def played(carriers: Sequence[Carrier], *, rounds: int) -> Table:
    """Print what was found of some carriers, beside the first of them, and return the middles."""
    p50, p99 = Table("ms p50", digits=3), Table("ms p99", digits=3)
    await p50.play({carrier.name: contestant(carrier, p99) for carrier in carriers}, rounds=rounds)
    for table in (p50, p99):
        table.show([carrier.name for carrier in carriers], beside=carriers[0].name)
    return p50


if __name__ == "__main__":
    with within(Context()):  # as in every request
        sys.exit(uvloop.run(main()))
