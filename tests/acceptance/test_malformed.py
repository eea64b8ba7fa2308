from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import monolith
from tests.acceptance.people import Person, found, is_problem, register, sample
from tests.ocr.malformed import Malformed, malformed

pytestmark = pytest.mark.timeout(150)
AT_ONCE = {413, 415, 422}


@pytest.fixture
async def aino(tmp_path: Path) -> AsyncIterator[Person]:
    """Return somebody at a product that runs in one process."""
    async with monolith(tmp_path) as client:
        yield await register(client)


async def complaint(aino: Person, sent: Malformed) -> str | None:
    """Return what is wrong with the answer to a malformed document; None when it is as it should be."""
    answer = await aino.upload(sent.content, sent.filename, headers={"prefer": "wait=40"})
    if sent.refused_at_once:
        as_wanted = answer.status_code in AT_ONCE and is_problem(answer, answer.status_code, sent.code)
        return None if as_wanted else f"{sent.name}: {answer.status_code} {answer.text[:300]}"
    scan = answer.json()
    told = (answer.status_code, scan.get("status"), (scan.get("error") or {}).get("code"))
    return None if told == (200, "failed", sent.code) and scan["error"]["detail"] else f"{sent.name}: {told}"


async def test_every_malformed_document_is_refused_with_its_reason_and_the_next_good_one_is_read(aino: Person) -> None:
    everything = malformed()

    complaints = [complaint_ for sent in everything if (complaint_ := await complaint(aino, sent)) is not None]

    assert len(everything) >= 60
    assert complaints == []
    assert (await aino.get("/health/ready")).status_code == 200
    assert found(await aino.read(sample("01-grocery.png")))["total"] == "28.63"
