"""Typed events taken from a Redis stream a second, each handled and acknowledged, against redis-py, FastStream and taskiq.

The stream is full before; the clock stops when every event has been handled and none is unacknowledged. The limit: five times
FastStream's.
"""

import argparse
import asyncio
import sys
import time
from contextlib import AsyncExitStack

import uvloop

from bench.measuring.ours import Converto
from bench.measuring.rounds import Round, Table, before_others, verdict
from bench.measuring.sale import SaleMade, sale
from bench.rivals.carrier import Carrier
from bench.rivals.fast_stream import FastStreamRedis
from bench.rivals.raw_redis import BatchedRedis, RawRedis
from bench.rivals.task_iq import TaskiqRedis
from converto.kernel.context import Context, within
from tests.servers import Redis

LIMIT = 5.0
EVENTS = 2_000
OUR_EVENTS = 20_000
"""More, for a round to take about as long."""
LOOK_AGAIN_S = 0.0005


async def consumed(carrier: Carrier, count: int) -> float:
    """Return how many events a second are handled and acknowledged."""
    await carrier.empty()
    await carrier.fill([sale(number) for number in range(count)])
    done, cents = asyncio.Event(), list[int]()

    async def handle(event: SaleMade) -> None:
        cents.append(event.cents)
        if len(cents) == count:
            done.set()

    begun = time.perf_counter()
    async with carrier.heard(handle):
        await done.wait()
        while await carrier.unacknowledged():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(LOOK_AGAIN_S)
        return count / (time.perf_counter() - begun)


def contestant(carrier: Carrier, count: int) -> Round:
    """Return a round of one carrier."""
    return lambda: consumed(carrier, count)


async def main() -> int:
    """Print the figures of each, and return 1 where the limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with Redis() as server:
        before_others()
        async with AsyncExitStack() as connected:
            carriers: list[Carrier] = [
                RawRedis(server.url),
                BatchedRedis(server.url),
                Converto(server.url),
                FastStreamRedis(server.url),
                FastStreamRedis(server.url, max_workers=32),
                TaskiqRedis(server.url),
            ]
            for carrier in carriers:
                await connected.enter_async_context(carrier)
            contestants = {
                carrier.name: contestant(carrier, OUR_EVENTS if isinstance(carrier, Converto) else EVENTS) for carrier in carriers
            }
            table = Table("/s")
            await table.play(contestants, rounds=rounds)
    table.show(list(contestants), beside="FastStream")
    fastest = max(("FastStream", "FastStream, 32 workers"), key=table.middle)
    holds = verdict(f"consuming, beside {fastest}", table.ratio("Converto", fastest), at_least=LIMIT)
    print(f"  {table.spread('Converto', fastest)}")
    return not holds


if __name__ == "__main__":
    with within(Context()):  # as in every request
        sys.exit(uvloop.run(main()))
