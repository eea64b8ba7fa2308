import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from converto.commands.compatibility import broken
from converto.commands.contracts import ASYNCAPI, described, write, written
from converto.kernel.interface import Open, Value
from converto.modules import installed
from tests.architecture.source import ROOT

FOLDER = ROOT / "contracts"
CONTRACTS = {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json")) if file.name != ASYNCAPI}
PREVIOUS = {file.stem: json.loads(file.read_text()) for file in sorted((FOLDER / "previous").glob("*.json"))}
HINT = "; an addition is written down by `converto contracts`, everything else is a new operation, field or version for one release"

PARCEL = {
    "properties": {
        "id": {"type": "string", "format": "uuid"},
        "size": {"type": "integer", "maximum": 10},
        "colour": {"$ref": "#/$defs/Colour"},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
    },
    "required": ["id", "size", "colour", "parts"],
    "type": "object",
    "$defs": {
        "Colour": {"enum": ["red", "blue"], "type": "string"},
        "Part": {
            "properties": {"weight": {"type": "number"}, "within": {"$ref": "#/$defs/Part"}},
            "required": ["weight"],
            "type": "object",
        },
    },
}
BEFORE: dict[str, Any] = {
    "module": "post",
    "operations": {"send": {"kind": "command", "timeout_s": 30.0, "arguments": PARCEL, "result": PARCEL}},
    "events": {"post.sent": {"version": 1, "data": PARCEL}},
}
Change = Callable[[dict[str, Any]], object]


def again() -> dict[str, Any]:
    """Return the contract anew; its parts share nothing."""
    anew: dict[str, Any] = json.loads(json.dumps(BEFORE))
    return anew


def changed(change: Change, where: str) -> list[str]:
    """Return what breaks when one schema of the contract is changed."""
    after = again()
    change(after["events"]["post.sent"]["data"] if where == "event" else after["operations"]["send"][where])
    return broken(BEFORE, after)


@pytest.mark.parametrize("module", CONTRACTS)
def test_a_module_keeps_what_it_promised(module: str) -> None:
    now = dict(written(installed()))
    reasons = broken(CONTRACTS[module], json.loads(now[f"{module}.json"])) if f"{module}.json" in now else ["the module is gone"]
    assert reasons == [], f"{module}.json is broken{HINT}"


def test_the_contracts_are_written_down() -> None:
    files = dict(written(installed())) | dict(described(installed()))
    assert {file.name: file.read_text() for file in FOLDER.glob("*.json")} == files, "run `converto contracts`"


@pytest.mark.parametrize("module", PREVIOUS)
def test_a_module_keeps_what_the_previous_version_promised(module: str) -> None:
    now = dict(written(installed()))
    assert broken(PREVIOUS[module], json.loads(now[f"{module}.json"])) == [], f"callers of the previous version are broken{HINT}"


def test_an_unchanged_contract_holds() -> None:
    assert broken(BEFORE, again()) == []


BOTH_WAYS: dict[str, tuple[Change, str]] = {
    "a removed field": (lambda s: s["properties"].pop("note"), ".note: is gone"),
    "a removed required field": (lambda s: (s["properties"].pop("size"), s["required"].remove("size")), ".size: is gone"),
    "another type": (lambda s: s["properties"].update(size={"type": "string"}), ".size: "),
    "another format": (lambda s: s["properties"].update(id={"type": "string"}), ".id: "),
    "a narrowed enumeration": (lambda s: s["$defs"]["Colour"]["enum"].remove("red"), ".colour: red is gone"),
    "a changed type far below": (lambda s: s["$defs"]["Part"]["properties"].update(weight={"type": "string"}), ".parts[].weight: "),
    "a new pattern": (lambda s: s["properties"]["id"].update(pattern="^0"), ".id: the pattern has changed"),
}


@pytest.mark.parametrize("where", ["arguments", "result", "event"])
@pytest.mark.parametrize("what", BOTH_WAYS)
def test_what_breaks_both_ways_is_refused(what: str, where: str) -> None:
    change, reason = BOTH_WAYS[what]
    (found,) = changed(change, where)
    assert reason in found


ARGUMENTS: dict[str, tuple[Change, str]] = {
    "a new required argument": (
        lambda s: (s["properties"].update(to={"type": "string"}), s["required"].append("to")),
        ".to: is now required",
    ),
    "an argument that becomes required": (lambda s: s["required"].append("note"), ".note: is now required"),
    "an argument that may be null no more": (lambda s: s["properties"].update(note={"type": "string"}), ".note: null is no longer taken"),
    "a tighter bound": (lambda s: s["properties"]["size"].update(maximum=9), ".size: maximum was 10, is 9"),
    "a new bound": (lambda s: s["properties"]["size"].update(minimum=1), ".size: minimum was None, is 1"),
}


@pytest.mark.parametrize("what", ARGUMENTS)
def test_what_old_callers_cannot_send_is_refused_in_arguments_alone(what: str) -> None:
    change, reason = ARGUMENTS[what]
    assert [found.endswith(reason) for found in changed(change, "arguments")] == [True]


ANSWERS: dict[str, tuple[Change, str]] = {
    "a field that may be absent": (lambda s: s["required"].remove("size"), ".size: may now be absent"),
    "a field that may be null": (
        lambda s: s["properties"].update(size={"anyOf": [{"type": "integer", "maximum": 10}, {"type": "null"}]}),
        ".size: may now be null",
    ),
    "a looser bound": (lambda s: s["properties"]["size"].update(maximum=11), ".size: maximum was 10, is 11"),
    "one more value": (
        lambda s: s["$defs"]["Colour"]["enum"].append("green"),
        ".colour: green is new, and an old caller cannot read it unless it is Open",
    ),
    "one more value of an enumeration that opens only now": (
        lambda s: [change(s) for change in (open_colour, lambda s: s["$defs"]["Colour"]["enum"].append("green"))],
        ".colour: green is new, and an old caller cannot read it unless it is Open",
    ),
    "any text where there was an enumeration": (
        lambda s: s["properties"].update(colour={"type": "string"}),
        ".colour: any value is new, and an old caller cannot read it unless it is Open",
    ),
}


def open_colour(schema: dict[str, Any]) -> None:
    """Do what `Open[Colour]` does to a schema."""
    schema["properties"]["colour"] = {"anyOf": [{"$ref": "#/$defs/Colour"}, {"type": "string"}]}


@pytest.mark.parametrize("where", ["result", "event"])
@pytest.mark.parametrize("what", ANSWERS)
def test_what_old_callers_cannot_read_is_refused_in_answers(what: str, where: str) -> None:
    change, reason = ANSWERS[what]
    assert [found.endswith(reason) for found in changed(change, where)] == [True]


@pytest.mark.parametrize("what", ANSWERS)
def test_the_same_is_an_addition_in_arguments(what: str) -> None:
    assert changed(ANSWERS[what][0], "arguments") == []


ADDITIONS: dict[str, Change] = {
    "an optional field": lambda s: s["properties"].update(to={"type": "string", "default": ""}),
    "an enumeration that opens": open_colour,
    "another default": lambda s: s["properties"]["note"].update(default="-"),
}


@pytest.mark.parametrize("where", ["arguments", "result", "event"])
@pytest.mark.parametrize("what", ADDITIONS)
def test_an_addition_holds(what: str, where: str) -> None:
    assert changed(ADDITIONS[what], where) == []


def test_a_value_more_of_an_open_enumeration_is_an_addition_everywhere() -> None:
    before, after = again(), again()
    for contract_of in (before, after):
        for schema in (
            *(contract_of["operations"]["send"][part] for part in ("arguments", "result")),
            contract_of["events"]["post.sent"]["data"],
        ):
            open_colour(schema)
            if contract_of is after:
                schema["$defs"]["Colour"]["enum"].append("green")
    assert broken(before, after) == []


def test_an_open_enumeration_that_closes_refuses_what_old_callers_may_send() -> None:
    before, after = again(), again()
    open_colour(before["operations"]["send"]["arguments"])
    (found,) = broken(before, after)
    assert found == "send, arguments.colour: every other value is gone"


def test_what_an_open_enumeration_is_written_as_is_what_counts_as_open() -> None:
    class Colour(StrEnum):
        RED = "red"
        BLUE = "blue"

    class Pot(Value):
        colour: Open[Colour]

    schema, written_by_hand = Pot.model_json_schema(), again()["events"]["post.sent"]["data"]
    open_colour(written_by_hand)
    alternatives = [{name: part for name, part in each.items() if name != "title"} for each in schema["properties"]["colour"]["anyOf"]]
    assert alternatives == written_by_hand["properties"]["colour"]["anyOf"]


@pytest.mark.parametrize("what", ["a new required argument", "an argument that becomes required"])
def test_an_event_must_be_readable_as_it_was_told_before(what: str) -> None:
    change, reason = ARGUMENTS[what]
    assert [found.endswith(reason) for found in changed(change, "event")] == [True]


def test_a_removed_operation_or_event_is_refused() -> None:
    assert broken(BEFORE, {"module": "post", "operations": {}, "events": {}}) == [
        "send: the operation is gone",
        "post.sent: the event is gone",
    ]


def test_a_query_that_becomes_a_command_is_refused() -> None:
    after = again()
    after["operations"]["send"]["kind"] = "query"
    assert broken(BEFORE, after) == ["send: was a command, is a query"]


def test_a_new_version_of_an_event_may_have_another_shape() -> None:
    after = again()
    after["events"]["post.sent"] = {"version": 2, "data": {"type": "object", "properties": {}}}
    assert broken(BEFORE, after) == []


def test_the_command_writes_no_incompatible_change(tmp_path: Path) -> None:
    assert write(installed(), tmp_path) == []
    file = tmp_path / "ocr.json"
    older = json.loads(file.read_text())
    older["operations"]["gone"] = older["operations"]["health"]
    file.write_text(json.dumps(older))
    assert write(installed(), tmp_path) == ["ocr.json: gone: the operation is gone"]
    assert json.loads(file.read_text()) == older
