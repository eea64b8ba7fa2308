import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic import autogenerate
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, column, inspect, table, text, update

from converto.events.tables import tables as delivery_tables
from converto.kernel.database import Database, Databases
from converto.kernel.schema import alembic_config, behind, newest, upgrade
from converto.modules import installed

HISTORIES = {"delivery": delivery_tables, **{module.name: module.tables for module in installed() if module.tables is not None}}
UPGRADE = """
import asyncio, sys
from pathlib import Path
from converto.events.tables import tables
from converto.kernel.database import Databases
from converto.kernel.schema import upgrade
sys.stdin.readline()
asyncio.run(upgrade(Databases(Path(sys.argv[1]), sys.argv[2] or None, pool_size=1).of("one"), "delivery", tables))
"""


@pytest.fixture
async def databases(data_dir: Path, database_url: str | None) -> AsyncIterator[Databases]:
    databases = Databases(data_dir, database_url, pool_size=10)
    yield databases
    await databases.close()


async def tables_of(database: Database) -> set[str]:
    schema = None if database.is_sqlite else database.module
    async with database.engine.connect() as connection:
        return await connection.run_sync(lambda sync: set(inspect(sync).get_table_names(schema=schema)))


async def test_a_database_is_brought_from_nothing_to_the_newest_revision(databases: Databases) -> None:
    database = databases.of("one")
    assert await behind(database, "delivery")
    await upgrade(database, "delivery", delivery_tables)
    assert not await behind(database, "delivery")
    assert await tables_of(database) == {"delivery_version", "inbox", "outbox"}


async def test_a_second_upgrade_changes_nothing(databases: Databases) -> None:
    for _ in range(2):
        await upgrade(databases.of("one"), "delivery", delivery_tables)
    assert not await behind(databases.of("one"), "delivery")


async def test_several_upgrades_at_once_take_turns(databases: Databases) -> None:
    await asyncio.gather(*(upgrade(databases.of("one"), "delivery", delivery_tables) for _ in range(4)))
    assert not await behind(databases.of("one"), "delivery")


async def test_processes_that_upgrade_a_new_database_at_once_take_turns(
    databases: Databases, data_dir: Path, database_url: str | None
) -> None:
    command = [sys.executable, "-c", UPGRADE, str(data_dir), database_url or ""]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    done = [asyncio.to_thread(process.communicate, "go\n") for process in processes]
    errors = [error for _, error in await asyncio.gather(*done)]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert not await behind(databases.of("one"), "delivery")


async def test_two_modules_have_their_own_versions(databases: Databases) -> None:
    await upgrade(databases.of("one"), "delivery", delivery_tables)
    assert await behind(databases.of("two"), "delivery")


async def test_a_database_at_an_older_revision_is_behind(databases: Databases) -> None:
    database = databases.of("one")
    await upgrade(database, "delivery", delivery_tables)
    await _say_revision(database, "0000")
    assert await behind(database, "delivery")


async def test_a_database_that_a_later_release_has_upgraded_is_left_as_it_is(databases: Databases) -> None:
    database = databases.of("one")
    await upgrade(database, "delivery", delivery_tables)
    await _say_revision(database, "9999")
    await upgrade(database, "delivery", delivery_tables)
    assert not await behind(database, "delivery")


async def _say_revision(database: Database, revision: str) -> None:
    async with database.upgrading() as connection:
        version = table("delivery_version", column("version_num"), schema=None if database.is_sqlite else "one")
        await connection.execute(update(version).values(version_num=revision))


@pytest.mark.parametrize("history", HISTORIES)
def test_the_name_of_the_newest_migration_is_the_head_of_its_history(history: str) -> None:
    assert newest(history) == ScriptDirectory.from_config(alembic_config(history)).get_current_head()


@pytest.mark.parametrize("history", HISTORIES)
async def test_migrations_make_what_the_models_say(databases: Databases, history: str) -> None:
    tables = HISTORIES[history]
    database = databases.of("one")
    await upgrade(database, history, tables)
    async with database.engine.connect() as connection:
        assert await connection.run_sync(_differences, database, tables, history) == []


def _differences(connection: Connection, database: Database, tables: MetaData, history: str) -> list[object]:
    """Return what `alembic check` would find."""
    if not database.is_sqlite:
        connection.execute(text(f'SET search_path TO "{database.module}"'))
    options = {
        "version_table": f"{history}_version",
        "compare_type": True,
        "include_name": lambda name, kind, _: kind != "table" or name in tables.tables,
    }
    context = MigrationContext.configure(connection.execution_options(schema_translate_map=None), opts=options)
    return list(autogenerate.compare_metadata(context, tables))


@pytest.mark.parametrize("history", HISTORIES)
async def test_a_comparison_would_find_what_is_missing(databases: Databases, history: str) -> None:
    database = databases.of("one")
    await upgrade(database, history, HISTORIES[history])
    name = HISTORIES[history].sorted_tables[0].name
    async with database.upgrading() as connection:
        await connection.execute(text(f'ALTER TABLE {"" if database.is_sqlite else "one."}"{name}" ADD COLUMN stray INTEGER'))
    async with database.engine.connect() as connection:
        assert await connection.run_sync(_differences, database, HISTORIES[history], history) != []
