import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import asyncpg
import httpx2
import pytest

from tests.acceptance.people import Person, register
from tests.acceptance.processes import House

pytestmark = [pytest.mark.trials, pytest.mark.timeout(1200)]

READERS = 3
SCANS = 40
KILLS = 20
LONGEST_PAUSE_S = 1.5
FINISHED = ["ocr.completed", "ocr.failed"]


@pytest.fixture
def house(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[House]:
    """Return an edge and three readers, each a process of its own."""
    with House(tmp_path / "house", postgres_url, redis_url, readers=READERS) as running:
        yield running


async def test_scans_outlive_readers_that_are_killed_at_any_moment(house: House, documents: Sequence[Path], postgres_url: str) -> None:
    async with httpx2.AsyncClient(base_url=house.edge.url, timeout=120, trust_env=False) as http:
        person = await register(http)
        pictures = itertools.islice(itertools.cycle(documents), SCANS)
        taken = [await _taken(person, path, number) for number, path in enumerate(pictures)]
        seed = random.randrange(10**6)  # noqa: S311 - moments, not secrets
        moments = random.Random(seed)  # noqa: S311
        for _ in range(KILLS):
            await anyio.sleep(moments.uniform(0, LONGEST_PAUSE_S))
            reader = moments.choice(house.readers)
            reader.kill()
            reader.launch()
        begun = time.monotonic()
        scans = [await _finished(person, scan_id) for scan_id in taken]
        took_s = time.monotonic() - begun

    states = Counter(scan["status"] for scan in scans)
    told = await _told(postgres_url)
    print(f"\n{KILLS} kills (seed {seed}) among {READERS} readers; {took_s:.0f} s after the last, of {SCANS} scans: {dict(states)}")
    print(f"{len(told)} scans told of as finished, {told.total()} times")
    assert states == {"completed": SCANS}
    assert told == Counter(taken)


async def _taken(person: Person, path: Path, number: int) -> str:
    """Send a document until it is taken: a reader that is killed may take the answer with it, and the key makes the second try the same."""
    while True:
        answer = await person.upload(path.read_bytes(), path.name, headers={"idempotency-key": f"{number} {path.name}"})
        if answer.status_code != 503:
            return str(answer.raise_for_status().json()["id"])


async def _finished(person: Person, scan_id: str) -> dict[str, str]:
    while True:
        answer = await person.get(f"/ocr/scans/{scan_id}")
        if answer.status_code == 200 and answer.json()["status"] in {"completed", "failed"}:
            scan: dict[str, str] = answer.json()
            return scan
        await anyio.sleep(0.2)


async def _told(postgres_url: str) -> Counter[str]:
    """Return how often each scan was told of as finished: what is told stays in the outbox."""
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    try:
        rows = await connection.fetch("SELECT envelope::json->'data'->>'scan_id' AS scan FROM ocr.outbox WHERE type = ANY($1)", FINISHED)
    finally:
        await connection.close()
    return Counter(row["scan"] for row in rows)
