"""The whole product behind its REST, deployed in two ways: the tests here know nothing but HTTP."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from converto.app import create_app, migrate
from converto.kernel.config import Environment, Settings
from tests.acceptance.people import Person, register
from tests.servers import ask

RPC_SECRETS = (SecretStr("a secret of the tests, long enough"),)
PATIENCE_S = 40.0


@asynccontextmanager
async def started(settings: Settings, *, transport: httpx2.AsyncBaseTransport | None = None) -> AsyncIterator[FastAPI]:
    """Run an application on databases that are brought to their newest revision first."""
    await migrate(settings)
    app = create_app(settings, transport=transport)
    async with app.router.lifespan_context(app):
        yield app


@asynccontextmanager
async def monolith(folder: Path) -> AsyncIterator[FastAPI]:
    """Run everything in one application, on files and with events in memory."""
    async with started(Settings(environment=Environment.TEST, data_dir=folder)) as app:
        yield app


@asynccontextmanager
async def split(folder: Path) -> AsyncIterator[FastAPI]:
    """Run the reader as an application of its own, and give the one that asks it: on PostgreSQL and Redis, with a folder each."""
    postgres_url = ask("postgres")
    common = Settings(environment=Environment.TEST, database_url=SecretStr(postgres_url), events=ask("redis"), rpc_secrets=RPC_SECRETS)
    ocr = common.model_copy(update={"modules": ("ocr",), "data_dir": folder / "ocr"})
    edge = common.model_copy(update={"modules": ("auth", "gateway"), "remote": {"ocr": "http://ocr"}, "data_dir": folder / "edge"})
    try:
        async with AsyncExitStack() as stack:
            reader = await stack.enter_async_context(started(ocr))
            yield await stack.enter_async_context(started(edge, transport=httpx2.ASGITransport(reader)))
    finally:
        ask("drop", postgres_url.rpartition("/")[2])


DEPLOYMENTS = {"monolith": monolith, "split": split}


@pytest.fixture(scope="module", params=DEPLOYMENTS)
def deployment(request: pytest.FixtureRequest) -> str:
    """Return the name of a deployment: every test runs in each."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
async def converto(deployment: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of the whole product. The tests of a module share it: each brings a company of its own."""
    async with DEPLOYMENTS[deployment](tmp_path_factory.mktemp(deployment)) as app:
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://converto", timeout=PATIENCE_S) as client:
            yield client


@pytest.fixture
async def aino(converto: httpx2.AsyncClient) -> Person:
    """Return somebody with a company of her own."""
    return await register(converto)


@pytest.fixture
async def boris(converto: httpx2.AsyncClient) -> Person:
    """Return somebody of another company."""
    return await register(converto)
