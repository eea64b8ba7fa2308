"""Looking on while a document is read."""

import asyncio

import pytest

from converto.kernel.actor import Actor
from converto.kernel.errors import Unavailable
from converto.ocr.interface import Status, UnknownScan
from tests.ocr.drawn import drawn, saved
from tests.ocr.house import House, pages, somebody


@pytest.fixture
def database_url() -> None:
    """Have the tests here run on files only: what they show is no matter of the database."""


SHORT = saved(drawn(["KUITTI 12,00"]))


async def test_whoever_looks_on_is_told_of_pages_while_another_process_reads(house: House, other: House, aino: Actor) -> None:
    scan = await house.submit(aino, pages(4))
    (event,) = await house.requests(scan.id)
    standings = other.ocr.progress(aino, scan.id)
    seen = [await anext(standings)]

    reading = asyncio.create_task(house.service.jobs.read(event))
    seen += [standing async for standing in standings]
    await reading

    assert (seen[0].status, seen[0].pages_read, seen[0].pages) == (Status.QUEUED, 0, 4)
    assert (seen[-1].status, seen[-1].pages_read, seen[-1].pages) == (Status.COMPLETED, 4, 4)
    assert [standing.revision for standing in seen] == sorted({standing.revision for standing in seen})
    under_way = [standing.pages_read for standing in seen if standing.status == Status.STARTED]
    assert under_way == sorted(under_way)
    assert set(under_way) & {1, 2, 3}


async def test_a_finished_scan_is_told_once(house: House, aino: Actor) -> None:
    scan = await house.submit(aino, SHORT)
    (event,) = await house.requests(scan.id)
    await house.service.jobs.read(event)

    (standing,) = [standing async for standing in house.ocr.progress(aino, scan.id)]

    assert (standing.status, standing.pages_read, standing.error) == (Status.COMPLETED, 1, None)


async def test_a_cancelled_scan_ends_the_wait_and_says_why(house: House, aino: Actor) -> None:
    scan = await house.submit(aino, SHORT)
    standings = house.ocr.progress(aino, scan.id)
    await anext(standings)

    await house.ocr.cancel(aino, scan.id)
    (standing,) = [standing async for standing in standings]

    assert (standing.status, standing.error and standing.error.code) == (Status.FAILED, "ocr.cancelled")


async def test_a_scan_that_is_removed_ends_the_wait(house: House, aino: Actor) -> None:
    scan = await house.submit(aino, SHORT)
    standings = house.ocr.progress(aino, scan.id)
    await anext(standings)

    await house.ocr.delete(aino, scan.id)

    with pytest.raises(UnknownScan):
        await anext(standings)


async def test_another_company_may_not_look_on(house: House, aino: Actor) -> None:
    scan = await house.submit(aino, SHORT)

    with pytest.raises(UnknownScan):
        await anext(house.ocr.progress(somebody(), scan.id))


async def test_a_process_that_ends_lets_go_of_those_who_look_on_and_of_those_who_wait(house: House, aino: Actor) -> None:
    scan = await house.submit(aino, SHORT)
    standings = house.ocr.progress(aino, scan.id)
    await anext(standings)
    waiting = asyncio.create_task(house.ocr.finished(aino, scan.id, wait_s=50))

    async with asyncio.timeout(5):
        house.runtime.drain.begin()
        with pytest.raises(Unavailable):
            await anext(standings)
        assert (await waiting).status == Status.QUEUED
