from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import httpx2
import pytest

from tests.acceptance.people import Person, found, is_problem, register, sample
from tests.acceptance.processes import House, Server, until

pytestmark = pytest.mark.timeout(240)
LOOK_AGAIN_S = 0.05
UNKNOWN = "/ocr/scans/01900000-0000-7000-8000-000000000000"


@pytest.fixture
def apart(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[tuple[Server, Server]]:
    """Return the edge and the reader, each a process."""
    with House(tmp_path / "house", postgres_url, redis_url, readers=1) as house:
        yield house.edge, house.readers[0]


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
    its_own = {"id", "created_at", "started_at", "finished_at", "duration_ms", "timings_ms"}
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


async def test_several_processes_answer_like_one(alone: Server, house: House, http: httpx2.AsyncClient) -> None:
    answers = []
    for server in (alone, house.edge):
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


async def test_the_trace_of_a_request_goes_on_to_a_reader_and_into_what_is_told(house: House, http: httpx2.AsyncClient) -> None:
    person = await arrive(http, house.edge)
    wanted = {"stream_names": ["stream:ocr"], "consumer_group": "traces", "consumer_name": "one"}
    subscribed = (await person.ask("POST", "/events/subscribe", json=wanted)).raise_for_status().json()
    trace = uuid4().hex

    await person.upload(sample("03-fuel.png"), headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})

    heard: dict[str, str] = {}
    while "ocr.completed" not in heard:
        answer = await person.ask("POST", f"{subscribed['links']['receive']}?max=10&wait=10")
        heard |= {message["event"]["type"]: message["event"]["traceparent"] for message in answer.raise_for_status().json()["messages"]}
    assert {trace_parent.split("-")[1] for trace_parent in heard.values()} == {trace}
    until(lambda: trace in house.edge.log() and any(trace in reader.log() for reader in house.readers), log=house.edge.log)


@pytest.mark.trials
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


@pytest.mark.trials
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


@pytest.mark.trials
async def test_a_module_moves_out_and_back_by_two_settings(
    tmp_path: Path, postgres_url: str, redis_url: str, http: httpx2.AsyncClient
) -> None:
    house = House(tmp_path / "house", postgres_url, redis_url, readers=1)
    edge, (reader,) = house.edge, house.readers
    two = {"CONVERTO_MODULES", "CONVERTO_REMOTE__OCR"}
    edge.settings["CONVERTO_DATA_DIR"] = reader.settings["CONVERTO_DATA_DIR"]
    together = Server(tmp_path / "together", {name: value for name, value in edge.settings.items() if name not in two})
    scans, wheres = [], []

    with together:
        person = await arrive(http, together)
        scans.append(await person.read(sample("01-grocery.png")))
        wheres.append(await whereabouts(person))
        together.stop()
    with house:
        http.base_url = httpx2.URL(edge.url)
        scans.append(await person.read(sample("03-fuel.png")))
        wheres.append(await whereabouts(person))
        assert [server.stop() for server in (edge, reader)] == [0, 0]
    with together:
        http.base_url = httpx2.URL(together.url)
        scans.append(await person.read(sample("05-swedish.jpg")))
        wheres.append(await whereabouts(person))
        kept = [(await person.get(f"/ocr/scans/{scan['id']}")).json() for scan in scans]

    # the program is one and the same (`PROGRAM`): all that differs is what its processes were told
    assert {name for name, _ in together.settings.items() ^ edge.settings.items()} == two
    assert {name for name, _ in together.settings.items() ^ reader.settings.items()} == {"CONVERTO_MODULES"}
    assert wheres == ["here", "elsewhere", "here"]
    assert (kept, [found(scan)["total"] for scan in kept]) == (scans, ["28.63", "97.38", "44.15"])


async def whereabouts(person: Person) -> str:
    """Return where the product says that its reader lives."""
    return str((await person.get("/health")).json()["modules"]["ocr"]["where"])


@pytest.mark.trials
async def test_each_of_three_readers_is_shown_with_how_it_is(house: House) -> None:
    await asked_until_all_are(house, "ok")
    shown = house.edge.run("modules")

    assert shown.returncode == 0, shown.stderr
    assert [shown.stdout.count(f"{reader.url} ") for reader in house.readers] == [1, 1, 1]
    assert shown.stdout.count(" yes ") == 3
    house.readers[1].kill()
    try:
        services = await asked_until_all_are(house, "degraded")
        replicas = {replica["url"]: (replica["status"], replica["problem"]) for replica in services["ocr"]["replicas"]}
        assert replicas[house.readers[1].url] == ("down", "no connection can be made")
        assert [replicas[reader.url][0] for reader in house.readers[::2]] == ["ok", "ok"]
    finally:
        house.readers[1].start()


async def asked_until_all_are(house: House, status: str) -> Any:
    """Return what the edge says of all modules, once it says this of the reader."""
    async with httpx2.AsyncClient(base_url=house.edge.url, trust_env=False, timeout=60) as http:
        while True:
            services = (await http.get("/services/health")).json()
            if services["ocr"]["status"] == status:
                return services
            await anyio.sleep(LOOK_AGAIN_S)
