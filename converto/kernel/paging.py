"""Lists that come in pages."""

from collections.abc import Callable, Sequence
from typing import Generic, Self, TypeVar
from uuid import UUID

from converto.kernel.errors import Invalid
from converto.kernel.interface import Value

T = TypeVar("T")


class BadCursor(Invalid):
    """A cursor that this list never gave."""

    code = "bad_cursor"
    message = "The cursor is not one that this list gave; leave it out to begin at the start."


class Page(Value, Generic[T]):
    """One page of a list; `next_cursor` asks for the next one, and is null at the end."""

    items: tuple[T, ...]
    next_cursor: str | None = None

    @classmethod
    def of(cls, found: Sequence[T], limit: int, *, cursor: Callable[[T], UUID]) -> Self:
        """Return a page from `limit + 1` items asked for: the one too many says that there is a next page."""
        more = len(found) > limit
        shown = tuple(found[:limit])
        return cls(items=shown, next_cursor=str(cursor(shown[-1])) if more else None)


def after(cursor: str | None) -> UUID | None:
    """Return the id that a page begins after. Raises BadCursor."""
    try:
        return UUID(cursor) if cursor else None
    except ValueError as error:
        raise BadCursor from error
