"""Migrations: each module's own linear history, applied to its own file or schema."""

from collections.abc import Iterable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.schema import CreateSchema

import converto
from converto.kernel.database import Database


def _folder() -> Path:
    """Return the migrations: inside an installed package, beside it in a checkout."""
    package = Path(converto.__file__).parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def alembic_config(module: str) -> Config:
    """Return Alembic's configuration for one module's history."""
    config = Config()
    config.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(_folder() / module).replace("%", "%%"))
    return config


async def upgrade(databases: Iterable[tuple[Database, MetaData]]) -> None:
    """Bring each database to its newest revision. Several processes may do so at once: they take turns."""
    for database, tables in databases:
        if not database.is_sqlite:
            async with database.engine.begin() as connection:
                # Two that make one schema at the same moment would collide in the catalogue, IF NOT EXISTS or not.
                await connection.execute(text("SELECT pg_advisory_xact_lock(7305, 0)"))
                await connection.execute(CreateSchema(database.module, if_not_exists=True))
        async with database.upgrading() as connection:
            await connection.run_sync(_upgrade, database.module, tables)


def _upgrade(connection: Connection, module: str, tables: MetaData) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7305, hashtext(:module))"), {"module": module})
        connection.execute(text(f'SET LOCAL search_path TO "{module}"'))
        connection.dialect.default_schema_name = module
    config = alembic_config(module)
    config.attributes.update(connection=connection, tables=tables)
    command.upgrade(config, "head")


async def behind(database: Database) -> bool:
    """Return whether the database lacks a migration of its module."""
    head = ScriptDirectory.from_config(alembic_config(database.module)).get_current_head()
    async with database.engine.connect() as connection:
        return head != await connection.run_sync(_revision, database.module)


def _revision(connection: Connection, module: str) -> str | None:
    schema = {} if connection.dialect.name == "sqlite" else {"version_table_schema": module}
    return MigrationContext.configure(connection, opts=schema).get_current_revision()
