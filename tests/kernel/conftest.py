"""The little module, asked in both bindings."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from converto.kernel.binding import LocalTransport, bind
from converto.kernel.database import Databases
from converto.kernel.replicas import Replicas
from converto.kernel.rpc import HttpTransport
from tests.kernel.echo import ECHO, SECRET, Echo, EchoService, Process


@dataclass(frozen=True)
class Bound:
    """The module as others ask it, and the service behind it."""

    echo: Echo
    service: EchoService
    databases: Databases


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=None, trust_env=False) as client:
        yield client


@pytest.fixture
async def databases(data_dir: Path) -> AsyncIterator[Databases]:
    databases = Databases(data_dir, None, pool_size=5)
    yield databases
    await databases.close()


@pytest.fixture(params=["local", "remote"])
async def bound(request: pytest.FixtureRequest, client: httpx2.AsyncClient, databases: Databases) -> AsyncIterator[Bound]:
    """Return the module, asked in this process and over a real socket."""
    service = EchoService(databases.of("echo"))
    if request.param == "local":
        yield Bound(bind(ECHO, LocalTransport(service)), service, databases)
        return
    process = Process.of(service)
    await process.start()
    yield Bound(bind(ECHO, HttpTransport(Replicas("echo", [process.url]), [SECRET], client)), service, databases)
    await process.kill()
