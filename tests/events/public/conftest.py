"""The public events behind HTTP, deployed in two ways: all in one, and the events on a machine of their own."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from converto.app import create_app, migrate
from converto.kernel.config import Environment, Settings
from converto.kernel.database import Database
from converto.modules import installed
from tests.acceptance.people import Person, register
from tests.databases import lay_files
from tests.servers import ask

SECRETS = (SecretStr("a secret of the tests, long enough"),)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ask each question of one of the two deployments in turn; of the other it is asked by `make trials`."""
    for item in items:
        if isinstance(item, pytest.Function) and item.path.parent == Path(__file__).parent and hasattr(item, "callspec"):
            deployment = item.callspec.params.get("house")
            if deployment in DEPLOYMENTS and deployment != list(DEPLOYMENTS)[crc32(item.originalname.encode()) % 2]:
                item.add_marker(pytest.mark.trials)


class ByHost(httpx2.AsyncBaseTransport):
    """Brings a call to the application of its host: processes of one installation ask one another."""

    def __init__(self) -> None:
        self.apps: dict[str, FastAPI] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return await httpx2.ASGITransport(self.apps[request.url.host]).handle_async_request(request)


@dataclass(frozen=True)
class House:
    """An installation: where its REST is asked, and what lives in which application."""

    http: httpx2.AsyncClient
    apps: Mapping[str, FastAPI]

    def database(self, module: str) -> Database:
        """Return the database of a module, wherever it lives."""
        found: Database = self._hosting(module).state.runtime.hosted[module].database.across_tenants
        return found

    def service(self, module: str) -> Any:
        """Return the service of a module, wherever it lives."""
        return self._hosting(module).state.runtime.hosted[module].service

    def _hosting(self, module: str) -> FastAPI:
        return next(app for app in self.apps.values() if module in app.state.runtime.hosted)


@asynccontextmanager
async def opened(apps: Mapping[str, Settings]) -> AsyncIterator[House]:
    """Run the applications of an installation; the first is its edge."""
    transport = ByHost()
    async with AsyncExitStack() as stack:
        for name, settings in list(apps.items())[::-1]:  # an edge looks at once for those it asks
            lay_files(settings)
            await migrate(settings)
            transport.apps[name] = app = create_app(settings, transport=transport)
            await stack.enter_async_context(app.router.lifespan_context(app))
        edge = httpx2.ASGITransport(transport.apps[next(iter(apps))])
        yield House(
            await stack.enter_async_context(httpx2.AsyncClient(transport=edge, base_url="http://converto", timeout=60)), transport.apps
        )


@asynccontextmanager
async def together(folder: Path) -> AsyncIterator[House]:
    """Run everything in one application, on files and with events in memory."""
    settings = Settings(environment=Environment.TEST, data_dir=folder, rpc_secrets=SECRETS)
    async with opened({"edge": settings}) as house:
        yield house


@asynccontextmanager
async def apart(folder: Path) -> AsyncIterator[House]:
    """Run the events as an application of their own, on PostgreSQL and Redis."""
    url = ask("postgres")
    common = Settings(
        environment=Environment.TEST,
        data_dir=folder,
        database_url=SecretStr(url),
        database_pool=5,
        events=ask("redis"),
        rpc_secrets=SECRETS,
    )
    others = tuple(module.name for module in installed() if module.name != "events")
    edge = common.model_copy(update={"modules": others, "remote": {"events": "http://events"}})
    events = common.model_copy(update={"modules": ("events",), "remote": {name: "http://edge" for name in others if name != "gateway"}})
    try:
        async with opened({"edge": edge, "events": events}) as house:
            yield house
    finally:
        ask("drop", url.rpartition("/")[2])


WELCOME_S = 300.0
"""How long a person is shared: their access token ends after a quarter of an hour."""
DEPLOYMENTS = {"together": together, "apart": apart}


class Houses:
    """The installations of a test run: each is opened when it is first asked for, and every test brings companies of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, House] = {}
        self._shared: dict[str, tuple[Person, float]] = {}
        self.closing = AsyncExitStack()

    async def of(self, name: str) -> House:
        """Return an installation."""
        if name not in self._open:
            self._open[name] = await self.closing.enter_async_context(DEPLOYMENTS[name](self._folder / name))
        return self._open[name]

    async def somebody(self, house: House) -> Person:
        """Return the person of an installation whom tests share that leave nothing behind."""
        name = next(name for name, one in self._open.items() if one is house)
        person, until = self._shared.get(name, (None, 0.0))
        if person is None or time.monotonic() > until:
            person = await register(house.http)
            self._shared[name] = person, time.monotonic() + WELCOME_S
        return person


@pytest.fixture(scope="session")
async def houses(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Houses]:
    """Return the installations of this run."""
    houses = Houses(tmp_path_factory.mktemp("houses"))
    async with houses.closing:
        yield houses


@pytest.fixture(params=DEPLOYMENTS)
async def house(request: pytest.FixtureRequest, houses: Houses) -> House:
    """Return an installation, deployed in each way."""
    return await houses.of(request.param)


@pytest.fixture
async def aino(house: House) -> Person:
    """Return somebody with a company of her own."""
    return await register(house.http)


@pytest.fixture
async def boris(house: House) -> Person:
    """Return somebody of another company."""
    return await register(house.http)


@pytest.fixture
async def somebody(houses: Houses, house: House) -> Person:
    """Return a person whom tests share that leave nothing behind."""
    return await houses.somebody(house)
