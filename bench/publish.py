"""Events published to a Redis stream a second by 32 callers that each await their own, against redis-py, FastStream and taskiq.

Every side starts from the same typed event, with a connection open. The limit: five times FastStream's.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import uvloop

from bench.measuring.ours import Converto
from bench.measuring.rounds import Round, Table, before_others, verdict
from bench.measuring.sale import SaleMade, sale
from bench.rivals.carrier import Carrier
from bench.rivals.fast_stream import FastStreamRedis
from bench.rivals.raw_redis import RawRedis
from bench.rivals.task_iq import TaskiqRedis
from converto.kernel.context import Context, within
from tests.servers import Redis

LIMIT = 5.0
CALLERS = 32
PIPELINED = 100
EVENTS = 2_000
OUR_EVENTS = 10_000
"""More, for a round to take about as long."""


async def published(publish: Callable[[SaleMade], Awaitable[None]], count: int) -> float:
    """Return how many events a second the callers publish, each one after the other."""
    events = iter([sale(number) for number in range(count)])

    async def call() -> None:
        for event in events:
            await publish(event)

    begun = time.perf_counter()
    await asyncio.gather(*[call() for _ in range(CALLERS)])
    return count / (time.perf_counter() - begun)


async def pipelined(raw: RawRedis) -> float:
    """Return how many events a second one caller publishes that has a hundred at hand each time."""
    events = [sale(number) for number in range(EVENTS)]
    begun = time.perf_counter()
    for start in range(0, EVENTS, PIPELINED):
        await raw.publish_together(events[start : start + PIPELINED])
    return EVENTS / (time.perf_counter() - begun)


def contestant(carrier: Carrier) -> Round:
    """Return a round of one carrier, on an empty stream."""

    async def play() -> float:
        await carrier.empty()
        return await published(carrier.publish, OUR_EVENTS if isinstance(carrier, Converto) else EVENTS)

    return play


async def main() -> int:
    """Print the figures of each, and return 1 where the limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with Redis() as server:
        before_others()
        async with AsyncExitStack() as connected:
            raw = await connected.enter_async_context(RawRedis(server.url))
            carriers: list[Carrier] = [raw, Converto(server.url), FastStreamRedis(server.url), TaskiqRedis(server.url)]
            for carrier in carriers[1:]:
                await connected.enter_async_context(carrier)
            contestants = {carrier.name: contestant(carrier) for carrier in carriers}
            contestants["redis-py, pipelines of 100, one caller"] = lambda: pipelined(raw)
            table = Table("/s")
            await table.play(contestants, rounds=rounds)
    table.show(list(contestants), beside="FastStream")
    holds = verdict("publishing, beside FastStream's", table.ratio("Converto", "FastStream"), at_least=LIMIT)
    print(f"  {table.spread('Converto', 'FastStream')}")
    return not holds


if __name__ == "__main__":
    with within(Context()):  # as in every request
        sys.exit(uvloop.run(main()))
