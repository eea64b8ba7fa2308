"""Migrations: linear histories, each with its own version table in a module's file or schema.

A module has a history of its own; the tables that carry its events have another one, the same for every module.
"""

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, MetaData, column, inspect, select, table, text
from sqlalchemy.schema import CreateSchema

import converto
from converto.kernel.database import Database
from converto.kernel.unloaded import unloaded

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 7305_2026
"""Held in PostgreSQL while a schema changes."""


class History(NamedTuple):
    """A history of migrations in one database, and the tables that it leads to."""

    database: Database
    name: str
    tables: MetaData


def _folder() -> Path:
    """Return the migrations: inside an installed package, beside it in a checkout."""
    package = Path(converto.__file__).parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def newest(history: str) -> str:
    """Return the newest revision of a history: its migrations are called by their revisions, which count upwards."""
    names = (re.fullmatch(r"(\d{4})_\w+\.py", file.name) for file in (_folder() / history).iterdir())
    return max(name[1] for name in names if name is not None)


def alembic_config(history: str) -> "Config":
    """Return Alembic's configuration for one history."""
    # Mako, which Alembic writes new migrations with, would load the web languages of Pygments to colour its own errors: 5 MB
    with unloaded("mako.ext.pygmentplugin"):
        from alembic.config import Config  # noqa: PLC0415 - 3 MB and a tenth of a second, which only a migration needs

    config = Config()
    config.set_main_option("script_location", str(_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(_folder() / history).replace("%", "%%"))
    config.attributes["version_table"] = f"{history}_version"
    return config


async def upgrade(database: Database, history: str, tables: MetaData, *, to: str = "head") -> None:
    """Bring one history of a database to its newest revision, or an earlier one. Several processes may do so at once: they take turns."""
    if not await behind(database, history):
        return
    if not database.is_sqlite:
        async with database.engine.begin() as connection:
            # Two that make one schema at the same moment would collide in the catalogue, IF NOT EXISTS or not.
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            await connection.execute(CreateSchema(database.module, if_not_exists=True))
    await database.migrating(partial(_upgrade, module=database.module, history=history, tables=tables, to=to))


def _upgrade(connection: Connection, *, module: str, history: str, tables: MetaData, to: str) -> None:
    from alembic import command  # noqa: PLC0415 - see alembic_config

    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        connection.execute(text(f'SET LOCAL search_path TO "{module}"'))
    config = alembic_config(history)
    config.attributes.update(connection=connection, tables=tables)
    command.upgrade(config, to)


async def behind(database: Database, history: str) -> bool:
    """Return whether the database lacks a migration; one that a later release has brought further lacks none."""
    async with database.engine.connect() as connection:
        return newest(history) > (await connection.run_sync(_revision, database.module, history) or "")


def _revision(connection: Connection, module: str, history: str) -> str | None:
    """Return the revision that a database has, or None before its first."""
    name, schema = f"{history}_version", module if connection.dialect.name == "postgresql" else None
    if not inspect(connection).has_table(name, schema=schema):
        return None
    return connection.scalar(select(column("version_num")).select_from(table(name, schema=schema)))
