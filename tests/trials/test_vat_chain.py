"""Flips bits of what is booked and filed, one by one, behind the program's back: `converto audit verify` finds each."""

import datetime
import os
import random
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import asyncpg
import pytest

from converto.app import migrate
from converto.kernel.actor import Actor
from converto.kernel.config import Environment, Settings
from converto.vat.chain import verify
from tests.servers import Postgres
from tests.vat.house import House, opened, somebody, voucher

pytestmark = [pytest.mark.trials, pytest.mark.timeout(3000)]

FLIPS = int(os.environ.get("CONVERTO_TRIAL_FLIPS", "600"))
"""So many of each table; 0 is every bit of every row, and -1 one bit of each byte, drawn by lot."""
PART, PARTS = map(int, os.environ.get("CONVERTO_TRIAL_PART", "1/1").split("/"))
"""Which part of them: what takes an hour is run in pieces."""
PURCHASE = {"treatment": "domestic_purchase", "rate": "25.5", "net": "31.13", "vat": "7.93", "description": "Kahvia ja pullaa"}
TABLES = ("entry", "voucher", "filed_return", "chain_head")
UNHEARD = {"event_id"}
"""What of a row has no meaning once it is booked."""
EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
"""What PostgreSQL counts days and microseconds from."""
Cell = tuple[Any, str, Any]
"""Where a row is, the name of a column, and what is there."""


class Tables(Protocol):
    """The tables as whoever owns them reaches them, past the triggers."""

    async def cells(self, table: str) -> Sequence[Cell]:
        """Return every cell of a table."""
        ...

    async def put(self, table: str, cell: Cell, value: Any) -> bool:
        """Write a cell; False where the database takes no such value."""
        ...


class File:
    """The tables of SQLite."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("PRAGMA synchronous=OFF")  # nobody's machine stops in the middle of this
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")

    async def cells(self, table: str) -> Sequence[Cell]:
        """See `Tables.cells`."""
        columns = [row[1] for row in self._connection.execute(f"PRAGMA table_info({table})") if row[1] not in UNHEARD]
        rows = self._connection.execute(f"SELECT rowid, {', '.join(columns)} FROM {table}").fetchall()  # noqa: S608 - of our own
        return [(rowid, column, value) for rowid, *values in rows for column, value in zip(columns, values, strict=True)]

    async def put(self, table: str, cell: Cell, value: Any) -> bool:
        """See `Tables.put`."""
        rowid, column, before = cell
        place = "CAST(? AS TEXT)" if isinstance(before, str) else "?"
        try:
            self._connection.execute(f"UPDATE {table} SET {column} = {place} WHERE rowid = ?", (value, rowid))  # noqa: S608
        except sqlite3.IntegrityError:  # two rows would have one key
            return False
        return True


class Server:
    """The tables of PostgreSQL, as its superuser reaches them."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection
        self._places: dict[tuple[str, int], str] = {}

    async def cells(self, table: str) -> Sequence[Cell]:
        """See `Tables.cells`."""
        await self._connection.execute(f"ALTER TABLE vat.{table} DISABLE TRIGGER ALL")
        rows = await self._connection.fetch(f"SELECT ctid::text AS place, * FROM vat.{table}")  # noqa: S608 - of our own
        self._places |= {(table, at): row["place"] for at, row in enumerate(rows)}
        unheard = {"place", *UNHEARD}
        return [(at, column, value) for at, row in enumerate(rows) for column, value in row.items() if column not in unheard]

    async def put(self, table: str, cell: Cell, value: Any) -> bool:
        """See `Tables.put`; a row that is written is in another place afterwards."""
        at, column, before = cell
        try:
            given = value.decode() if isinstance(before, str) and isinstance(value, bytes) else value
            written = f"UPDATE vat.{table} SET {column} = $1 WHERE ctid = $2::text::tid RETURNING ctid::text"  # noqa: S608
            self._places[table, at] = await self._connection.fetchval(written, given, self._places[table, at])
        except (UnicodeDecodeError, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError):
            return False
        return True


async def test_every_flipped_bit_is_found_in_sqlite(tmp_path: Path) -> None:
    aino = somebody()
    async with opened(tmp_path) as house:
        await _kept(house, aino)
        with sqlite3.connect(tmp_path / "vat.db", isolation_level=None) as connection:
            await _flip(house, aino, File(connection))


async def test_every_flipped_bit_is_found_in_postgresql(tmp_path: Path) -> None:
    aino = somebody()
    with Postgres() as server:
        url = server.create_database("flips")
        await migrate(Settings(environment=Environment.TEST, data_dir=tmp_path, database_url=url, modules=("vat", "ocr")))
        async with opened(tmp_path, url) as house:
            await _kept(house, aino)
            connection = await asyncpg.connect(url.replace("+asyncpg", "").replace("converto@", "postgres@"))
            await _flip(house, aino, Server(connection))
            await connection.close()


async def _flip(house: House, aino: Actor, tables: Tables) -> None:
    chance, begun_s = random.Random(1), time.monotonic()  # noqa: S311 - not for secrets
    missed, counts, refused = [], dict.fromkeys(TABLES, 0), 0
    for table in TABLES:
        flips = [(cell, changed) for cell in await tables.cells(table) for changed in _drawn(list(_changed(cell[2])), chance)]
        # in another order: each eighth in theirs is the highest bit of a byte, which a database takes of hardly any text
        for cell, changed in chance.sample(flips, min(FLIPS, len(flips)) if FLIPS > 0 else len(flips))[PART - 1 :: PARTS]:
            if not await tables.put(table, cell, changed):
                refused += 1
                continue
            counts[table] += 1
            found = [one async for one in verify(house.database, only=aino.tenant_id)]
            await tables.put(table, cell, cell[2])
            if all(one.fault is None for one in found):
                missed.append((table, cell, changed))
    assert [one.fault async for one in verify(house.database, only=aino.tenant_id)] == [None]
    print(f"\nflipped bits: {counts}; {refused} more that the database takes from nobody; not found: {len(missed)} {missed[:5]}")
    print(f"{time.monotonic() - begun_s:.0f} s")
    assert missed == []
    assert refused < sum(counts.values())


async def _kept(house: House, aino: Actor) -> None:
    booked = [await house.vat.add_voucher(aino, voucher(PURCHASE, PURCHASE, supplier="Lumo Oy", seller_id="2077474-0")) for _ in range(2)]
    await house.vat.reverse(aino, booked[1].id, reason="Booked twice.")
    await house.vat.file(aino, "2026-01")
    assert [one.fault async for one in verify(house.database, only=aino.tenant_id)] == [None]


def _drawn(changes: Sequence[Any], chance: random.Random) -> Sequence[Any]:
    """Return all of a cell's changes, or one of each eight."""
    if FLIPS >= 0:
        return changes
    return [chance.choice(changes[at : at + 8]) for at in range(0, len(changes), 8)]


def _changed(value: Any) -> Iterator[Any]:
    """Yield what a value is once one of its bits is flipped."""
    match value:
        case int():
            yield from (value ^ (1 << bit) for bit in range(40))
        case UUID():
            yield from (UUID(int=value.int ^ (1 << bit)) for bit in range(128))
        case datetime.datetime():
            count = (value - EPOCH) // datetime.timedelta(microseconds=1)
            yield from (EPOCH + datetime.timedelta(microseconds=count ^ (1 << bit)) for bit in range(50))
        case datetime.date():
            count = (value - EPOCH.date()).days
            yield from (EPOCH.date() + datetime.timedelta(days=count ^ (1 << bit)) for bit in range(16))
        case str() | bytes():
            raw = value.encode() if isinstance(value, str) else value
            flipped = (_with_a_bit_flipped(raw, at) for at in range(8 * len(raw)))
            yield from (one for one in flipped if not _means_the_same(value, one))


def _with_a_bit_flipped(raw: bytes, at: int) -> bytes:
    flipped = bytearray(raw)
    flipped[at // 8] ^= 1 << at % 8
    return bytes(flipped)


def _means_the_same(value: str | bytes, changed: bytes) -> bool:
    """Tell whether an id is written in other letters: that is no edit."""
    try:
        return isinstance(value, str) and UUID(value) == UUID(changed.decode())
    except ValueError:
        return False
