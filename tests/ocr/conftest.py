"""The reader on a database of the test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from converto.kernel.actor import Actor
from tests.ocr.house import House, beside, opened, somebody


@pytest.fixture
async def house(data_dir: Path, database_url: str | None) -> AsyncIterator[House]:
    """Return a process that hosts the reader."""
    async with opened(data_dir, database_url) as house:
        yield house


@pytest.fixture
async def other(house: House) -> AsyncIterator[House]:
    """Return another process that hosts the same reader."""
    async with beside(house) as other:
        yield other


@pytest.fixture
def aino() -> Actor:
    """Return somebody of a company."""
    return somebody()
