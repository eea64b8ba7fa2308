"""Column types that mean the same on SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

AS_WRITTEN = r"([0-9]{4})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})\.([0-9]{6})\Z"
"""How SQLAlchemy writes a moment into SQLite."""


class Moment(TypeDecorator[datetime]):
    """A moment, aware and in UTC. SQLite keeps no time zone, so a naive value that comes back is UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        """Refuse a naive moment; turn the others to UTC."""
        return None if value is None else _utc(value)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Write text into SQLite at once: by the library's own types a moment takes more than twice as long, and a row has several."""
        return _written if dialect.name == "sqlite" else super().bind_processor(dialect)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        """Say that it is UTC."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        msg = f"a moment without a time zone: {value}"
        raise ValueError(msg)
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def _written(value: datetime | None) -> str | None:
    return None if value is None else _utc(value).isoformat(" ", "microseconds")[:26]  # less the +00:00


class SealedMoment(Moment):
    """A moment that the hash of a chain covers; of the text in SQLite, what says the same otherwise is refused with a ValueError."""

    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Read no other text than what is written."""
        if dialect.name != "sqlite":
            return super().load_dialect_impl(dialect)
        written: TypeEngine[Any] = sqlite.DATETIME(regexp=AS_WRITTEN)  # type: ignore[no-untyped-call]  # the library tells no types of it
        return dialect.type_descriptor(written)
