"""What becomes of a reading when it is cancelled, asked for anew, or taken over by another process."""

import asyncio
import os
import signal
from uuid import UUID

import pytest

from converto.kernel.actor import Actor
from converto.ocr.interface import AlreadyFinished, Scan, Status, UnknownScan
from converto.ocr.module import module
from converto.ocr.scans.jobs import TakenOver
from converto.ocr.service import READ_SCAN
from tests.ocr.drawn import drawn, saved
from tests.ocr.house import House, pages, until
from tests.ocr.test_workers import group_lives

RECEIPT = saved(drawn())
SHORT = saved(drawn(["KUITTI 12,00"]))


async def begun(house: House, scan_id: UUID, *, job: int = 0) -> "asyncio.Task[None]":
    """Take a job of a scan up, and return once it is being read by a process that has been stopped."""
    (event, *_) = (await house.requests(scan_id))[job:]
    task = asyncio.create_task(house.service.jobs.read(event))
    before = house.worker_pids()

    async def worker() -> int | None:
        return next((pid for pid in house.worker_pids() if pid not in before), None)

    pid = await until(worker)
    os.killpg(pid, signal.SIGSTOP)
    return task


def go_on(house: House) -> None:
    for pid in house.worker_pids():
        os.killpg(pid, signal.SIGCONT)


async def stands(house: House, actor: Actor, scan_id: UUID) -> Scan:
    return await house.ocr.scan(actor, scan_id)


async def test_a_result_that_comes_after_the_scan_was_cancelled_is_refused(house: House, aino: Actor) -> None:
    scan = await house.submit(aino, SHORT)
    reading = await begun(house, scan.id)

    cancelled = await house.ocr.cancel(aino, scan.id)
    go_on(house)
    await reading

    assert (cancelled.status, cancelled.error and cancelled.error.code) == (Status.FAILED, "ocr.cancelled")
    assert await stands(house, aino, scan.id) == cancelled
    assert await house.told(scan.id) == {"ocr.requested": 1, "ocr.started": 1, "ocr.cancelled": 1}


async def test_a_result_that_comes_after_the_scan_was_asked_for_anew_is_refused(house: House, aino: Actor) -> None:
    scan = await house.submit(aino, SHORT)
    reading = await begun(house, scan.id)
    await house.ocr.cancel(aino, scan.id)
    again = await house.ocr.retry(aino, scan.id)

    go_on(house)
    await reading

    assert await stands(house, aino, scan.id) == again
    assert again.status == Status.QUEUED


async def test_a_job_of_before_the_scan_was_asked_for_anew_is_passed_over(house: House, aino: Actor) -> None:
    scan = await house.submit(aino, SHORT)
    await house.ocr.cancel(aino, scan.id)
    again = await house.ocr.retry(aino, scan.id)
    first, second = await house.requests(scan.id)

    await house.service.jobs.read(first)
    await house.service.jobs.give_up(first, "it came late")

    assert await stands(house, aino, scan.id) == again
    await house.service.jobs.read(second)
    assert (await stands(house, aino, scan.id)).status == Status.COMPLETED


async def test_the_result_of_a_process_that_was_overtaken_is_refused(house: House, other: House, aino: Actor) -> None:
    scan = await house.submit(aino, SHORT)
    stale = await begun(house, scan.id)
    fresh = await begun(other, scan.id)

    go_on(house)
    with pytest.raises(TakenOver):
        await stale

    assert (await stands(house, aino, scan.id)).status == Status.STARTED
    go_on(other)
    await fresh
    assert (await stands(house, aino, scan.id)).status == Status.COMPLETED
    assert await house.told(scan.id) == {"ocr.requested": 1, "ocr.started": 1, "ocr.completed": 1}


async def test_a_process_that_was_overtaken_and_comes_back_last_changes_nothing(house: House, other: House, aino: Actor) -> None:
    scan = await house.submit(aino, SHORT)
    stale = await begun(house, scan.id)
    (event,) = await house.requests(scan.id)
    await other.service.jobs.read(event)
    completed = await stands(house, aino, scan.id)

    go_on(house)
    await stale

    assert completed.status == Status.COMPLETED
    assert await stands(house, aino, scan.id) == completed
    assert (await house.told(scan.id))["ocr.completed"] == 1


async def test_a_cancelled_document_is_read_no_further_by_whatever_process_reads_it(house: House, other: House, aino: Actor) -> None:
    scan = await house.submit(aino, pages(8))
    (event,) = await house.requests(scan.id)
    reading = asyncio.create_task(house.service.jobs.read(event))
    stood = other.ocr.progress(aino, scan.id)
    while (await anext(stood)).pages_read == 0:
        pass
    (leader,) = house.worker_pids()

    await other.ocr.cancel(aino, scan.id)
    await reading

    last = [standing async for standing in stood][-1]
    assert last.pages_read < 8

    async def ended() -> bool:
        return not group_lives(leader)

    await until(ended)


async def test_a_document_that_nobody_has_begun_to_read_is_never_read_once_cancelled(house: House, aino: Actor) -> None:
    scan = await house.submit(aino, SHORT)
    (event,) = await house.requests(scan.id)

    await house.ocr.cancel(aino, scan.id)
    await house.service.jobs.read(event)

    assert house.worker_pids() == ()
    assert await house.told(scan.id) == {"ocr.requested": 1, "ocr.cancelled": 1}


async def test_to_cancel_twice_is_to_cancel_once(house: House, aino: Actor) -> None:
    scan = await house.submit(aino, SHORT)

    assert await house.ocr.cancel(aino, scan.id) == await house.ocr.cancel(aino, scan.id)
    assert (await house.told(scan.id))["ocr.cancelled"] == 1


async def test_what_is_read_cannot_be_cancelled(house: House, aino: Actor) -> None:
    scan = await house.submit(aino, SHORT)
    (event,) = await house.requests(scan.id)
    await house.service.jobs.read(event)

    with pytest.raises(AlreadyFinished, match="completed"):
        await house.ocr.cancel(aino, scan.id)


async def test_a_removed_document_leaves_nothing_and_its_reading_is_refused(house: House, aino: Actor) -> None:
    scan = await house.submit(aino, SHORT)
    reading = await begun(house, scan.id)

    await house.ocr.delete(aino, scan.id)
    go_on(house)
    await reading

    with pytest.raises(UnknownScan):
        await stands(house, aino, scan.id)
    assert await house.told(scan.id) == {"ocr.requested": 1, "ocr.started": 1, "ocr.cancelled": 1}


def test_the_jobs_lie_where_cancelling_looks_for_them() -> None:
    assert [subscription.name for subscription in module.hears] == [READ_SCAN]
