from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx2
import pytest

from tests.acceptance.people import Person, register
from tests.acceptance.processes import House
from tests.ocr.pdfs import pdf_of_text

pytestmark = [pytest.mark.trials, pytest.mark.timeout(900)]

READERS = 3
ASKERS = 2
ROUNDS = 1


@pytest.fixture
def house(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[House]:
    """Return an edge and three readers, each a process of its own."""
    with House(tmp_path / "house", postgres_url, redis_url, readers=READERS) as running:
        yield running


async def test_nobody_notices_that_readers_are_stopped_and_started_one_after_another(house: House) -> None:
    questions: Counter[int] = Counter()
    uploads: Counter[int] = Counter()
    async with httpx2.AsyncClient(base_url=house.edge.url, timeout=120, trust_env=False) as http, anyio.create_task_group() as tasks:
        person = await register(http)
        for _ in range(ASKERS):
            tasks.start_soon(_ask, person, questions)
        tasks.start_soon(_send, person, uploads)
        for reader in house.readers * ROUNDS:
            assert await anyio.to_thread.run_sync(reader.stop) == 0
            await anyio.to_thread.run_sync(reader.start)
        tasks.cancel_scope.cancel()

    print(f"\n{READERS * ROUNDS} readers stopped and started: answers to questions {dict(questions)}, to uploads {dict(uploads)}")
    assert set(questions) == {200}
    assert set(uploads) == {202}


async def _ask(person: Person, answers: Counter[int]) -> None:
    while True:
        answers[(await person.get("/ocr/scans?limit=5")).status_code] += 1


async def _send(person: Person, answers: Counter[int]) -> None:
    document = pdf_of_text([["KUITTI"]])
    while True:
        answers[(await person.upload(document, "slip.pdf")).status_code] += 1
        await anyio.sleep(1)
