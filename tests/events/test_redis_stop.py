"""A backend that is told to stop does so at whatever moment: the client, on Python 3.11, may swallow a cancellation."""

import asyncio
import random

import pytest

from converto.events.backend import Subscriber
from converto.events.redis_streams import RedisStreams
from converto.kernel.database import Database
from converto.kernel.event import Envelope
from tests.events.diary import DiaryService, subscriber, told

ROUNDS = 60
STOPPED_WITHIN_S = 10.0  # a read that has just begun ends by itself after two


class Forgetful(Subscriber):
    """Takes events in and keeps none, so that the moments of the client are most of what there is."""

    async def accept(self, envelopes: object) -> None:  # noqa: ARG002
        await asyncio.sleep(0)


async def test_a_backend_stops_whatever_it_is_doing(sqlite: Database, redis_url: str) -> None:
    who = subscriber(DiaryService(), sqlite)
    forgetful = Forgetful(who.subscription, who.service, who.database)
    running = set()
    for _ in range(ROUNDS):
        backend = RedisStreams(redis_url)
        task = asyncio.create_task(backend.run([forgetful]))
        running.add(task)
        await asyncio.sleep(0.01)
        await backend.send([Envelope.around(told())])
        await asyncio.sleep(random.uniform(0, 0.003))  # noqa: S311 - the moment is the point
        task.cancel()
    _, still_running = await asyncio.wait(running, timeout=STOPPED_WITHIN_S)
    assert not still_running


@pytest.mark.parametrize("server", ["redis_url", "cluster_url"])
async def test_a_backend_stops_while_it_connects(sqlite: Database, server: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue(server)
    who = subscriber(DiaryService(), sqlite)
    forgetful = Forgetful(who.subscription, who.service, who.database)
    running = set()
    for _ in range(ROUNDS):
        task = asyncio.create_task(RedisStreams(url).run([forgetful]))
        running.add(task)
        await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311 - the moment is the point
        task.cancel()
    _, still_running = await asyncio.wait(running, timeout=STOPPED_WITHIN_S)
    assert not still_running
