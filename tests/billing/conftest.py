"""Billing on both databases, where every company has the starter."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.billing.bank import Shop, shop_open
from tests.billing.house import House, opened
from tests.servers import ask


@pytest.fixture(params=["sqlite", "postgres"], scope="module")
async def starters(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Return billing where every company has the starter; the tests of a file share it, each with companies of its own."""
    url = ask("postgres") if request.param == "postgres" else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVERTO_BILLING_DEFAULT_PLAN", "starter")
        async with opened(tmp_path_factory.mktemp("data"), url) as house:
            yield house
    if url is not None:
        ask("drop", url.rpartition("/")[2])


@pytest.fixture
async def trials(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """Return billing where companies try for 14 days."""
    monkeypatch.setenv("CONVERTO_BILLING_DEFAULT_PLAN", "trial")
    async with opened(data_dir) as house:
        yield house


@pytest.fixture
async def unsold(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    """Return billing where nobody sells anything."""
    monkeypatch.setenv("CONVERTO_BILLING_DEFAULT_PLAN", "unlimited")
    async with opened(data_dir) as house:
        yield house


@pytest.fixture(params=["sqlite", "postgres"], scope="module")
async def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Return billing that sells; the tests of a file share it, each with companies of its own."""
    url = ask("postgres") if request.param == "postgres" else None
    async with shop_open(tmp_path_factory.mktemp("data"), url) as opened_shop:
        yield opened_shop
    if url is not None:
        ask("drop", url.rpartition("/")[2])
