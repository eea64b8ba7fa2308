"""The AsyncAPI document, as a tool would read it."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from converto.events.asyncapi import data_schema, document
from converto.kernel.event import Event
from converto.kernel.interface import Value
from converto.modules import installed

EVENTS = [event for module in installed() for event in module.events]
DOCUMENT = document(EVENTS)


class Coin(Value):
    """What lies in a box."""

    cents: int


class Boxed(Event):
    """Somebody put coins into a box. The rest of the text is for us."""

    type: ClassVar[str] = "box.boxed"

    coins: tuple[Coin, ...]
    best: Coin | None = None


def references(part: Any) -> Iterator[str]:
    """Yield every reference in a document."""
    if isinstance(part, dict):
        for name, value in part.items():
            if name == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(part, list):
        for one in part:
            yield from references(one)


def found(reference: str) -> Any:
    """Return what a reference of the document stands for."""
    part: Any = DOCUMENT
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return part


def test_it_has_what_asyncapi_3_asks_for() -> None:
    assert (DOCUMENT["asyncapi"], set(DOCUMENT["info"]) >= {"title", "version"}) == ("3.0.0", True)
    assert {operation["action"] for operation in DOCUMENT["operations"].values()} == {"send"}


def test_every_event_has_a_message_in_its_stream_and_a_schema() -> None:
    told = {name: set(channel["messages"]) for name, channel in DOCUMENT["channels"].items()}

    assert set().union(*told.values()) == {event.type for event in EVENTS} == set(DOCUMENT["components"]["schemas"])
    assert "ocr.completed" in told["stream_ocr"]
    assert DOCUMENT["channels"]["stream_ocr"]["address"] == "stream:ocr"


@pytest.mark.parametrize("reference", sorted(set(references(DOCUMENT))))
def test_what_it_refers_to_is_there(reference: str) -> None:
    assert found(reference)


def test_a_schema_is_whole_in_itself() -> None:
    assert data_schema(Boxed)["properties"]["coins"]["items"]["properties"]["cents"]["type"] == "integer"
    assert data_schema(Boxed)["required"] == ["coins"]
    assert not [*references(DOCUMENT["components"]["schemas"])]


def test_a_message_says_in_one_sentence_what_it_is() -> None:
    assert (
        document([Boxed])["components"]["messages"]["box.boxed"]["summary"]
        == "Somebody put coins into a box. The rest of the text is for us."
    )


def test_a_message_is_a_cloud_event_of_its_type() -> None:
    payload = DOCUMENT["components"]["messages"]["ocr.completed"]["payload"]

    assert payload["properties"]["type"]["const"] == "ocr.completed"
    assert payload["properties"]["source"]["const"] == "ocr"
    assert set(payload["required"]) >= {"specversion", "id", "source", "type", "data"}
