"""A period that is due soon is told of, twice and no more."""

import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from converto.events.tables import outbox
from converto.kernel.actor import Actor
from converto.vat.calendar import PeriodKind, period_of
from tests.vat.house import House, opened_on, voucher


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
async def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Return a process of these tests' own: whoever reminds looks at every company."""
    async with opened_on(request.param, tmp_path_factory.mktemp("data")) as found:
        yield found


SALE = {"treatment": "domestic_sale", "rate": "25.5", "net": "100.00"}


async def told(house: House, aino: Actor) -> list[dict[str, Any]]:
    """Return what was told of the company's periods."""
    async with house.database.reading(aino.tenant_id) as session:
        wanted = select(outbox.c.envelope).where(outbox.c.tenant_id == aino.tenant_id, outbox.c.type == "vat.period.due_soon")
        return [one["data"] for one in await session.scalars(wanted.order_by(outbox.c.event_id))]


async def looked(house: House, *days: str) -> None:
    for day in days:
        await house.service.reminding.tell(datetime.date.fromisoformat(day))


async def test_a_period_is_told_of_a_week_and_a_day_before_it_is_due(house: House, aino: Actor) -> None:
    await house.vat.add_voucher(aino, voucher(SALE))
    await looked(house, "2026-03-04", "2026-03-05", "2026-03-06", "2026-03-10", "2026-03-11", "2026-03-12", "2026-03-13")
    assert [(one["period"], one["due"], one["days_left"], one["payable"]["amount"]) for one in await told(house, aino)] == [
        ("2026-01", "2026-03-12", 7, "25.50"),
        ("2026-01", "2026-03-12", 1, "25.50"),
    ]


async def test_whoever_looks_late_tells_once(house: House, aino: Actor) -> None:
    await house.vat.set_periods(aino, PeriodKind.QUARTER, valid_from=datetime.date(2026, 1, 1))
    await looked(house, "2026-05-12", "2026-05-12")
    assert [(one["period"], one["days_left"], one["payable"]["amount"]) for one in await told(house, aino)] == [("2026-Q1", 0, "0.00")]


@pytest.mark.parametrize("filed", [True, False])
async def test_a_period_that_is_filed_is_not_told_of(house: House, aino: Actor, *, filed: bool) -> None:
    await house.vat.add_voucher(aino, voucher(SALE))
    if filed:
        await house.vat.file(aino, "2026-01")
    await looked(house, "2026-03-10")
    assert len(await told(house, aino)) == (0 if filed else 1)


async def test_sales_to_other_member_states_are_due_a_recapitulative_statement(house: House, aino: Actor) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    await house.vat.add_voucher(aino, voucher({"treatment": "eu_goods_sale", "net": "3000.00"}, SALE, on=today.isoformat()))
    found = [one for one in (await house.vat.obligations(aino)).items if one.what == "recapitulative_statement"]
    assert [one.period for one in found] == [period_of(today, PeriodKind.MONTH).key]
    assert (found[0].overdue, found[0].due > today) == (False, True)
