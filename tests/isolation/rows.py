"""One row of every table for a tenant, made up from what the columns are."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Boolean, Column, Date, DateTime, Float, Integer, LargeBinary, MetaData, String, Table, Uuid
from sqlalchemy.types import JSON

from converto.events.tables import tables as delivery_tables
from converto.kernel.columns import Moment
from converto.modules import installed

AT = datetime(2026, 11, 23, tzinfo=UTC)


def histories() -> Iterator[tuple[str, str, MetaData]]:
    """Yield each module's histories of migrations, and the tables that they make."""
    for module in installed():
        if module.tables is not None:
            if module.carries_events:
                yield module.name, "delivery", delivery_tables
            yield module.name, module.name, module.tables


@cache
def tables() -> Sequence[tuple[str, Table]]:
    """Return every table with its module, those that others point to first."""
    return [(module, table) for module, _, found in histories() for table in found.sorted_tables]


def tenant_column(table: Table) -> Column[Any] | None:
    """Return the column that says whose a row is."""
    if table.name == "tenants":
        return table.c.id
    return table.c.get("tenant_id")


def row(table: Table, tenant: UUID, *, mark: str = "") -> Mapping[str, Any]:
    """Return a row of a tenant. Its ids are the same in every table, so that they point to one another; `mark` gives others."""
    own = tenant_column(table)
    values = {column.name: _value(column, tenant, mark) for column in table.columns if not column.nullable}
    return values if own is None else values | {own.name: tenant}


def _value(column: Column[Any], tenant: UUID, mark: str) -> Any:
    if any(key.column.table.name == "tenants" for key in column.foreign_keys):
        return tenant
    make = next((make for kind, make in _MAKERS.items() if isinstance(column.type, kind)), None)
    if make is None:
        msg = f"{column} is of a type that no row is made of yet: {column.type}"
        raise TypeError(msg)
    made = make(uuid5(tenant, mark))
    return made[: column.type.length] if isinstance(column.type, String) else made


_MAKERS: Mapping[Any, Callable[[UUID], Any]] = {
    Uuid: lambda name: name,
    (Moment, DateTime): lambda _: AT,
    Date: lambda _: AT.date(),
    Boolean: lambda _: False,
    Float: lambda _: 0.5,
    Integer: lambda name: int.from_bytes(name.bytes[:2]) % 30_000 + 1,
    String: lambda name: name.hex,
    LargeBinary: lambda name: name.bytes * 2,
    JSON: lambda _: {},
}
"""What a column holds, from an id that is a tenant's own."""
