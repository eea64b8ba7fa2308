import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.schema import CreateSchema

from converto.kernel.columns import Moment
from converto.kernel.context import current
from converto.kernel.database import Database, Databases, after_commit

TABLES = MetaData()
COUNTER = Table("counter", TABLES, Column("id", Integer, primary_key=True), Column("number", Integer, nullable=False))
MOMENTS = Table("moments", TABLES, Column("at", Moment))


async def opened(databases: Databases, module: str) -> Database:
    database = databases.of(module)
    async with database.upgrading() as connection:
        if not database.is_sqlite:
            await connection.execute(CreateSchema(module))
        await connection.run_sync(TABLES.create_all)
        await connection.execute(insert(COUNTER).values(id=1, number=0))
    return database


@pytest.fixture
async def databases(data_dir: Path, database_url: str | None) -> AsyncIterator[Databases]:
    databases = Databases(data_dir, database_url, pool_size=10)
    yield databases
    await databases.close()


@pytest.fixture
async def database(databases: Databases) -> Database:
    return await opened(databases, "one")


async def write_and_fail(database: Database, then: Callable[[], None], *, in_savepoint: bool = False) -> None:
    async with database.writing() as session:
        after_commit(session, then)
        async with session.begin_nested() if in_savepoint else nullcontext():
            await session.execute(update(COUNTER).values(number=7))
        raise LookupError


async def number_in(database: Database) -> int | None:
    async with database.reading() as session:
        return await session.scalar(select(COUNTER.c.number))


async def test_a_hundred_that_read_and_then_write_at_once_lose_nothing(database: Database) -> None:
    async def add_one() -> None:
        async with database.writing() as session:
            number = await session.scalar(select(COUNTER.c.number).with_for_update())
            await session.execute(update(COUNTER).values(number=(number or 0) + 1))

    await asyncio.gather(*(add_one() for _ in range(100)))
    assert await number_in(database) == 100


async def test_two_processes_that_read_and_then_write_lose_nothing(database: Database, data_dir: Path, database_url: str | None) -> None:
    other = Databases(data_dir, database_url, pool_size=10)  # as another process opens it: nothing but the file is shared

    async def add_one(where: Database) -> None:
        async with where.writing() as session:
            number = await session.scalar(select(COUNTER.c.number).with_for_update())
            await session.execute(update(COUNTER).values(number=(number or 0) + 1))

    await asyncio.gather(*(add_one(where) for where in (database, other.of("one")) for _ in range(15)))
    await other.close()
    assert await number_in(database) == 30


async def test_a_block_that_fails_is_undone(database: Database) -> None:
    with pytest.raises(LookupError):
        await write_and_fail(database, lambda: None)
    assert await number_in(database) == 0


async def test_a_writer_that_is_cancelled_leaves_nothing_behind_and_nobody_waiting(database: Database) -> None:
    inside = asyncio.Event()

    async def write_for_ever() -> None:
        async with database.writing() as session:
            await session.execute(update(COUNTER).values(number=7))
            inside.set()
            await asyncio.Event().wait()

    writer = asyncio.create_task(write_for_ever())
    await inside.wait()
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    async with database.writing() as session:
        await session.execute(update(COUNTER).values(number=COUNTER.c.number + 1))
    assert await number_in(database) == 1


async def test_what_is_written_is_unseen_until_the_end_of_the_block(database: Database) -> None:
    async with database.writing() as session:
        await session.execute(update(COUNTER).values(number=7))
        assert await number_in(database) == 0
    assert await number_in(database) == 7


async def test_a_block_is_known_to_be_a_transaction(database: Database) -> None:
    async with database.reading():
        assert current().in_transaction
    async with database.writing():
        assert current().in_transaction
    assert not current().in_transaction


async def test_what_is_to_follow_a_commit_follows_it(database: Database) -> None:
    done: list[int] = []
    async with database.writing() as session:
        after_commit(session, lambda: done.append(1))
        await session.execute(update(COUNTER).values(number=7))
        assert done == []
    assert done == [1]


async def test_what_is_to_follow_a_commit_does_not_follow_an_undone_block(database: Database) -> None:
    done: list[int] = []
    with pytest.raises(LookupError):
        await write_and_fail(database, lambda: done.append(1))
    assert done == []


async def test_a_savepoint_is_no_commit(database: Database) -> None:
    done: list[int] = []
    with pytest.raises(LookupError):
        await write_and_fail(database, lambda: done.append(1), in_savepoint=True)
    assert done == []


async def test_a_savepoint_lets_a_block_live_on_after_a_taken_key(database: Database) -> None:
    done: list[int] = []
    async with database.writing() as session:
        after_commit(session, lambda: done.append(1))
        with pytest.raises(IntegrityError):
            async with session.begin_nested():
                await session.execute(insert(COUNTER).values(id=1, number=9))
        await session.execute(update(COUNTER).values(number=7))
    assert (await number_in(database), done) == (7, [1])


async def test_a_moment_of_any_zone_comes_back_in_utc(database: Database) -> None:
    helsinki = datetime(2026, 1, 1, 0, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    async with database.writing() as session:
        await session.execute(insert(MOMENTS).values(at=helsinki))
    async with database.reading() as session:
        back = await session.scalar(select(MOMENTS.c.at).where(MOMENTS.c.at <= helsinki))
    assert back is not None
    assert (back, back.utcoffset()) == (helsinki, timedelta(0))


async def test_no_moment_stays_none(database: Database) -> None:
    async with database.writing() as session:
        await session.execute(insert(MOMENTS).values(at=None))
        assert await session.scalar(select(MOMENTS.c.at)) is None


async def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without a time zone"):
        async with database.writing() as session:
            await session.execute(insert(MOMENTS).values(at=datetime(2026, 1, 1)))  # noqa: DTZ001


async def test_moments_sort_as_they_happened(database: Database) -> None:
    zones = [timezone(timedelta(hours=hours)) for hours in (-11, 0, 14)]
    moments = [datetime(2026, 1, 1, 12, tzinfo=zone) for zone in zones]
    async with database.writing() as session:
        await session.execute(insert(MOMENTS), [{"at": moment} for moment in moments])
        assert (await session.scalars(select(MOMENTS.c.at).order_by(MOMENTS.c.at))).all() == sorted(m.astimezone(UTC) for m in moments)


async def test_two_modules_do_not_see_each_others_tables(databases: Databases) -> None:
    one, two = await opened(databases, "one"), await opened(databases, "two")
    async with one.writing() as session:
        await session.execute(delete(COUNTER))
    async with two.reading() as session:
        assert await session.scalar(select(func.count()).select_from(COUNTER)) == 1


async def test_an_sqlite_file_is_set_up_for_many_readers_and_one_writer(data_dir: Path) -> None:
    databases = Databases(data_dir, None, pool_size=1)
    async with databases.of("one").reading() as session:
        found = [
            (await session.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        ]
    await databases.close()
    assert found == ["wal", 1, 5000, 1]
