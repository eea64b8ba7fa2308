"""The reader's own Idempotency-Keys, which hold where no edge has kept the answer: in a process without one, or after its crash."""

import asyncio

import pytest

from converto.kernel.actor import Actor
from converto.ocr.interface import KeyReused, Upload
from tests.ocr.drawn import drawn, saved
from tests.ocr.house import House, somebody

ONE, OTHER = (saved(drawn([f"KUITTI {euros},00"])) for euros in (12, 13))


def upload(content: bytes, key: str = "kuitti-77") -> Upload:
    return Upload(content=content, filename="kuitti", idempotency_key=key)


async def test_the_same_document_under_a_key_is_one_scan(house: House, aino: Actor) -> None:
    scans = await asyncio.gather(*(house.ocr.submit(aino, upload(ONE)) for _ in range(3)))
    assert len({scan.id for scan in scans}) == 1


async def test_another_document_under_the_key_is_refused(house: House, aino: Actor) -> None:
    await house.ocr.submit(aino, upload(ONE))
    with pytest.raises(KeyReused):
        await house.ocr.submit(aino, upload(OTHER))


async def test_a_key_is_the_companys_own(house: House, aino: Actor) -> None:
    scans = [await house.ocr.submit(actor, upload(content)) for actor, content in ((aino, ONE), (somebody(), OTHER))]
    assert scans[0].id != scans[1].id
