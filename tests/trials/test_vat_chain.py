"""Flips bits of what is booked and filed, one by one, behind the program's back: `converto audit verify` finds each."""

import os
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from converto.kernel.actor import Actor
from converto.vat.chain import verify
from tests.vat.house import House, opened, somebody, voucher

pytestmark = [pytest.mark.trials, pytest.mark.timeout(1500)]

FLIPS = int(os.environ.get("CONVERTO_TRIAL_FLIPS", "600"))
"""So many of each table; those of an entry and of the sealed end are all of its bits, as far as they go."""
PURCHASE = {"treatment": "domestic_purchase", "rate": "25.5", "net": "31.13", "vat": "7.93", "description": "Kahvia ja pullaa"}
TABLES = ("entry", "voucher", "filed_return", "chain_head")
UNHEARD = {"event_id"}
"""What of a row has no meaning once it is booked."""
Flip = tuple[str, int, str, Any, Any]


async def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    chance, aino = random.Random(1), somebody()  # noqa: S311 - not for secrets
    async with opened(tmp_path) as house:
        await _kept(house, aino)
        file = tmp_path / "vat.db"
        missed, counts = [], dict.fromkeys(TABLES, 0)
        with sqlite3.connect(file, isolation_level=None) as connection:
            _unguarded(connection)
            for table in TABLES:
                flips = list(_flips(connection, table))
                for flip in chance.sample(flips, min(FLIPS, len(flips))):
                    counts[table] += 1
                    if await _is_unnoticed(house, aino, connection, flip):
                        missed.append(flip)
        assert [one.fault async for one in verify(house.database, only=aino.tenant_id)] == [None]
    print(f"\nflipped bits: {counts}; not found: {len(missed)} {missed[:5]}")
    assert missed == []


async def _kept(house: House, aino: Actor) -> None:
    booked = [await house.vat.add_voucher(aino, voucher(PURCHASE, PURCHASE, supplier="Lumo Oy", seller_id="2077474-0")) for _ in range(2)]
    await house.vat.reverse(aino, booked[1].id, reason="Booked twice.")
    await house.vat.file(aino, "2026-01")
    assert [one.fault async for one in verify(house.database, only=aino.tenant_id)] == [None]


def _unguarded(connection: sqlite3.Connection) -> None:
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")


def _flips(connection: sqlite3.Connection, table: str) -> Iterator[Flip]:
    """Yield every bit of every row of a table: where it is, what is there, and what it is once it is flipped."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] not in UNHEARD]
    for rowid, *values in connection.execute(f"SELECT rowid, {', '.join(columns)} FROM {table}").fetchall():  # noqa: S608 - of our own
        for column, value in zip(columns, values, strict=True):
            for changed in _changed(value):
                if not _means_the_same(value, changed):
                    yield table, rowid, column, value, changed


def _changed(value: Any) -> Iterator[Any]:
    if isinstance(value, int):
        yield from (value ^ (1 << bit) for bit in range(40))
    elif isinstance(value, str | bytes):
        raw = value.encode() if isinstance(value, str) else value
        for at in range(8 * len(raw)):
            flipped = bytearray(raw)
            flipped[at // 8] ^= 1 << at % 8
            yield bytes(flipped)


def _means_the_same(value: Any, changed: Any) -> bool:
    """Tell whether an id is written in other letters: that is no edit."""
    try:
        return isinstance(value, str) and UUID(value) == UUID(changed.decode())
    except ValueError:
        return False


async def _is_unnoticed(house: House, aino: Actor, connection: sqlite3.Connection, flip: Flip) -> bool:
    table, rowid, column, value, changed = flip
    written = f"UPDATE {table} SET {column} = {'CAST(? AS TEXT)' if isinstance(value, str) else '?'} WHERE rowid = ?"  # noqa: S608
    try:
        connection.execute(written, (changed, rowid))
    except sqlite3.IntegrityError:  # two rows would have one key
        return False
    found = [one async for one in verify(house.database, only=aino.tenant_id)]
    connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, rowid))  # noqa: S608
    return all(one.fault is None for one in found)
