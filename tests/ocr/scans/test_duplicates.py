"""Documents that are likely the same purchase, on both databases."""

import importlib.util
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, text, update

from converto.kernel.actor import Actor
from converto.ocr.interface import Scan
from converto.ocr.models import ScanRow
from tests.ocr.house import House, opened, somebody
from tests.ocr.shelf import read, slip

MIGRATION = Path(__file__).parents[3] / "migrations" / "ocr" / "0009_near_duplicates.py"
SAME = {"line5": "RUISLEIPÄ    5,33"}  # other bytes, the same purchase


def near(scan: Scan) -> list[UUID | None]:
    return [finding.scan_id for finding in scan.findings if finding.code == "near_duplicate"]


async def test_a_second_picture_of_a_purchase_names_the_first(house: House, aino: Actor) -> None:
    first = await read(house, aino, slip())

    second = await read(house, aino, slip(**SAME))

    assert (near(first), near(second), second.duplicate_of) == ([], [first.id], None)


@pytest.mark.parametrize(
    ("others", "is_near"),
    [
        ({"line4": "Kuitti 10483   15.11.2026  09:12"}, True),
        ({"line4": "Kuitti 10483   16.11.2026  09:12"}, False),
        ({"line6": "YHTEENSÄ EUR   5,34", "line5": "RUISLEIPÄ  5,34", "line7": "PANKKIKORTTI  5,34"}, True),
        ({"line6": "YHTEENSÄ EUR   5,35", "line5": "RUISLEIPÄ  5,35", "line7": "PANKKIKORTTI  5,35"}, False),
        ({"line1": "Toinen Nimi Oy"}, True),  # the business id is the same
        ({"line1": "Toinen Nimi Oy", "line3": "Tervetuloa"}, False),
    ],
    ids=["next day", "two days", "a cent", "two cents", "another name", "another seller"],
)
async def test_only_what_is_nearly_alike_is_near(data_dir: Path, aino: Actor, others: dict[str, str], *, is_near: bool) -> None:
    async with opened(data_dir) as house:
        first = await read(house, aino, slip())
        assert near(await read(house, aino, slip(**others))) == ([first.id] if is_near else [])


async def test_the_very_same_bytes_are_an_exact_duplicate_alone(house: House, aino: Actor) -> None:
    first = await read(house, aino, slip())
    second = await read(house, aino, slip())
    assert (second.duplicate_of, near(second)) == (first.id, [])


async def test_another_companys_purchase_is_near_to_nothing(house: House, aino: Actor) -> None:
    await read(house, aino, slip())
    assert near(await read(house, somebody(), slip(**SAME))) == []


async def test_a_correction_compares_anew_and_what_is_removed_is_forgotten(house: House, aino: Actor) -> None:
    first = await read(house, aino, slip())
    second = await read(house, aino, slip(**SAME))

    assert near(await house.ocr.correct(aino, second.id, changes={"total": "7.00"})) == []
    assert near(await house.ocr.correct(aino, second.id, changes={"total": "5.34"})) == [first.id]
    await house.ocr.delete(aino, first.id)
    assert near(await house.ocr.scan(aino, second.id)) == []


async def test_what_was_read_before_they_were_compared_is_compared(house: House, aino: Actor) -> None:
    first = await read(house, aino, slip())
    unknown = dict.fromkeys(("seller_id", "seller_name", "document_date", "total_cents", "total_currency"))
    async with house.database.writing() as session:
        await session.execute(update(ScanRow).values(unknown))
    spec = importlib.util.spec_from_file_location("near_duplicates_migration", MIGRATION)
    assert spec is not None
    assert spec.loader is not None
    migration: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(migration)

    def fill(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL search_path TO ocr"))
        migration.fill(connection)

    await house.database.migrating(fill)

    assert near(await read(house, aino, slip(**SAME))) == [first.id]
