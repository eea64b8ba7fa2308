"""Who may migrate and who may run: owners that may make roles, owners that may not, a user that owns nothing, and a superuser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import insert, select, text

from converto.app import create_app, migrate
from converto.kernel.config import CannotStart, Settings
from converto.kernel.database import Database, Databases
from converto.modules import installed
from converto.ocr.models import ScanRow
from tests.isolation.rows import row
from tests.servers import Postgres

ANNA, BORIS = UUID(int=0xA), UUID(int=0xB)
MODULES = ("ocr",)


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    """Return a server of our own, for roles are of a whole server: who may make roles, and nobody else, has migrated on it."""
    with Postgres() as server:
        server.execute("DROP ROLE converto_app")
        for name, options in {"plain": "", "maker": "CREATEROLE", "bypass": "BYPASSRLS", "runner": ""}.items():
            server.execute(f"CREATE ROLE {name} LOGIN {options}")
        made = Settings(data_dir=tmp_path_factory.mktemp("data"), database_url=new_database(server, "maker"), modules=MODULES)
        await migrate(made)
        yield server


def url(server: Postgres, user: str, database: str) -> str:
    return f"postgresql://{user}@127.0.0.1:{server.port}/{database}"


def new_database(server: Postgres, owner: str) -> str:
    name = f"of_{owner}"
    server.execute(f"CREATE DATABASE {name} OWNER {owner}")
    return url(server, owner, name)


@asynccontextmanager
async def scans(data_dir: Path, database_url: str) -> AsyncIterator[Database]:
    """Return the scans' database, with one of Anna's company."""
    databases = Databases(data_dir, database_url, pool_size=2)
    try:
        async with databases.of("ocr").writing(ANNA) as session:
            await session.execute(insert(ScanRow), row(ScanRow.__table__, ANNA))  # type: ignore[arg-type]
        yield databases.of("ocr")
    finally:
        await databases.close()


async def seen(database: Database, tenant: UUID | None) -> tuple[str | None, int]:
    """Return as whom a transaction works, and how many scans it is shown."""
    async with database.reading(tenant) as session:
        return await session.scalar(text("SELECT current_user")), len((await session.scalars(select(ScanRow.id))).all())


async def test_the_policies_hold_for_an_owner_that_may_make_no_role(server: Postgres, data_dir: Path) -> None:
    database_url = new_database(server, "plain")
    await migrate(Settings(data_dir=data_dir, database_url=database_url, modules=MODULES))
    async with scans(data_dir, database_url) as database:
        assert [await seen(database, tenant) for tenant in (ANNA, BORIS, None)] == [("plain", 1), ("plain", 0), ("plain", 0)]
        assert await database.is_walled()


async def test_whom_the_policies_do_not_hold_for_does_not_start(server: Postgres, data_dir: Path) -> None:
    settings = Settings(data_dir=data_dir, database_url=new_database(server, "bypass"), modules=MODULES)
    await migrate(settings)
    app = create_app(settings, [module for module in installed() if module.name == "ocr"])
    with pytest.raises(CannotStart, match="Row-level security does not hold"):
        async with app.router.lifespan_context(app):
            pass


async def test_an_owner_that_may_make_roles_makes_the_one_that_runs(server: Postgres, data_dir: Path) -> None:
    """As on a managed PostgreSQL, where nobody is a superuser."""
    database_url = url(server, "maker", "of_maker")
    async with scans(data_dir, database_url) as database:
        assert [await seen(database, tenant) for tenant in (ANNA, BORIS, None)] == [
            ("converto_app", 1),
            ("converto_app", 0),
            ("converto_app", 0),
        ]


async def test_who_runs_need_not_be_who_migrates(server: Postgres, data_dir: Path) -> None:
    server.execute("CREATE DATABASE apart OWNER maker")
    server.execute("GRANT converto_app TO runner")
    owner_url, database_url = url(server, "maker", "apart"), url(server, "runner", "apart")
    await migrate(Settings(data_dir=data_dir, database_url=database_url, database_owner_url=owner_url, modules=MODULES))
    async with scans(data_dir, database_url) as database:
        assert [await seen(database, tenant) for tenant in (ANNA, BORIS)] == [("converto_app", 1), ("converto_app", 0)]


async def test_a_superuser_works_as_the_role_that_is_none(server: Postgres, data_dir: Path) -> None:
    server.execute("CREATE DATABASE of_postgres")
    database_url = url(server, "postgres", "of_postgres")
    await migrate(Settings(data_dir=data_dir, database_url=database_url, modules=MODULES))
    async with scans(data_dir, database_url) as database:
        assert [await seen(database, tenant) for tenant in (ANNA, BORIS)] == [("converto_app", 1), ("converto_app", 0)]
        assert await database.is_walled()
