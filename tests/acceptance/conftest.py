"""The whole product behind its REST, deployed in three ways: the tests here know nothing but HTTP.

In one application; in two that share a process; and, as an operator would run it, in real processes: an edge and some readers. What is
marked `in_processes` is asked of all three every time, what is not of one of the first two in turn, and of the others by `make trials`.
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from zlib import crc32

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from converto.app import create_app, migrate
from converto.kernel.config import Environment, Settings
from tests.acceptance.people import Person, register
from tests.acceptance.processes import ALL_BUT_OCR, House
from tests.databases import lay_files
from tests.gateway.conftest import calm
from tests.servers import ask

RPC_SECRETS = (SecretStr("a secret of the tests, long enough"),)
PATIENCE_S = 60.0
DEPLOYED = os.environ.get("TEST_DEPLOYED_URL", "")
"""Where a stack of containers answers: then all is asked of it alone."""
DEPLOYMENTS = ("containers",) if DEPLOYED else ("monolith", "split", "processes")
IN_TURN = DEPLOYMENTS[:2]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "in_processes: asks every deployment every time, not only among the trials")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ask each question of one of the two applications in turn; of the other, and of processes, it is asked by `make trials`."""
    for item in items:
        if (
            DEPLOYED
            or not isinstance(item, pytest.Function)
            or not hasattr(item, "callspec")
            or item.get_closest_marker("in_processes") is not None
        ):
            continue
        turn = IN_TURN[crc32(item.originalname.encode()) % 2]
        if item.callspec.params.get("deployment", turn) != turn:
            item.add_marker(pytest.mark.trials)


@pytest.fixture(scope="session", autouse=True)
def _webhooks_may_reach_this_machine() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CONVERTO_WEBHOOKS_ALLOWED_NETWORKS", "127.0.0.0/8")
        yield


@asynccontextmanager
async def started(settings: Settings, *, transport: httpx2.AsyncBaseTransport | None = None) -> AsyncIterator[FastAPI]:
    """Run an application on databases that are brought to their newest revision first."""
    lay_files(settings)
    await migrate(settings)
    app = create_app(settings, transport=transport)
    async with app.router.lifespan_context(app):
        if hasattr(app.state, "edge"):
            calm(app)
        yield app


@asynccontextmanager
async def monolith(folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Run everything in one application, on files and with events in memory."""
    async with started(Settings(environment=Environment.TEST, data_dir=folder)) as app, client_of(app) as client:
        yield client


@asynccontextmanager
async def split(folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Run the reader as an application of its own, and ask the other one: on PostgreSQL and Redis, with a folder each."""
    postgres_url = ask("postgres")
    common = Settings(environment=Environment.TEST, database_url=SecretStr(postgres_url), events=ask("redis"), rpc_secrets=RPC_SECRETS)
    ocr = common.model_copy(update={"modules": ("ocr",), "data_dir": folder / "ocr"})
    edge = common.model_copy(
        update={"modules": tuple(ALL_BUT_OCR.split(",")), "remote": {"ocr": "http://ocr"}, "data_dir": folder / "edge"}
    )
    try:
        async with AsyncExitStack() as stack:
            reader = await stack.enter_async_context(started(ocr))
            app = await stack.enter_async_context(started(edge, transport=httpx2.ASGITransport(reader)))
            yield await stack.enter_async_context(client_of(app))
    finally:
        ask("drop", postgres_url.rpartition("/")[2])


def client_of(app: FastAPI) -> httpx2.AsyncClient:
    """Return a client of an application in this process."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://converto", timeout=PATIENCE_S)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Return an edge and its readers, each a process; they serve the whole run, over however many processes it is spread."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        yield House.known(ask("house"))
        return
    postgres_url = ask("postgres")
    with House(tmp_path_factory.mktemp("house"), postgres_url, ask("redis"), readers=3) as house:
        yield house
    ask("drop", postgres_url.rpartition("/")[2])


@pytest.fixture(scope="module", params=DEPLOYMENTS)
def deployment(request: pytest.FixtureRequest) -> str:
    """Return the name of a deployment: every test runs in each."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
async def converto(
    deployment: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of the whole product. The tests of a module share it: each brings a company of its own."""
    if deployment == "containers":
        async with httpx2.AsyncClient(base_url=DEPLOYED, timeout=PATIENCE_S, trust_env=False) as client:
            yield client
        return
    if deployment == "processes":
        house: House = request.getfixturevalue("house")
        async with httpx2.AsyncClient(base_url=house.edge.url, timeout=PATIENCE_S, trust_env=False) as client:
            yield client
        return
    async with {"monolith": monolith, "split": split}[deployment](tmp_path_factory.mktemp(deployment)) as client:
        yield client


@pytest.fixture
async def aino(converto: httpx2.AsyncClient) -> Person:
    """Return somebody with a company of her own."""
    return await register(converto)


@pytest.fixture
async def boris(converto: httpx2.AsyncClient) -> Person:
    """Return somebody of another company."""
    return await register(converto)
