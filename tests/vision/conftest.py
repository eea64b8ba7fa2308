"""Vision on a database of the test, and somebody who asks it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from converto.kernel.actor import Actor
from tests.vision.house import House, opened, somebody


@pytest.fixture(scope="module")
async def alone(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Return a process without any provider of models, which the tests of a module share."""
    async with opened(tmp_path_factory.mktemp("vision"), models=False) as house:
        yield house


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Return a process with a provider of models."""
    async with opened(tmp_path_factory.mktemp("vision")) as house:
        yield house


@pytest.fixture
def house(shared: House) -> House:
    """Return that process, with a provider that has no faults."""
    shared.fake.faults.clear()
    shared.fake.broken.clear()
    shared.fake.asked.clear()
    shared.fake.answer = None
    return shared


@pytest.fixture
async def kept(data_dir: Path, database_url: str | None) -> AsyncIterator[House]:
    """Return a process without models, on each kind of database."""
    async with opened(data_dir, database_url, models=False) as house:
        yield house


@pytest.fixture
def aino() -> Actor:
    """Return somebody of a company."""
    return somebody()
