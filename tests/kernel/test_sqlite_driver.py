import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, event, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError

from converto.kernel.database import Database, Databases, is_of_a_value

TABLES = MetaData()
COUNTER = Table("counter", TABLES, Column("id", Integer, primary_key=True), Column("number", Integer, nullable=False))
BUSY_MS = 200


@pytest.fixture
async def database(data_dir: Path) -> AsyncIterator[Database]:
    databases = Databases(data_dir, None, pool_size=10)
    database = databases.of("one")
    async with database.upgrading() as connection:
        await connection.run_sync(TABLES.create_all)
        await connection.execute(insert(COUNTER).values(id=1, number=0))
    yield database
    await databases.close()


@pytest.fixture
def threads(database: Database) -> list[int]:
    """Where each statement is worked off."""
    found: list[int] = []

    @event.listens_for(database.engine.sync_engine, "connect")
    def watch(connection: sqlite3.Connection, _: object) -> None:
        connection.create_function("thread", 0, lambda: found.append(threading.get_ident()))

    return found


async def number_in(database: Database) -> int | None:
    async with database.reading() as session:
        return await session.scalar(select(COUNTER.c.number))


@pytest.mark.parametrize("brief", [True, False])
async def test_what_is_brief_is_worked_off_where_it_is_asked(database: Database, threads: list[int], *, brief: bool) -> None:
    await database.engine.dispose()  # so that the next connection is watched
    async with database.writing(brief=brief) as session:
        await session.execute(text("SELECT thread()"))
    async with database.reading(brief=brief) as session:
        await session.execute(text("SELECT thread()"))
    assert [found == threading.get_ident() for found in threads] == [brief, brief]


async def test_brief_writers_lose_nothing(database: Database) -> None:
    async def add_one(*, brief: bool) -> None:
        async with database.writing(brief=brief) as session:
            number = await session.scalar(select(COUNTER.c.number))
            await session.execute(update(COUNTER).values(number=(number or 0) + 1))

    await asyncio.gather(*(add_one(brief=number % 3 > 0) for number in range(60)))
    assert await number_in(database) == 60


async def test_a_brief_transaction_that_fails_is_undone(database: Database) -> None:
    async def fail() -> None:
        async with database.writing(brief=True) as session:
            await session.execute(update(COUNTER).values(number=7))
            await session.execute(insert(COUNTER).values(id=1, number=1))

    with pytest.raises(IntegrityError):
        await fail()
    assert await number_in(database) == 0


@pytest.mark.parametrize("brief", [True, False])
async def test_a_row_that_cannot_be_read_does_not_keep_its_connection_in_the_past(
    database: Database, data_dir: Path, *, brief: bool
) -> None:
    async with database.reading(brief=brief) as session:
        with pytest.raises(OperationalError, match="decode") as unreadable:
            await session.scalar(text("SELECT CAST(X'FF' AS TEXT) FROM counter"))
    with closing(sqlite3.connect(data_dir / "one.db", isolation_level=None)) as other:
        other.execute("UPDATE counter SET number = 5")
    async with database.writing(brief=brief) as session:
        await session.execute(update(COUNTER).values(number=COUNTER.c.number + 1))
    assert await number_in(database) == 6
    assert unreadable.value is not None  # the error lived on, and all that it refers to


def locked(data_dir: Path) -> sqlite3.Connection:
    """Return what another process holds the database by."""
    other = sqlite3.connect(data_dir / "one.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    return other


async def write(database: Database, number: int) -> None:
    async with database.writing(brief=True) as session:
        await session.execute(update(COUNTER).values(number=number))


async def test_who_waits_for_another_process_holds_nobody_up(database: Database, data_dir: Path) -> None:
    other = locked(data_dir)
    writing = asyncio.create_task(write(database, 1))
    done, _ = await asyncio.wait([writing], timeout=BUSY_MS / 1000)
    assert not done
    other.execute("COMMIT")
    other.close()
    await writing
    assert await number_in(database) == 1


async def test_a_writer_that_is_cancelled_while_it_waits_leaves_no_transaction_open(database: Database, data_dir: Path) -> None:
    other = locked(data_dir)
    writing = asyncio.create_task(write(database, 9))
    await asyncio.wait([writing], timeout=BUSY_MS / 1000)
    writing.cancel()
    other.execute("COMMIT")
    other.close()
    await asyncio.wait([writing])
    async with database.writing(brief=True) as session:
        await session.execute(update(COUNTER).values(number=COUNTER.c.number + 1))
    assert await number_in(database) == 1


async def test_rows_that_are_added_come_back_and_are_counted(database: Database) -> None:
    async with database.writing(brief=True) as session:
        rows = [{"id": number, "number": number} for number in range(2, 50)]
        added = await session.execute(insert(COUNTER).returning(COUNTER.c.id), rows)
        changed = await (await session.connection()).execute(update(COUNTER).where(COUNTER.c.id > 10).values(number=0))
    assert (sorted(added.scalars()), changed.rowcount) == (list(range(2, 50)), 39)
    async with database.reading(brief=True) as session:
        assert await session.scalar(select(func.count()).select_from(COUNTER)) == 49


async def test_a_statement_that_is_wrong_says_so(database: Database) -> None:
    with pytest.raises(OperationalError, match="no such table"):
        async with database.reading(brief=True) as session:
            await session.execute(text("SELECT * FROM nowhere"))


async def test_a_value_that_cannot_be_read_is_told_from_a_database_that_does_not_answer(database: Database) -> None:
    errors = list[Exception]()
    for question in ("SELECT CAST(X'FF' AS TEXT) FROM counter", "SELECT number FROM nothing"):
        async with database.reading() as session:
            with pytest.raises(OperationalError) as raised:
                await session.scalar(text(question))
        errors.append(raised.value)
    assert [is_of_a_value(error) for error in (*errors, ValueError())] == [True, False, True]
