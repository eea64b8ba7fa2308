"""Webhooks that may post to the loopback, where the tests' receivers are."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.webhooks.house import House, opened
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture(autouse=True)
def _loopback_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERTO_WEBHOOKS_ALLOWED_NETWORKS", "127.0.0.0/8")


@pytest.fixture
async def house(data_dir: Path) -> AsyncIterator[House]:
    """Return webhooks on SQLite."""
    async with opened(data_dir) as house:
        yield house


@pytest.fixture
async def hasty(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """Return webhooks that wait half a second for an answer."""
    monkeypatch.setenv("CONVERTO_WEBHOOKS_ENDPOINT_TIMEOUT_S", "0.5")
    async with opened(data_dir) as house:
        yield house


@pytest.fixture
async def both(data_dir: Path, database_url: str | None) -> AsyncIterator[House]:
    """Return webhooks on SQLite and on PostgreSQL: the test runs on both."""
    async with opened(data_dir, database_url) as house:
        yield house


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Return a receiver that takes everything."""
    async with receiving() as receiver:
        yield receiver
