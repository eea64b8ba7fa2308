"""SIGTERM in the middle of everything: a process ends well and soon, and another one finishes what it was at."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import anyio
import httpx2
import pytest

from tests.acceptance.people import Person, register
from tests.acceptance.processes import House

pytestmark = [pytest.mark.trials, pytest.mark.timeout(600)]

WITHIN_S = 10.0
SCANS = 6


@pytest.fixture
def house(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[House]:
    """Return an edge and two readers, each a process of its own."""
    with House(tmp_path / "house", postgres_url, redis_url, readers=2) as running:
        yield running


async def test_with_an_open_stream_a_long_poll_and_running_scans_every_process_ends_well_and_soon(
    house: House, documents: Sequence[Path]
) -> None:
    took_s, ended = dict[str, float](), dict[str, int | None]()

    async def stop(name: str) -> None:
        begun = time.monotonic()
        ended[name] = await anyio.to_thread.run_sync({"reader": house.readers[0], "edge": house.edge}[name].stop)
        took_s[name] = time.monotonic() - begun

    async with httpx2.AsyncClient(base_url=house.edge.url, timeout=120, trust_env=False) as http:
        person = await register(http)
        wanted = {"stream_names": ["stream:vat"], "consumer_group": "books", "consumer_name": "till"}
        group = (await person.ask("POST", "/events/subscribe", json=wanted)).raise_for_status().json()
        sent = [await person.upload(documents[number % len(documents)].read_bytes(), f"{number}.png") for number in range(SCANS)]
        ids = [answer.raise_for_status().json()["id"] for answer in sent]
        await _until_one_is_read(person, ids)

        await stop("reader")
        async with anyio.create_task_group() as tasks:
            opened = anyio.Event()
            waited = list[int]()
            tasks.start_soon(_look_on, person, ids[-1], opened)
            tasks.start_soon(_wait_for_events, person, group["links"]["receive"], waited)
            await opened.wait()
            await stop("edge")

        await anyio.to_thread.run_sync(house.edge.start)
        states = [await _finished(person, scan_id) for scan_id in ids]

    print(f"\nended after {', '.join(f'{name} {seconds:.1f} s' for name, seconds in took_s.items())}; scans: {states}")
    assert ended == {"reader": 0, "edge": 0}
    assert max(took_s.values()) <= WITHIN_S
    assert waited == [200]
    assert states == ["completed"] * SCANS


async def _until_one_is_read(person: Person, ids: Sequence[str]) -> None:
    while True:
        if "started" in [(await _scan(person, scan_id))["status"] for scan_id in ids]:
            return
        await anyio.sleep(0.05)


async def _look_on(person: Person, scan_id: str, opened: anyio.Event) -> None:
    """Read a stream to its end, which comes with the end of the process."""
    headers = {"authorization": f"Bearer {person.signed_in['access_token']}"}
    async with person.http.stream("GET", f"/ocr/scans/{scan_id}/events", headers=headers) as answer:
        assert answer.status_code == 200
        opened.set()
        async for _ in answer.aiter_bytes():
            pass


async def _wait_for_events(person: Person, path: str, statuses: list[int]) -> None:
    """Ask for events that do not come."""
    statuses.append((await person.ask("POST", f"{path}?wait=25")).status_code)


async def _scan(person: Person, scan_id: str) -> dict[str, str]:
    found: dict[str, str] = (await person.get(f"/ocr/scans/{scan_id}")).raise_for_status().json()
    return found


async def _finished(person: Person, scan_id: str) -> str:
    while True:
        scan = await _scan(person, scan_id)
        if scan["status"] in {"completed", "failed"}:
            return scan["status"]
        await anyio.sleep(0.2)
