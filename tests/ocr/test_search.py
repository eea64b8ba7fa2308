"""Looking for words, on both databases."""

import importlib.util
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, text

from converto.kernel.actor import Actor
from converto.ocr.interface import ScanFilter
from converto.ocr.models import SearchRow
from converto.ocr.search import MOST_TERMS, terms, words_of
from tests.ocr.house import House, somebody
from tests.ocr.shelf import read, read_anew, slip

MIGRATION = Path(__file__).parents[2] / "migrations" / "ocr" / "0006_search.py"
HOSTILE = (
    '"',
    '"kuit',
    "kuit*",
    "*",
    "kuit AND",
    "OR OR",
    "NOT kuit",
    "NEAR(kuit ruis)",
    "words:kuit",
    "kuit -ruis",
    "(kuit",
    "'; DROP TABLE scan; --",
    "kuit & !ruis | x",
    "kuit:*",
    "\\",
    "'",
    "''",
    "%",
    "_",
    "kuit\x00ruis",
    "🧾",
    "\u0301",
    "a" * 200,
    "ﬁ ² ß İ",
    "- + ^ ~ < >",
)


async def found(house: House, actor: Actor, q: str) -> list[UUID]:
    return [scan.id for scan in (await house.ocr.scans(actor, ScanFilter(q=q))).items]


async def test_words_are_found_by_how_they_begin_whatever_their_case_and_dots(house: House, aino: Actor) -> None:
    scan = await read(house, aino, slip(line5="RUISLEIPÄ  KUITIN  5,33"), filename="Marraskuun kahvit.pdf")

    for q in ("kuit", "KUITTI", "kuitin", "ruisleipä", "ruisleipa", "RUISLEIPÄ", "tampere koivu", "5,33", "5.33", "2345678-0", "2345678"):
        assert await found(house, aino, q) == [scan.id], q
    for q in ("14.11.2026", "2026-11-14", "marraskuu", " ", ""):
        assert await found(house, aino, q) == [scan.id], q
    for q in ("leipä", "kuit puuttuu", "5,34", '"', "***"):
        assert await found(house, aino, q) == [], q


async def test_no_question_is_an_error_and_none_finds_what_is_another_companys(house: House, aino: Actor) -> None:
    await read(house, aino, slip())
    boris = somebody()
    for q in HOSTILE:
        await found(house, aino, q)
        assert await found(house, boris, q) == [], q
    assert await found(house, boris, f"t{aino.tenant_id.hex}") == []


async def test_the_words_change_with_what_the_scan_says(house: House, aino: Actor) -> None:
    scan = await house.submit(aino, slip())
    assert await found(house, aino, "kahvila") == []
    await read_anew(house, aino, scan.id)
    assert await found(house, aino, "kahvila") == [scan.id]

    await house.ocr.correct(aino, scan.id, changes={"vendor": "Pyörre Oy"})
    assert await found(house, aino, "pyorre") == [scan.id]

    await house.ocr.retry(aino, scan.id)
    assert (await found(house, aino, "kahvila"), await found(house, aino, "pyorre")) == ([], [scan.id])

    await house.ocr.delete(aino, scan.id)
    assert await found(house, aino, "pyorre") == []


async def test_words_and_the_other_filters_hold_together(house: House, aino: Actor) -> None:
    first, second = await read(house, aino, slip()), await house.submit(aino, slip())

    everything = await house.ocr.scans(aino, ScanFilter(q="kuit"), limit=1)
    rest = await house.ocr.scans(aino, ScanFilter(q="kuit"), limit=1, cursor=everything.next_cursor)
    waiting = await house.ocr.scans(aino, ScanFilter.model_validate({"q": "kuit", "status": "queued"}))

    assert [scan.id for scan in (*everything.items, *rest.items)] == [second.id, first.id]
    assert [scan.id for scan in waiting.items] == [second.id]


async def test_what_was_read_before_there_was_a_search_is_found(house: House, aino: Actor) -> None:
    scan = await read(house, aino, slip())
    async with house.database.writing() as session:
        await session.execute(delete(SearchRow))
    assert await found(house, aino, "kahvila") == []
    spec = importlib.util.spec_from_file_location("search_migration", MIGRATION)
    assert spec is not None
    assert spec.loader is not None
    migration: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(migration)

    def fill(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL search_path TO ocr"))
        migration.fill(connection, SearchRow.__table__)

    await house.database.migrating(fill)

    assert await found(house, aino, "kahvila tampere") == [scan.id]


@given(st.text(max_size=200))
def test_whatever_is_asked_becomes_letters_and_digits_alone(asked: str) -> None:
    assert all(term.isalnum() and len(term) <= 60 for term in terms(asked))
    assert len(terms(asked)) <= MOST_TERMS


@given(st.text(max_size=200))
def test_whatever_is_written_is_found_by_itself(written: str) -> None:
    words = words_of([written]).split()
    assert [term for term in terms(written) if term not in words] == []


def test_words_beyond_what_a_database_takes_are_cut_off_whole() -> None:
    words = words_of(f"sana{number}" for number in range(100_000))
    assert 400_000 < len(words) <= 500_000
    assert words.rpartition(" ")[2][4:].isdigit()


@pytest.mark.parametrize(("written", "kept"), [("9,62", "9 62 962"), ("K-Market", "k market kmarket"), ("Äiti äiti", "aiti")])
def test_words_joined_by_punctuation_stand_in_parts_and_as_one(written: str, kept: str) -> None:
    assert words_of([written]) == kept
