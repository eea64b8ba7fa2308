from collections.abc import AsyncIterator
from typing import Any, Protocol

import pytest
from pydantic import ValidationError

from converto.kernel.binding import LocalTransport, bind
from converto.kernel.interface import DEFAULT_TIMEOUT_S, Interface, Kind, Open, Value, command, operations, query, stream
from tests.kernel.echo import ECHO, Colour, EchoService


def test_the_operations_of_an_interface_are_its_marked_methods() -> None:
    kinds = {name: operation.kind for name, operation in operations(ECHO).items()}
    assert (kinds["look"], kinds["note"], kinds["count"]) == (Kind.QUERY, Kind.COMMAND, Kind.STREAM)


def test_an_operation_has_the_time_that_its_mark_gives() -> None:
    assert [operations(ECHO)[name].timeout_s for name in ("patient", "look")] == [0.1, DEFAULT_TIMEOUT_S]


def test_an_operation_knows_its_arguments_and_their_defaults() -> None:
    schema = operations(ECHO)["back"].arguments.model_json_schema()
    assert (schema["required"], schema["properties"]["note"]["default"]) == (["parcel"], "as sent")


def test_a_method_without_a_mark_is_refused() -> None:
    class Unmarked(Interface):
        async def look(self) -> int:
            return 1

    with pytest.raises(TypeError, match="marked neither"):
        operations(Unmarked)


def test_a_method_that_is_not_async_is_refused() -> None:
    class Plain(Interface):
        @query
        def look(self) -> int:
            return 1

    with pytest.raises(TypeError, match="is not async"):
        operations(Plain)


def test_a_stream_that_is_a_coroutine_is_refused() -> None:
    class Coroutine(Interface):
        @stream
        async def count(self) -> AsyncIterator[int]:
            raise NotImplementedError

    with pytest.raises(TypeError, match="is a stream, so `def`"):
        operations(Coroutine)


def test_a_stream_that_returns_something_else_is_refused() -> None:
    class List(Interface):
        @stream
        def count(self) -> list[int]:
            return []

    with pytest.raises(TypeError, match="AsyncIterator"):
        operations(List)


def test_an_argument_without_an_annotation_is_refused_by_name() -> None:
    class Bare(Interface):
        @command
        async def note(self, text) -> int:  # type: ignore[no-untyped-def]  # noqa: ANN001
            return len(text)

    with pytest.raises(TypeError, match="lacks the annotation of text"):
        operations(Bare)


def test_a_result_without_an_annotation_is_refused() -> None:
    class Bare(Interface):
        @command
        async def note(self, text: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
            return len(text)

    with pytest.raises(TypeError, match="what it returns"):
        operations(Bare)


@pytest.mark.parametrize("kind", ["several", "named"])
def test_an_open_list_of_arguments_is_refused(kind: str) -> None:
    class Several(Interface):
        @query
        async def look(self, *numbers: int) -> int:
            return len(numbers)

    class Named(Interface):
        @query
        async def look(self, **numbers: int) -> int:
            return len(numbers)

    with pytest.raises(TypeError, match="takes any number of arguments"):
        operations(Several if kind == "several" else Named)


def test_an_interface_may_extend_another() -> None:
    class Longer(ECHO, Protocol):  # type: ignore[valid-type,misc]
        @query
        async def further(self) -> int: ...

    assert {"look", "further"} <= set(operations(Longer))


def test_a_caller_is_refused_at_start_where_its_interface_is_badly_made() -> None:
    class Unmarked(Interface):
        async def look(self) -> int:
            return 1

    with pytest.raises(TypeError):
        bind(Unmarked, LocalTransport(EchoService()))


def test_a_value_cannot_be_changed() -> None:
    class Point(Value):
        x: int

    point: Any = Point(x=1)
    with pytest.raises(ValidationError):
        point.x = 2


def test_a_value_of_a_newer_module_may_say_more() -> None:
    class Point(Value):
        x: int

    assert Point.model_validate({"x": 1, "y": 2}) == Point(x=1)


class Pot(Value):
    colour: Open[Colour]


def test_a_value_that_an_open_enumeration_has_is_its_member_and_any_other_one_stays_text() -> None:
    red, green = (Pot.model_validate({"colour": name}).colour for name in ("red", "green"))
    assert (red is Colour.RED, green, isinstance(green, Colour)) == (True, "green", False)


def test_a_value_that_a_closed_enumeration_lacks_cannot_be_read() -> None:
    class Closed(Value):
        colour: Colour

    with pytest.raises(ValidationError):
        Closed.model_validate({"colour": "green"})
