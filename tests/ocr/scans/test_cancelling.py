"""Cancelling with the real consumers at work: the process that reads really stops."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from converto.events.backend import Subscriber
from converto.events.in_process import InProcess
from converto.events.traffic import Traffic
from converto.kernel.actor import Actor
from converto.kernel.metrics import EventFigures
from converto.ocr.interface import Status
from converto.ocr.module import module
from tests.ocr.drawn import drawn, saved, slow
from tests.ocr.house import House, until
from tests.ocr.test_workers import group_lives

AGES_S = 600.0
"""A lease whose heartbeat comes only every 200 s: what happens sooner is not its doing."""
SHORT = saved(drawn(["KUITTI 12,00"]))


@pytest.fixture
def database_url() -> None:
    """Have the tests here run on files only: that it is cancelled in the database is shown elsewhere."""


@asynccontextmanager
async def reading(house: House, *, lease_s: float) -> AsyncIterator[None]:
    """Have the jobs of a process done."""
    figures = EventFigures(CollectorRegistry())
    subscribers = [Subscriber(subscription, house.service, house.database) for subscription in module.hears]
    async with Traffic(InProcess(), figures, lease_s=lease_s).running([house.database], subscribers):
        yield


async def worker_of(house: House) -> int:
    async def working() -> int | None:
        return next(iter(house.worker_pids()), None)

    pid: int = await until(working)
    return pid


async def until_ended(leader: int) -> None:
    async def ended() -> bool:
        return not group_lives(leader)

    await until(ended)


@pytest.mark.parametrize("by", ["cancel", "delete"])
async def test_the_process_that_reads_ends_at_once(house: House, aino: Actor, by: str) -> None:
    async with reading(house, lease_s=AGES_S):
        scan = await house.submit(aino, slow())
        leader = await worker_of(house)

        await getattr(house.ocr, by)(aino, scan.id)

        await until_ended(leader)
        after = await house.submit(aino, SHORT)
        assert (await house.ocr.finished(aino, after.id, wait_s=50)).status == Status.COMPLETED


async def test_another_process_that_reads_it_ends_within_a_lease(house: House, other: House, aino: Actor) -> None:
    async with reading(house, lease_s=3):
        scan = await house.submit(aino, slow())
        leader = await worker_of(house)

        await other.ocr.cancel(aino, scan.id)

        async with asyncio.timeout(10):
            await until_ended(leader)
