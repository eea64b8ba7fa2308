"""Models on a database of the test, and somebody who asks them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from converto.kernel.actor import Actor
from tests.ai.house import House, opened, somebody


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Return a process that asks models, which the tests of a module share."""
    async with opened(tmp_path_factory.mktemp("ai")) as house:
        yield house


@pytest.fixture
def house(shared: House) -> House:
    """Return that process, with a provider that has no faults."""
    shared.fake.faults.clear()
    shared.fake.broken.clear()
    shared.fake.calls.clear()
    shared.fake.bills.clear()
    shared.fake.answer = None
    shared.fake.latency_s = shared.fake.chunk_pause_s = 0.0
    shared.service._health._watches.clear()
    return shared


@pytest.fixture
def aino() -> Actor:
    """Return somebody of a company."""
    return somebody()


@pytest.fixture
async def kept(data_dir: Path, database_url: str | None) -> AsyncIterator[House]:
    """Return a process that asks models, on each kind of database."""
    async with opened(data_dir, database_url) as house:
        yield house
