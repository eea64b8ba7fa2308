"""Typed events handed to their handlers within one process a second, against a bare loop of pydantic validation and an await.

Both start from the same data, as it comes out of an envelope, and end in the same handler. The limit: 60 % of the bare loop.
taskiq's broker and FastStream's test broker for one process stand beside it.
Counted is time of the processor: others on the machine do not matter.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping
from typing import Any

import uvloop
from faststream.redis import RedisBroker, TestRedisBroker
from taskiq import InMemoryBroker

from bench.measuring.rounds import Round, Table, before_others, verdict
from bench.measuring.sale import STREAM, SaleMade, sale
from converto.events.backend import Following
from converto.events.in_process import InProcess
from converto.events.relay import BATCH
from converto.kernel.context import Context, within
from converto.kernel.event import Dispatcher, Envelope, Follower

LIMIT = 0.6
EVENTS = 20_000
FEW = 300
"""Events in a round of the others, which take a hundred times as long for each."""
BARE = "bare: model_validate, await"


class Till:
    """What handles the events: it adds up what was sold."""

    def __init__(self) -> None:
        self.cents = 0

    async def handle(self, event: SaleMade) -> None:
        """Take an event."""
        self.cents += event.cents

    async def hear(self, event: SaleMade, _: Any) -> None:
        """Take an event, as a handler of ours."""
        self.cents += event.cents


async def bare(till: Till, data: list[dict[str, Any]]) -> float:
    """Return how many events a second the loop hands over."""
    begun = time.process_time()
    for one in data:
        await till.handle(SaleMade.model_validate(one))
    return len(data) / (time.process_time() - begun)


async def ours(till: Till, envelopes: list[Envelope], at_once: int) -> float:
    """Return how many events a second the in-process backend hands over, sent so many at once."""
    backend = InProcess()
    following = Following(Follower("bench.hear", Dispatcher({SaleMade: [till.hear]})), None, (STREAM,))
    running = asyncio.create_task(backend.run([following]))
    await asyncio.sleep(0)
    begun = time.process_time()
    for start in range(0, len(envelopes), at_once):
        await backend.send(envelopes[start : start + at_once])
    taken_s = time.process_time() - begun
    running.cancel()
    return len(envelopes) / taken_s


async def by_taskiq(till: Till, events: list[SaleMade]) -> float:
    """Return how many events a second taskiq's broker for one process hands over."""
    broker: Any = InMemoryBroker(await_inplace=True)

    async def handle(event: SaleMade) -> None:
        await till.handle(event)

    task = broker.task(handle)
    begun = time.process_time()
    for event in events:
        await task.kiq(event)
    return len(events) / (time.process_time() - begun)


async def by_faststream(till: Till, events: list[SaleMade]) -> float:
    """Return how many events a second FastStream's broker without a server hands over."""
    broker: Any = RedisBroker(logger=None)

    async def handle(event: SaleMade) -> None:
        await till.handle(event)

    broker.subscriber(stream=STREAM)(handle)
    async with TestRedisBroker(broker) as connected:
        begun = time.process_time()
        for event in events:
            await connected.publish(event, stream=STREAM)
        return len(events) / (time.process_time() - begun)


async def main() -> int:
    """Print the figures of each, and return 1 where the limit does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    before_others()
    events = [sale(number) for number in range(EVENTS)]
    # as they come from a database or a stream
    envelopes = [Envelope.model_validate_json(Envelope.around(event).model_dump_json()) for event in events]
    data = [{**envelope.data, "id": envelope.id, "time": envelope.time, "tenant_id": envelope.tenant_id} for envelope in envelopes]
    till = Till()
    contestants: Mapping[str, Round] = {
        BARE: lambda: bare(till, data),
        f"Converto, {BATCH} a send": lambda: ours(till, envelopes, BATCH),
        "Converto, one a send": lambda: ours(till, envelopes, 1),
        "taskiq, InMemoryBroker": lambda: by_taskiq(till, events[:FEW]),
        "FastStream, TestRedisBroker": lambda: by_faststream(till, events[:FEW]),
    }
    table = Table("/s")
    await table.play(contestants, rounds=rounds)
    table.show(list(contestants), beside=BARE)
    name = f"Converto, {BATCH} a send"
    holds = verdict("dispatch as the relay sends, beside the bare loop", table.ratio(name, BARE), at_least=LIMIT)
    print(f"  {table.spread(name, BARE)}")
    return not holds


if __name__ == "__main__":
    with within(Context()):
        sys.exit(uvloop.run(main()))
