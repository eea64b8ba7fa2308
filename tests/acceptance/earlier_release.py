"""Databases as an earlier release left them: its tables, and in them what a company has, as far as that release could keep it."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import JSON, Connection, inspect

from converto.app import _histories
from converto.kernel.config import Settings
from converto.kernel.database import Database
from converto.kernel.schema import newest, upgrade

LEFT_AT = {
    "ai": "0001",
    "auth": "0005",
    "billing": "0001",
    "delivery": "0002",
    "events": "0001",
    "gateway": "0001",
    "ocr": "0005",
    "vat": "0001",
    "vision": "0001",
    "webhooks": "0001",
}
"""The newest migration of each history in that release, or its first where the module is younger. Each release moves it on by one."""

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""By the names of tables, which are one's own in each module's database."""


async def rows_of(settings: Settings) -> Mapping[str, Rows]:
    """Return all that the databases of an installation hold, by module, as the driver gives it."""
    async with _histories(settings, None) as histories:
        databases = {history.database.module: history.database for history in histories}
        return {module: await _held(database) for module, database in databases.items()}


async def lay(settings: Settings, kept: Mapping[str, Rows]) -> Mapping[str, int]:
    """Make the databases of an installation as the earlier release had them, with those rows; returns how many each module holds."""
    async with _histories(settings, None) as histories:
        for history in histories:
            assert LEFT_AT[history.name] <= newest(history.name)
            await upgrade(history.database, history.name, history.tables, to=LEFT_AT[history.name])
        databases = {history.database.module: history.database for history in histories}
        for module, database in databases.items():
            await database.migrating(partial(_fill, module=module, rows=kept[module]))
        return {module: sum(map(len, (await _held(database)).values())) for module, database in databases.items()}


async def _held(database: Database) -> Rows:
    held = dict[str, Sequence[Mapping[str, Any]]]()
    await database.migrating(lambda connection: held.update(_rows(connection, database.module)))
    return held


def _rows(connection: Connection, module: str) -> Rows:
    read = {}
    for table, place in _tables(connection, module).items():
        read[table] = [dict(row) for row in connection.exec_driver_sql(f"SELECT * FROM {place}").mappings()]  # noqa: S608
    return read


def _fill(connection: Connection, *, module: str, rows: Rows) -> None:
    schema = None if connection.dialect.name == "sqlite" else module
    for table, place in _tables(connection, module).items():
        found = inspect(connection).get_columns(table, schema=schema)
        columns = [column["name"] for column in found]
        json_columns = {column["name"] for column in found if schema is not None and isinstance(column["type"], JSON)}
        marks = ", ".join("?" if schema is None else f"${at}" for at in range(1, len(columns) + 1))
        for row in rows[table]:
            written = f"INSERT INTO {place} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
            # PostgreSQL's driver gives JSON as what it says and takes it as text; SQLite's knows only text
            values = (json.dumps(row[name]) if name in json_columns and row[name] is not None else row[name] for name in columns)
            connection.exec_driver_sql(written, tuple(values))


def _tables(connection: Connection, module: str) -> Mapping[str, str]:
    """Return where rows are kept, by table, each after those that it points to; not where a history stands, nor what a search makes."""
    schema = None if connection.dialect.name == "sqlite" else module
    if schema is not None:
        connection.exec_driver_sql("SELECT set_config('app.scope', 'all', true)")  # the owner is behind the wall as well
    names = [name for name, _ in inspect(connection).get_sorted_table_and_fkc_names(schema=schema) if name is not None]
    kept = [name for name in names if not name.endswith("_version") and "scan_index" not in name]
    return {name: name if schema is None else f'"{schema}".{name}' for name in kept}
