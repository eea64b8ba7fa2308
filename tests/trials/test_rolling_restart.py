from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import anyio
import httpx2
import pytest

from converto.modules import installed
from tests.acceptance.people import PASSWORD, Person, register
from tests.acceptance.processes import House, Server
from tests.ocr.pdfs import pdf_of_text
from tests.trials.balancer import LOOK_EVERY_S, Balancer

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


EACH = 2
OTHERS = ",".join(module.name for module in installed() if module.name not in {"gateway", "auth"})
Town = Mapping[str, Sequence[Server]]


@contextmanager
def _town(folder: Path, postgres_url: str, redis_url: str, lives: Mapping[str, tuple[str, int]]) -> Iterator[Town]:
    """Have processes that know one another by their addresses: by a name, what lives in them and how many there are."""
    common = {
        "CONVERTO_DATABASE_URL": postgres_url,
        "CONVERTO_EVENTS": redis_url,
        "CONVERTO_RPC_SECRETS": "known to all of them only, and long enough",
        "CONVERTO_AUTH_SECRET_KEY": "another one that all of them know, and long",
        "CONVERTO_DATA_DIR": str(folder / "data"),
        "CONVERTO_DATABASE_POOL": "8",
    }
    delay_s = str(4 * LOOK_EVERY_S)
    servers = {
        name: [
            Server(folder / f"{name}{at}", {**common, "CONVERTO_MODULES": modules, "CONVERTO_STOP_DELAY_S": delay_s})
            for at in range(number)
        ]
        for name, (modules, number) in lives.items()
    }
    for name, (modules, _) in lives.items():
        for module in modules.split(","):
            addresses = ",".join(server.url for server in servers[name])
            for server in (one for several in servers.values() for one in several):
                server.settings[f"CONVERTO_REMOTE__{module.upper()}"] = addresses
    with ExitStack() as stack:
        everyone = [server for several in servers.values() for server in several]
        for server in everyone:
            stack.callback(server.kill)
            server.launch()
        for server in everyone:
            server.wait()
        yield servers


@pytest.fixture
def town(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[Town]:
    """Return a gateway, two processes that know who acts, and one of all else."""
    with _town(tmp_path, postgres_url, redis_url, {"gateway": ("gateway", 1), "auth": ("auth", EACH), "others": (OTHERS, 1)}) as servers:
        yield servers


@pytest.fixture
def city(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[Town]:
    """Return two gateways, and one process of all else."""
    with _town(tmp_path, postgres_url, redis_url, {"gateway": ("gateway", EACH), "others": (f"auth,{OTHERS}", 1)}) as servers:
        yield servers


async def test_nobody_notices_that_gateways_behind_a_balancer_are_stopped_and_started(city: Town) -> None:
    questions: Counter[int] = Counter()
    uploads: Counter[int] = Counter()
    gateways = city["gateway"]
    addresses = [gateway.url.removeprefix("http://") for gateway in gateways]
    async with Balancer(addresses) as balancer, httpx2.AsyncClient(base_url=balancer.url, timeout=60, trust_env=False) as http:
        person = await register(http)
        async with anyio.create_task_group() as tasks:
            for _ in range(ASKERS):
                tasks.start_soon(_ask, person, questions)
            tasks.start_soon(_send, person, uploads)
            for gateway in gateways:
                assert await anyio.to_thread.run_sync(gateway.stop) == 0
                await anyio.to_thread.run_sync(gateway.start)
                await balancer.until_ready(gateway.url.removeprefix("http://"))
            tasks.cancel_scope.cancel()

    print(f"\n{EACH} gateways stopped and started: answers to questions {dict(questions)}, to uploads {dict(uploads)}")
    assert set(questions) == {200}
    assert set(uploads) == {202}


async def test_nobody_notices_that_those_who_know_who_acts_are_stopped_and_started(town: Town) -> None:
    questions: Counter[int] = Counter()
    sign_ins: Counter[int] = Counter()
    url = town["gateway"][0].url
    async with httpx2.AsyncClient(base_url=url, timeout=60, trust_env=False) as http, anyio.create_task_group() as tasks:
        person = await register(http)
        for _ in range(ASKERS):
            tasks.start_soon(_ask, person, questions)
        tasks.start_soon(_sign_in, person, sign_ins)
        for server in town["auth"]:
            assert await anyio.to_thread.run_sync(server.stop) == 0
            await anyio.to_thread.run_sync(server.start)
        tasks.cancel_scope.cancel()

    print(f"\n{EACH} of auth stopped and started: answers to questions {dict(questions)}, to sign-ins {dict(sign_ins)}")
    assert set(questions) == {200}
    assert set(sign_ins) == {200}


async def _sign_in(person: Person, answers: Counter[int]) -> None:
    while True:
        given = {"email": person.email, "password": PASSWORD}
        answers[(await person.http.post("/auth/login", json=given)).status_code] += 1
        await anyio.sleep(1)


async def _ask(person: Person, answers: Counter[int]) -> None:
    while True:
        answers[(await person.get("/ocr/scans?limit=5")).status_code] += 1


async def _send(person: Person, answers: Counter[int]) -> None:
    document = pdf_of_text([["KUITTI"]])
    while True:
        answers[(await person.upload(document, "slip.pdf")).status_code] += 1
        await anyio.sleep(1)
