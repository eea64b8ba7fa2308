"""The same bytes are read once for a company; how often a worker was asked is counted by the workers themselves."""

import asyncio
from uuid import UUID

import pytest

from converto.kernel.actor import Actor
from converto.ocr.document import EngineChoice, Kind
from converto.ocr.interface import Scan, Status, Upload
from tests.ocr.drawn import drawn, saved
from tests.ocr.house import House, somebody

SHORT = saved(drawn(["KUITTI 12,00 EUR", "14.11.2026"]))
BROKEN = SHORT[: len(SHORT) // 2]


async def submitted(house: House, actor: Actor, content: bytes = SHORT, *, languages: str = "fin", kind: Kind = Kind.AUTO) -> UUID:
    upload = Upload(content=content, filename="kuitti.png", languages=languages, kind=kind, engine=EngineChoice.TESSERACT)
    return (await house.ocr.submit(actor, upload)).id


async def read(house: House, actor: Actor, scan_id: UUID) -> Scan:
    """Take the last job of a scan up, and return the finished scan."""
    *_, event = await house.requests(scan_id)
    await house.service.jobs.read(event)
    return await house.ocr.scan(actor, scan_id)


def readings(house: House) -> int:
    """Return how many documents the workers have read; all of them rest."""
    workers = house.service._readers._workers
    assert not workers._working
    return sum(worker.jobs for worker in workers._idle)


async def test_the_same_bytes_are_read_once_and_the_second_scan_says_so(house: House, aino: Actor) -> None:
    first = await read(house, aino, await submitted(house, aino))
    second = await read(house, aino, await submitted(house, aino))

    assert readings(house) == 1
    assert (second.status, second.text, second.fields) == (Status.COMPLETED, first.text, first.fields)
    assert (first.duplicate_of, second.duplicate_of) == (None, first.id)
    assert await house.told(second.id) == {"ocr.requested": 1, "ocr.started": 1, "ocr.completed": 1}


async def test_the_same_bytes_at_the_same_time_are_read_once(house: House, aino: Actor) -> None:
    scans = [await submitted(house, aino) for _ in range(3)]

    read_scans = await asyncio.gather(*(read(house, aino, scan) for scan in scans))

    assert readings(house) == 1
    assert {scan.text for scan in read_scans} == {read_scans[0].text}


@pytest.mark.parametrize("database_url", [None], indirect=True)
async def test_what_is_asked_for_otherwise_is_read_again(house: House, aino: Actor) -> None:
    await read(house, aino, await submitted(house, aino))

    await read(house, aino, await submitted(house, aino, languages="eng"))
    await read(house, aino, await submitted(house, aino, kind=Kind.TEXT))

    assert readings(house) == 3


async def test_another_company_has_its_own_reading(house: House, aino: Actor) -> None:
    await read(house, aino, await submitted(house, aino))
    stranger = somebody()

    scan = await read(house, stranger, await submitted(house, stranger))

    assert readings(house) == 2
    assert scan.duplicate_of is None


@pytest.mark.parametrize("database_url", [None], indirect=True)
async def test_who_asks_for_another_reading_gets_one(house: House, aino: Actor) -> None:
    first = await read(house, aino, await submitted(house, aino))
    second = await read(house, aino, await submitted(house, aino))

    await house.ocr.retry(aino, second.id)
    again = await read(house, aino, second.id)

    assert readings(house) == 2
    assert (again.text, again.duplicate_of) == (first.text, first.id)


@pytest.mark.parametrize("database_url", [None], indirect=True)
async def test_a_reading_that_was_removed_serves_nobody(house: House, aino: Actor) -> None:
    first = await read(house, aino, await submitted(house, aino))
    await house.ocr.delete(aino, first.id)

    await read(house, aino, await submitted(house, aino))

    assert readings(house) == 2


@pytest.mark.parametrize("database_url", [None], indirect=True)
async def test_a_reading_that_failed_is_tried_anew(house: House, aino: Actor) -> None:
    first = await read(house, aino, await submitted(house, aino, BROKEN))
    second = await read(house, aino, await submitted(house, aino, BROKEN))

    assert readings(house) == 2
    assert (first.status, second.status, second.duplicate_of) == (Status.FAILED, Status.FAILED, first.id)


@pytest.mark.parametrize("database_url", [None], indirect=True)
async def test_a_reading_that_holds_on_its_day_alone_serves_no_other(house: House, aino: Actor) -> None:
    content = saved(drawn(["KUITTI 12,00 EUR", "14.11.2099", "YHTEENSA 12,00"]))
    first = await read(house, aino, await submitted(house, aino, content, kind=Kind.RECEIPT))
    await read(house, aino, await submitted(house, aino, content, kind=Kind.RECEIPT))

    assert "future_date" in {finding.code for finding in first.findings}
    assert readings(house) == 2
