from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from tests.acceptance.people import Person, found, is_problem, register, sample
from tests.acceptance.processes import Server
from tests.ocr.pdfs import pdf_of_text

pytestmark = pytest.mark.timeout(120)
LOOK_AGAIN_S = 0.05
UNKNOWN = "/ocr/scans/01900000-0000-7000-8000-000000000000"


@pytest.fixture
def apart(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[tuple[Server, Server]]:
    """Return the edge and the reader, each a process, with nothing in common but PostgreSQL, Redis and a secret."""
    common = {"CONVERTO_DATABASE_URL": postgres_url, "CONVERTO_EVENTS": redis_url, "CONVERTO_RPC_SECRETS": "known to both of them only"}
    reader = Server(tmp_path / "reader", {**common, "CONVERTO_MODULES": "ocr"})
    edge = Server(tmp_path / "edge", {**common, "CONVERTO_MODULES": "auth,gateway", "CONVERTO_REMOTE__OCR": reader.url})
    with reader, edge:
        yield edge, reader


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Server]:
    """Return everything in one process, on files."""
    with Server(tmp_path / "alone", {}) as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client that opens a connection for each request: a killed server leaves none behind."""
    limits = httpx2.Limits(max_keepalive_connections=0)
    async with httpx2.AsyncClient(timeout=60, trust_env=False, limits=limits) as client:
        yield client


async def arrive(http: httpx2.AsyncClient, server: Server) -> Person:
    """Register somebody with a server."""
    http.base_url = httpx2.URL(server.url)
    return await register(http)


def told(scan: dict[str, Any]) -> dict[str, Any]:
    """Return what two readings of one document must have in common."""
    its_own = {"id", "created_at", "started_at", "finished_at", "duration_ms"}
    return {name: value for name, value in scan.items() if name not in its_own}


async def asked_until(person: Person, path: str, fact: Callable[[httpx2.Response], object]) -> httpx2.Response:
    """Return the first answer of which something is true."""
    while True:
        answer = await person.get(path)
        if fact(answer):
            return answer
        await anyio.sleep(LOOK_AGAIN_S)


def says(status: str) -> Callable[[httpx2.Response], bool]:
    return lambda answer: bool(answer.json().get("status") == status)


async def test_two_processes_answer_like_one(alone: Server, apart: tuple[Server, Server], http: httpx2.AsyncClient) -> None:
    edge, _ = apart
    answers = []
    for server in (alone, edge):
        person = await arrive(http, server)
        scan = await person.read(sample("01-grocery.png"), "01-grocery.png")
        unknown = await person.get(UNKNOWN, headers={"x-request-id": "the-same"})
        text = await person.get(f"/ocr/scans/{scan['id']}/text")
        picture = await person.get(f"/ocr/scans/{scan['id']}/pages/1.png")
        refused = await person.upload(b"GIF89a" + bytes(90))
        assert is_problem(unknown, 404, "ocr.unknown_scan")
        assert is_problem(refused, 415, "ocr.unsupported_file")
        answers.append((told(scan), unknown.json(), text.text, picture.content))

    assert found(answers[0][0])["total"] == "28.63"
    assert answers[0] == answers[1]


async def test_a_killed_reader_is_missed_with_503_and_taken_back_when_it_returns(
    apart: tuple[Server, Server], http: httpx2.AsyncClient
) -> None:
    edge, reader = apart
    person = await arrive(http, edge)
    before = await person.read(sample("01-grocery.png"))

    reader.kill()

    for answer in (await person.get(f"/ocr/scans/{before['id']}"), await person.upload(sample("03-fuel.png"))):
        assert is_problem(answer, 503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
    assert (await person.get("/auth/me")).status_code == 200
    assert (await person.get("/health/ready")).status_code == 200
    await asked_until(person, "/health", says("degraded"))

    reader.start()

    after = await asked_until(person, f"/ocr/scans/{before['id']}", lambda answer: answer.status_code != 503)
    assert after.json() == before
    assert found(await person.read(sample("03-fuel.png")))["total"] == "97.38"
    await asked_until(person, "/health", says("ok"))


async def test_scans_outlive_a_killed_server_and_finish_once(alone: Server, http: httpx2.AsyncClient) -> None:
    person = await arrive(http, alone)
    files = ["01-grocery.png", "03-fuel.png", "05-swedish.jpg", "06-english.webp"]
    sent = [(await person.upload(sample(file), file, headers={"idempotency-key": file})).json()["id"] for file in files]
    await asked_until(person, "/ocr/scans?status=started", lambda answer: answer.json()["items"])

    alone.kill()
    alone.start()

    again = [(await person.upload(sample(file), file, headers={"idempotency-key": file})).json()["id"] for file in files]
    scans = [(await asked_until(person, f"/ocr/scans/{scan_id}", says("completed"))).json() for scan_id in sent]
    assert again == sent
    assert [found(scan)["total"] for scan in scans] == ["28.63", "97.38", "44.15", "50.00"]
    listed = (await person.get("/ocr/scans")).json()["items"]
    assert [scan["id"] for scan in listed] == sent[::-1]
    for scan in scans:
        original = await person.get(f"/ocr/scans/{scan['id']}/original")
        assert original.content == sample(scan["filename"])


async def test_processes_that_are_told_to_stop_end_well(apart: tuple[Server, Server], http: httpx2.AsyncClient) -> None:
    edge, reader = apart
    person = await arrive(http, edge)
    await person.read(pdf_of_text([["KUITTI"]]))

    statuses = [server.stop() for server in (edge, reader)]

    assert statuses == [0, 0]
