"""The time and new ids: the two things that differ on every call."""

from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7


def now() -> datetime:
    """Return the present moment, aware and in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """Return a fresh UUIDv7: unique everywhere, and later ones sort after earlier ones."""
    return uuid7()
