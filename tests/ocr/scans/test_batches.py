"""Batches on both databases."""

import asyncio

import pytest

from converto.kernel.actor import Actor
from converto.kernel.errors import Forbidden
from converto.ocr.interface import BatchFile, BatchUpload, KeyReused, ScanFilter, UnknownBatch
from converto.ocr.refusals import NothingToRead, UnknownLanguage
from tests.ocr.files.test_archive import CONTENT, packed
from tests.ocr.house import House, somebody
from tests.ocr.shelf import read_anew, slip


def upload(*contents: bytes, key: str | None = None, languages: str = "") -> BatchUpload:
    files = tuple(BatchFile(content=content, filename=f"kuitti {at}.pdf") for at, content in enumerate(contents))
    return BatchUpload(files=files, idempotency_key=key, languages=languages)


async def test_what_can_be_read_is_taken_beside_what_is_refused(house: House, aino: Actor) -> None:
    archive = packed(("a.pdf", slip()), ("b.txt", b"hello"), ("__MACOSX/._a.pdf", b"x"), ("c.pdf", slip()))

    batch = await house.ocr.submit_batch(aino, upload(archive, b"GIF89a"))

    assert [scan.filename for scan in batch.scans] == ["a.pdf", "c.pdf"]
    assert [(one.filename, one.code) for one in batch.refused] == [
        ("b.txt", "ocr.unsupported_file"),
        ("__MACOSX/._a.pdf", "ocr.hidden_file"),
        ("kuitti 1.pdf", "ocr.unsupported_file"),
    ]
    first, second = [await house.ocr.scan(aino, scan.id) for scan in batch.scans]
    assert (first.batch_id, second.batch_id, second.duplicate_of) == (batch.batch_id, batch.batch_id, first.id)
    assert await house.told(first.id) == {"ocr.requested": 1}


async def test_a_batch_says_how_far_it_is(house: House, aino: Actor) -> None:
    batch = await house.ocr.submit_batch(aino, upload(slip(), slip(line1="Toinen Oy"), slip(line1="Kolmas Oy")))
    assert (batch.is_finished, batch.counts.queued, batch.taken) == (False, 3, 3)

    await read_anew(house, aino, batch.scans[0].id)
    await house.ocr.cancel(aino, batch.scans[1].id)
    await house.ocr.delete(aino, batch.scans[2].id)

    later = await house.ocr.batch(aino, batch.batch_id)
    assert (later.is_finished, later.taken, later.counts.completed, later.counts.failed, later.counts.queued) == (True, 3, 1, 1, 0)
    assert [scan.error and scan.error.code for scan in later.scans] == [None, "ocr.cancelled"]


async def test_a_batch_is_its_companys_own(house: House, aino: Actor) -> None:
    batch = await house.ocr.submit_batch(aino, upload(slip(), key="erä"))
    with pytest.raises(UnknownBatch):
        await house.ocr.batch(somebody(), batch.batch_id)
    theirs = await house.ocr.submit_batch(somebody(), upload(slip(), key="erä"))
    assert theirs.batch_id != batch.batch_id
    with pytest.raises(Forbidden):
        await house.ocr.submit_batch(Actor(tenant_id=aino.tenant_id, scopes=frozenset({"ocr:read"})), upload(slip()))


async def test_the_same_files_under_a_key_are_one_batch_and_others_are_refused(house: House, aino: Actor) -> None:
    batches = await asyncio.gather(*(house.ocr.submit_batch(aino, upload(slip(), key="erä")) for _ in range(3)))
    assert len({batch.batch_id for batch in batches}) == 1
    assert len({batch.scans for batch in batches}) == 1
    with pytest.raises(KeyReused):
        await house.ocr.submit_batch(aino, upload(slip(line1="Toinen Oy"), key="erä"))
    assert len((await house.ocr.scans(aino, ScanFilter())).items) == 1


async def test_of_what_is_refused_as_a_whole_nothing_stays(house: House, aino: Actor) -> None:
    with pytest.raises(NothingToRead) as refused:
        await house.ocr.submit_batch(aino, upload(CONTENT, packed(("x/", b""))))
    assert [one["code"] for one in refused.value.details["refused"]] == ["ocr.damaged_file", "ocr.folder"]
    with pytest.raises(UnknownLanguage):
        await house.ocr.submit_batch(aino, upload(slip(), languages="klingon"))
    with pytest.raises(NothingToRead):
        await house.ocr.submit_batch(aino, upload())
    assert (await house.ocr.scans(aino, ScanFilter())).items == ()
    assert [path for path in (house.runtime.settings.data_dir / "blobs").rglob("*") if path.is_file()] == []
