"""Readings among real processes: looked at from the edge, paused, killed and taken over."""

import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from tests.acceptance.people import Person, register
from tests.acceptance.processes import House, Server
from tests.ocr.drawn import slow
from tests.ocr.house import pages
from tests.servers import ask

pytestmark = [pytest.mark.timeout(240), pytest.mark.trials]
LEASE_S = 2
PAGES = 4
LOOK_AGAIN_S = 0.05


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Return an edge and two readers; a test leaves them running."""
    postgres_url = ask("postgres")
    house = House(tmp_path_factory.mktemp("pair") / "house", postgres_url, ask("redis"), readers=2)
    for reader in house.readers:
        reader.settings["CONVERTO_EVENTS_LEASE_S"] = str(LEASE_S)
    with house:
        yield house
    ask("drop", postgres_url.rpartition("/")[2])


@pytest.fixture
async def aino(pair: House) -> AsyncIterator[Person]:
    """Return somebody, who opens a connection for each request: a killed process leaves none behind."""
    limits = httpx2.Limits(max_keepalive_connections=0)
    async with httpx2.AsyncClient(base_url=pair.edge.url, timeout=60, trust_env=False, limits=limits) as http:
        yield await register(http)


@asynccontextmanager
async def view_of(person: Person, scan_id: str) -> AsyncIterator[AsyncIterator[tuple[str, dict[str, Any]]]]:
    """Open the view of a scan: the name and the data of each event, as they come."""
    headers = {"authorization": f"Bearer {person.signed_in['access_token']}"}
    async with person.http.stream("GET", f"/ocr/scans/{scan_id}/events", headers=headers, timeout=120) as answer:
        assert answer.status_code == 200

        async def events() -> AsyncIterator[tuple[str, dict[str, Any]]]:
            name = ""
            async for line in answer.aiter_lines():
                kind, _, value = line.partition(": ")
                if kind == "event":
                    name = value
                elif kind == "data":
                    yield name, json.loads(value)

        yield events()


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


async def reader_at_work(house: House) -> Server:
    """Return the reader that reads the only document there is to read."""
    while True:
        for reader in house.readers:
            if any(children(child) for child in children(reader.pid)):
                return reader
        await anyio.sleep(LOOK_AGAIN_S)


async def asked_patiently(person: Person, path: str) -> dict[str, Any]:
    """Return what is answered, by whom does answer: a process that is paused never does."""
    while True:
        try:
            answer = await person.get(path, timeout=2)
        except httpx2.ReadTimeout:
            continue
        if answer.is_success:
            found: dict[str, Any] = answer.json()
            return found


async def completed(person: Person, scan_id: str) -> dict[str, Any]:
    while True:
        scan = await asked_patiently(person, f"/ocr/scans/{scan_id}")
        if scan["status"] == "completed":
            return scan
        await anyio.sleep(LOOK_AGAIN_S)


async def told_of(person: Person, scan_id: str) -> list[str]:
    """Return the facts that were told of a scan."""
    body = {"stream_names": ["stream:ocr"], "consumer_group": "test", "consumer_name": "one", "start": "earliest"}
    links = (await person.ask("POST", "/events/subscribe", json=body)).json()["links"]
    types: list[str] = []
    while messages := (await person.ask("POST", f"{links['receive']}?wait=1")).json()["messages"]:
        types += [message["event"]["type"] for message in messages if message["event"]["data"]["scan_id"] == scan_id]
    return types


async def the_first_page(events: AsyncIterator[tuple[str, dict[str, Any]]]) -> tuple[str, dict[str, Any]]:
    """Return the first event that tells of a page."""
    while True:
        name, data = await anext(events)
        if data["pages_read"]:
            return name, data


async def test_pages_are_told_while_they_are_read(aino: Person) -> None:
    scan_id = (await aino.upload(pages(PAGES))).json()["id"]

    async with view_of(aino, scan_id) as events:
        first, data = await the_first_page(events)
        under_way = (await aino.get(f"/ocr/scans/{scan_id}")).json()
        *_, (last, finished) = [event async for event in events]

    assert (first, data["pages"], data["pages_read"] < PAGES) == ("progress", PAGES, True)
    assert under_way["status"] == "started"
    assert (last, finished["status"], finished["pages_read"]) == ("finished", "completed", PAGES)


async def test_whoever_looks_on_stays_while_the_reader_dies_and_another_takes_over(pair: House, aino: Person) -> None:
    scan_id = (await aino.upload(pages(PAGES))).json()["id"]

    async with view_of(aino, scan_id) as events:
        async for _, data in events:
            if data["status"] == "started":
                break
        reader = await reader_at_work(pair)
        reader.kill()
        try:
            *_, (last, finished) = [event async for event in events]
        finally:
            reader.start()

    assert (last, finished["status"], finished["pages_read"]) == ("finished", "completed", PAGES)


async def test_a_reader_that_was_paused_and_goes_on_changes_nothing(pair: House, aino: Person) -> None:
    scan_id = (await aino.upload(pages(PAGES))).json()["id"]
    paused = await reader_at_work(pair)
    lost_before = await lost_by(paused)

    os.kill(paused.pid, signal.SIGSTOP)
    try:
        before = await completed(aino, scan_id)
    finally:
        os.kill(paused.pid, signal.SIGCONT)
    await until_it_has_lost(paused, more_than=lost_before)

    assert await asked_patiently(aino, f"/ocr/scans/{scan_id}") == before
    assert sorted(await told_of(aino, scan_id)) == ["ocr.completed", "ocr.requested", "ocr.started"]


async def lost_by(reader: Server) -> float:
    """Return how many jobs a reader has found to be another's."""
    async with httpx2.AsyncClient(base_url=reader.url, timeout=60, trust_env=False) as http:
        figures = (await http.get("/metrics")).text
    lost = 'converto_events_handled_total{outcome="lost",subscriber="ocr.read_scan"} '
    return sum(float(line.removeprefix(lost)) for line in figures.splitlines() if line.startswith(lost))


async def until_it_has_lost(reader: Server, *, more_than: float) -> None:
    while True:
        if await lost_by(reader) > more_than:
            return
        await anyio.sleep(LOOK_AGAIN_S)


async def test_an_open_view_ends_well_when_the_edge_is_told_to_stop(pair: House, aino: Person) -> None:
    scan_id = (await aino.upload(slow())).json()["id"]

    async with view_of(aino, scan_id) as events:
        await anext(events)
        try:
            status = await anyio.to_thread.run_sync(pair.edge.stop)
            rest = [name async for name, _ in events]  # it would raise, were the stream cut off
        finally:
            pair.edge.start()

    await aino.ask("DELETE", f"/ocr/scans/{scan_id}")
    assert status == 0
    assert "finished" not in rest
