import asyncio
from pathlib import Path

import pytest
from sqlalchemy import update

from converto.billing.models import CounterRow
from converto.commands.billing import invariants, plans, reconcile, usage
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from converto.kernel.config import Environment, Settings
from converto.kernel.paid_work import Use
from tests.billing.house import SCANS, opened
from tests.databases import lay_files

COMPANY = new_id()


@pytest.fixture
def settings(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of an installation where every company has the starter, and where one has read three documents."""
    monkeypatch.setenv("CONVERTO_BILLING_DEFAULT_PLAN", "starter")
    settings = Settings(environment=Environment.TEST, data_dir=data_dir)
    lay_files(settings)
    asyncio.run(_counted(data_dir))
    return settings


async def _counted(data_dir: Path) -> None:
    async with opened(data_dir) as house:
        await house.billing.confirm(Actor.service(COMPANY), (Use(feature=SCANS, key="ocr:1", quantity=3),))


async def _broken(data_dir: Path) -> None:
    async with opened(data_dir) as house, house.database.writing() as session:
        await session.execute(update(CounterRow).values(used=2))


def test_the_plans_stand_side_by_side_with_what_they_hold(capsys: pytest.CaptureFixture[str]) -> None:
    plans()
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["Starter", "Professional", "Enterprise"]
    assert ["ai_spend_per_month", "10.00", "EUR", "50.00", "EUR", "250.00", "EUR"] in lines
    assert ["seats", "3", "15", "without", "end"] in lines
    assert ["api_access", "no", "yes", "yes"] in lines


def test_what_a_company_uses_stands_beside_what_it_may(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    usage(settings, COMPANY)
    told = capsys.readouterr().out
    assert told.startswith(f"{COMPANY}: starter, granted, from ")
    assert [SCANS, "3", "0", "500"] in [line.split() for line in told.splitlines()]


def test_a_counter_that_is_wrong_is_told_until_it_is_made_anew(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert invariants(settings, repair=False) == 0
    asyncio.run(_broken(settings.data_dir))
    assert invariants(settings, repair=False) == 1
    assert "2 used and 0 held are counted, 3 and 0 are true" in capsys.readouterr().err
    assert [invariants(settings, repair=True), invariants(settings, repair=False)] == [0, 0]
    assert capsys.readouterr().out.splitlines()[-1] == "all of 1 counters are what their events add up to"


def test_where_nothing_is_sold_there_is_nothing_to_reconcile(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert reconcile(settings) == 2
    assert "sells no plans" in capsys.readouterr().err
