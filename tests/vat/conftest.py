"""Value added tax on a database of the test, and the whole product with one company for what is asked over HTTP."""

from collections.abc import AsyncIterator

import pytest

from converto.kernel.actor import Actor
from tests.isolation.town import Town, empty_town
from tests.vat.house import House, opened_on, somebody


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Return the application with a company and its owner."""
    async with empty_town(tmp_path_factory.mktemp("shop")) as opened_town:
        yield opened_town


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
async def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Return a process that hosts it, one for all tests on each database: each test has a company of its own."""
    async with opened_on(request.param, tmp_path_factory.mktemp("data")) as found:
        yield found


@pytest.fixture
def aino() -> Actor:
    """Return somebody of a company."""
    return somebody()
