"""The second wall: what PostgreSQL says to a query that has forgotten its tenant."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Table, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from converto.kernel.database import Database, Databases
from converto.kernel.schema import upgrade
from tests.isolation.rows import histories, row, tables, tenant_column
from tests.servers import ask

ANNA, BORIS, NOBODYS = (UUID(int=number) for number in (0xA, 0xB, 0xC))
WALLED = [(module, table) for module, table in tables() if tenant_column(table) is not None]
REFUSED = "row-level security policy"
UNPROTECTED = """
SELECT class.relnamespace::regnamespace || '.' || class.relname FROM pg_class class
JOIN pg_attribute attribute ON attribute.attrelid = class.oid
WHERE class.relkind IN ('r', 'p') AND attribute.attname = 'tenant_id' AND NOT attribute.attisdropped
  AND NOT (class.relrowsecurity AND class.relforcerowsecurity
           AND EXISTS (SELECT FROM pg_policy WHERE polrelid = class.oid AND polcmd = '*' AND polpermissive))
"""


class _Undo(Exception):
    pass


@pytest.fixture(scope="module")
async def databases(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Databases]:
    url = ask("postgres")
    databases = Databases(tmp_path_factory.mktemp("data"), url, pool_size=1)
    try:
        await fill(databases)
        yield databases
    finally:
        await databases.close()
        ask("drop", url.rpartition("/")[2])


async def fill(databases: Databases) -> None:
    """Give every module one row of each table for Anna's company, and one for Boris's."""
    for module, history, found in histories():
        await upgrade(databases.of(module), history, found)
    for module, table in tables():
        async with databases.of(module).across_tenants.writing() as session:
            await session.execute(insert(table), [row(table, ANNA), row(table, BORIS)])


async def everywhere(databases: Databases, tenant: UUID, ask_of: Callable[[Table], Any]) -> Mapping[str, Any]:
    """Return what a statement that has forgotten the tenant does in each table, for a tenant; nothing of it stays."""
    found: dict[str, Any] = {}
    for module, table in reversed(WALLED):  # what points to others first
        with suppress(_Undo):
            async with databases.of(module).writing(tenant) as session:
                said: Any = await session.execute(ask_of(table))
                found[f"{module}.{table.name}"] = said.scalars().all() if said.returns_rows else said.rowcount
                raise _Undo
    return found


def whose(table: Table) -> Any:
    return select(tenant_column(table))  # type: ignore[arg-type]


async def test_whoever_asks_for_everything_is_shown_their_own_rows_alone(databases: Databases) -> None:
    seen = await everywhere(databases, BORIS, whose)
    assert {name for name, tenants in seen.items() if tenants != [BORIS]} == set()
    assert len(seen) == len(WALLED)


async def test_whoever_has_no_rows_is_shown_none(databases: Databases) -> None:
    assert {name for name, tenants in (await everywhere(databases, NOBODYS, whose)).items() if tenants} == set()


async def test_where_nobody_says_for_whom_there_is_nothing(databases: Databases) -> None:
    for module, table in WALLED:
        async with databases.of(module).reading() as session:
            assert await session.scalar(select(func.count()).select_from(table)) == 0, table


async def test_across_tenants_all_rows_are_seen(databases: Databases) -> None:
    for module, table in WALLED:
        async with databases.of(module).across_tenants.reading() as session:
            assert set((await session.scalars(whose(table))).all()) == {ANNA, BORIS}, table


async def test_a_change_of_everything_changes_ones_own_rows_alone(databases: Databases) -> None:
    def touch(table: Table) -> Any:
        column = tenant_column(table)
        assert column is not None
        return update(table).values({column.name: column})

    changed = await everywhere(databases, BORIS, touch)
    assert {name for name, rows in changed.items() if rows != 1} == set()


async def test_a_removal_of_everything_removes_no_row_of_another(databases: Databases) -> None:
    assert {name for name, rows in (await everywhere(databases, NOBODYS, delete)).items() if rows} == set()


@pytest.mark.parametrize(("module", "table"), WALLED, ids=[f"{module}.{table.name}" for module, table in WALLED])
async def test_a_row_for_another_tenant_is_refused(databases: Databases, module: str, table: Table) -> None:
    with pytest.raises(DBAPIError, match=REFUSED):
        async with databases.of(module).writing(BORIS) as session:
            await session.execute(insert(table), row(table, ANNA, mark="another"))


async def test_a_row_is_not_given_away(databases: Databases) -> None:
    for module, table in WALLED:
        column = tenant_column(table)
        assert column is not None
        with pytest.raises(DBAPIError, match=f"{REFUSED}|is never changed"):  # what is kept for good has a guard that is asked before
            async with databases.of(module).writing(BORIS) as session:
                await session.execute(update(table).values({column.name: ANNA}))


async def test_transactions_work_as_who_owns_nothing_and_cannot_take_the_wall_away(databases: Databases) -> None:
    async with databases.of("ocr").reading(BORIS) as session:
        assert await session.scalar(text("SELECT current_user")) == "converto_app"
    for statement in ("ALTER TABLE ocr.scan DISABLE ROW LEVEL SECURITY", "DROP POLICY tenant_rows ON ocr.scan", "DROP TABLE ocr.scan"):
        with pytest.raises(DBAPIError, match="must be owner"):
            async with databases.of("ocr").across_tenants.writing() as session:
                await session.execute(text(statement))


async def test_nobody_who_only_runs_the_program_says_which_migrations_there_were(databases: Databases) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with databases.of("ocr").across_tenants.writing() as session:
            await session.execute(text("DELETE FROM ocr.ocr_version"))


async def test_the_next_of_the_pool_does_not_work_for_the_one_before(databases: Databases) -> None:
    """There is one connection: it is the same."""
    ocr = databases.of("ocr")
    said = (
        "SELECT pg_backend_pid(), current_user <> session_user, current_setting('app.tenant_id', true), current_setting('app.scope', true)"
    )
    seen = []
    for database, tenant in ((ocr, ANNA), (ocr.across_tenants, None)):
        async with database.reading(tenant) as session:
            seen.append((await session.execute(text(said))).one())
        async with ocr.engine.connect() as connection:
            after = (await connection.execute(text(said))).one()
            assert tuple(after)[1:] == (False, "", "")
            assert after[0] == seen[-1][0]
    assert [tuple(one)[1:] for one in seen] == [(True, str(ANNA), ""), (True, "", "all")]


async def test_every_table_with_a_tenant_is_behind_the_wall(databases: Databases) -> None:
    async with databases.of("auth").engine.connect() as connection:
        assert (await connection.scalars(text(UNPROTECTED))).all() == [], "call row_security.protect in the migration that makes it"
        protected = (await connection.execute(text("SELECT schemaname, tablename FROM pg_policies"))).all()
    assert {(module, table.name) for module, table in WALLED} == {tuple(one) for one in protected}


async def test_a_table_that_was_forgotten_is_found(databases: Databases) -> None:
    database: Database = databases.of("ocr")
    with suppress(_Undo):
        async with database.upgrading() as connection:
            await connection.execute(text("CREATE TABLE ocr.forgotten (tenant_id uuid PRIMARY KEY)"))
            assert (await connection.scalars(text(UNPROTECTED))).all() == ["ocr.forgotten"]
            raise _Undo
