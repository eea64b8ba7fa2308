from uuid import UUID

import pytest

from converto.kernel.interface import Value
from converto.kernel.paging import BadCursor, Page, after


class Item(Value):
    id: UUID


ITEMS = [Item(id=UUID(int=number)) for number in range(4)]


def page(found: list[Item], limit: int) -> Page[Item]:
    return Page[Item].of(found, limit, cursor=lambda item: item.id)


def test_one_item_too_many_says_that_there_is_a_next_page() -> None:
    first = page(ITEMS, 3)
    assert (first.items, after(first.next_cursor)) == (tuple(ITEMS[:3]), ITEMS[2].id)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_last_page_has_no_cursor(count: int) -> None:
    last = page(ITEMS[:count], 3)
    assert (len(last.items), last.next_cursor) == (count, None)


@pytest.mark.parametrize("cursor", ["1", "ä", "0" * 31, "' OR 1=1", "\0"])
def test_a_cursor_that_no_list_gave_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        after(cursor)


@pytest.mark.parametrize("cursor", [None, ""])
def test_without_a_cursor_a_list_begins_at_its_start(cursor: str | None) -> None:
    assert after(cursor) is None
