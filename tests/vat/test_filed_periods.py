"""No path changes a filed period: not the routes whatever they are asked, not the repository, not a statement of SQL."""

import os
import random
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Executable, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from converto.kernel.actor import Actor
from converto.vat.interface import LockedPeriod
from converto.vat.models import EntryRow, ReturnRow, VoucherRow
from converto.vat.repository import Entries, Returns
from converto.vat.vouchers import Voucher
from tests.isolation.requests import Operation, operations
from tests.isolation.town import Town
from tests.vat.house import House, voucher

PURCHASE = {"treatment": "domestic_purchase", "rate": "25.5", "net": "31.13", "vat": "7.93"}
SALE = {"treatment": "domestic_sale", "rate": "25.5", "net": "100.00", "vat": "25.50"}
PERIODS = ("2026-01", "2026-02", "2026-Q1", "2026", "2025-Q4")
DAYS = ("2026-01-01", "2026-01-15", "2026-01-31", "2026-02-01")
ROUNDS = int(os.environ.get("CONVERTO_TRIAL_ROUNDS", "2"))
REPLACE = "POST /vat/returns/{period}/replace"
"""The one way that there is: with a reason, and the return of before stays beside the new one."""


async def as_it_is(shop: Town) -> dict[str, Any]:
    """Return all that is told of the filed period."""
    paths = ["", "/filed", "/export?format=csv", *(f"/boxes/{box}?limit=200" for box in ("301", "307", "308"))]
    found = {path: (await shop.ask(shop.owner, "GET", f"/vat/returns/2026-01{path}")).raise_for_status().text for path in paths}
    booked = await shop.ask(shop.owner, "GET", "/vat/exports/procountor?from=2026-01-01&to=2026-01-31")
    return {**found, "vouchers": booked.raise_for_status().text}


async def filed(shop: Town) -> dict[str, str]:
    """Book and file January; returns the ids of a booked voucher and of a draft."""
    ids = []
    for draft in ("false", "true"):
        given = {"document_date": "2026-01-15", "lines": [SALE, PURCHASE], "seller_id": "2077474-0"}
        ids.append((await shop.ask(shop.owner, "POST", f"/vat/vouchers?draft={draft}", json=given)).raise_for_status().json()["id"])
    (await shop.ask(shop.owner, "POST", "/vat/returns/2026-01/file")).raise_for_status()
    return dict(zip(("booked", "draft"), ids, strict=True))


def asked(one: Operation, ids: dict[str, str], chance: random.Random) -> tuple[str, dict[str, Any]]:
    """Return a path and a body that aim at the filed period."""
    things = {
        "voucher_id": ids[chance.choice(("booked", "draft"))],
        "period": chance.choice(PERIODS),
        "box": "301",
        "rule_id": str(uuid4()),
    }
    things |= dict.fromkeys(("tenant_id", "scan_id", "user_id", "company_id"), str(uuid4()))
    day = chance.choice(DAYS)
    bodies: dict[str, Any] = {
        "given": {"document_date": day, "supply_date": day, "lines": [chance.choice((SALE, PURCHASE))]},
        "reason": {"reason": "Wrong.", "on": chance.choice((None, day))},
        "kind": {"kind": chance.choice(("month", "quarter", "year")), "valid_from": day},
    }
    ends = {"vouchers": "given", "{voucher_id}": "given", "reverse": "reason", "periods": "kind"}
    body = next((bodies[name] for end, name in ends.items() if one.path.endswith(end)), None)
    query = "?from=2026-01-01&to=2026-01-31" if "/exports/" in one.path else ""
    return one.url(things) + query, one.body(things) if body is None else {"json": body}


async def test_no_route_changes_a_filed_period(shop: Town) -> None:
    ids, chance = await filed(shop), random.Random(31)  # noqa: S311 - not for secrets
    before, answers = await as_it_is(shop), set[int]()
    document = (await shop.http.get("/openapi.json")).json()
    routes = [one for one in operations(document) if one.path.startswith("/vat/") and one.name != REPLACE]
    for one in routes * ROUNDS:
        path, body = asked(one, ids, chance)
        answers.add((await shop.ask(shop.owner, one.method, path, **body)).status_code)
    assert len(routes) > 25
    assert {200, 201, 404, 409} <= answers
    assert max(answers) < 500
    assert await as_it_is(shop) == before
    await _a_replacement_leaves_it(shop)


async def _a_replacement_leaves_it(shop: Town) -> None:
    path = "/vat/returns/2026-01"
    before = (await shop.ask(shop.owner, "GET", f"{path}/filed")).json()["items"]
    (await shop.ask(shop.owner, "POST", f"{path}/replace", json={"reason": "A receipt came late."})).raise_for_status()
    (await shop.ask(shop.owner, "POST", "/vat/vouchers", json={"document_date": "2026-01-20", "lines": [PURCHASE]})).raise_for_status()
    (await shop.ask(shop.owner, "POST", f"{path}/file")).raise_for_status()
    after = (await shop.ask(shop.owner, "GET", f"{path}/filed")).json()["items"]
    assert (after[:-1], after[-1]["reason"]) == (before, "A receipt came late.")


@pytest.fixture
async def booked(house: House, aino: Actor) -> UUID:
    """Return a voucher of a period that is filed."""
    kept = await house.vat.add_voucher(aino, voucher(PURCHASE))
    await house.vat.file(aino, "2026-01")
    return kept.id


async def test_the_service_refuses_each_way_into_a_filed_period(house: House, aino: Actor, booked: UUID) -> None:
    draft = await house.vat.add_voucher(aino, voucher(PURCHASE), draft=True)
    ways: tuple[Callable[[], Awaitable[Voucher]], ...] = (
        lambda: house.vat.add_voucher(aino, voucher(SALE)),
        lambda: house.vat.add_voucher(aino, voucher(SALE, on="2026-02-10", supply_date="2026-01-31")),
        lambda: house.vat.add_voucher(aino, voucher(SALE, on="2026-02-10", payment_date="2026-01-31", cash_basis=True)),
        lambda: house.vat.approve(aino, draft.id),
        lambda: house.vat.reverse(aino, booked, reason="Wrong."),
    )
    for way in ways:
        with pytest.raises(LockedPeriod):
            await way()


@pytest.mark.usefixtures("booked")
async def test_the_repository_adds_nothing_to_a_filed_period(house: House, aino: Actor) -> None:
    async with house.database.reading(aino.tenant_id) as session:
        (known,) = await Entries(session).between(aino.tenant_id, *_january(), after=None, limit=1)
        (kept,) = await Returns(session).versions(aino.tenant_id, "2026-01")
    entry = EntryRow(**{name: value for name, value in _values(known).items() if name not in ("tenant_id", "number", "hash")})
    for period, version in (("2026-01", 2), ("2026-Q1", 1), ("2026", 1)):
        beside = ReturnRow(**_values(kept) | {"period": period, "version": version})
        with pytest.raises(DBAPIError, match="never changed"):
            async with house.database.writing(aino.tenant_id) as session:
                Returns(session).add(beside)
    with pytest.raises(DBAPIError, match="the period is filed"):
        async with house.database.writing(aino.tenant_id) as session:
            await Entries(session).add(aino.tenant_id, [entry])


@pytest.mark.usefixtures("booked")
@pytest.mark.parametrize("table", [VoucherRow, EntryRow, ReturnRow])
async def test_no_statement_pushes_out_what_is_kept(house: House, aino: Actor, table: type[VoucherRow | EntryRow | ReturnRow]) -> None:
    """SQLite removes a row for `OR REPLACE` without asking who looks after rows that are removed; PostgreSQL empties a table at once."""
    async with house.database.reading(aino.tenant_id) as session:
        row = (await session.scalars(select(table).where(table.tenant_id == aino.tenant_id).limit(1))).one()
    replacing = insert(table).prefix_with("OR REPLACE").values(_values(row))
    statement = replacing if house.database.is_sqlite else text(f"TRUNCATE vat.{table.__tablename__}")
    with pytest.raises(DBAPIError, match=r"never changed|permission denied"):
        await _executed(house, aino, statement)
    if not house.database.is_sqlite:  # whoever owns the tables is refused too
        with pytest.raises(DBAPIError, match="never changed"):
            async with house.database.upgrading() as connection:
                await connection.exec_driver_sql(f"TRUNCATE vat.{table.__tablename__}")


async def test_no_draft_takes_the_number_of_a_booked_voucher(house: House, aino: Actor, booked: UUID) -> None:
    draft = await house.vat.add_voucher(aino, voucher(PURCHASE, on="2026-02-01"), draft=True)
    taking = update(VoucherRow).where(VoucherRow.tenant_id == aino.tenant_id, VoucherRow.id == draft.id).values(year=2026, number=1)
    with pytest.raises(DBAPIError):
        await _executed(house, aino, taking.prefix_with("OR REPLACE", dialect="sqlite"))
    assert (await house.vat.voucher(aino, booked)).number == 1


async def _executed(house: House, aino: Actor, statement: Executable) -> None:
    async with house.database.writing(aino.tenant_id) as session:
        await session.execute(statement)


def _values(row: Any) -> dict[str, Any]:
    return {column.name: getattr(row, column.name) for column in row.__table__.columns}


def _january() -> tuple[Any, Any]:
    found = voucher(PURCHASE).document_date
    return found.replace(day=1), found.replace(day=31)
