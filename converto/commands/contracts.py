"""What the modules promise one another, as JSON Schema: their interfaces and their events, one file a module."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from converto.app import COMPANIONS
from converto.commands.compatibility import broken
from converto.events.asyncapi import document
from converto.kernel.event import Event
from converto.kernel.interface import Interface, Operation, operations
from converto.kernel.manifest import Module

ASYNCAPI = "asyncapi.json"
Contract = dict[str, Any]


def contract(name: str, interface: type[Interface] | None, events: Sequence[type[Event]] = ()) -> Contract:
    """Return what a module, or the companion of each, may be asked and what it tells."""
    asked = operations(interface) if interface is not None else {}
    return {
        "module": name,
        "operations": {name: _operation(operation) for name, operation in sorted(asked.items())},
        "events": {event.type: _event(event) for event in sorted(events, key=lambda event: event.type)},
    }


def _operation(operation: Operation) -> Contract:
    return {
        "kind": operation.kind.value,
        "timeout_s": operation.timeout_s,
        "arguments": _without_words(operation.arguments.model_json_schema()),
        # as a caller receives it: what has a default may be absent
        "result": _without_words(operation.result.json_schema(mode="validation")),
    }


def _event(event: type[Event]) -> Contract:
    return {"version": event.version, "data": _without_words(TypeAdapter(event).json_schema())}


def _without_words(schema: Any) -> Any:
    """Leave out titles and descriptions: they are documentation, and may change."""
    if isinstance(schema, list):
        return [_without_words(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    names = {"properties", "$defs"}  # below these two the keys are names of ours, which may well be `title`
    return {
        key: {name: _without_words(part) for name, part in value.items()} if key in names else _without_words(value)
        for key, value in schema.items()
        if key not in {"title", "description"} or not isinstance(value, str)
    }


def written(modules: Sequence[Module]) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each file; a module that promises nothing has none. Companions promise as modules do."""
    promised = [contract(module.name, module.interface, module.events) for module in modules if module.interface or module.events]
    promised += [contract(name, companion.interface) for name, companion in COMPANIONS.items()]
    for each in promised:
        yield f"{each['module']}.json", json.dumps(each, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def described(modules: Sequence[Module]) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of what is written for others from the same: the AsyncAPI document of all events."""
    yield ASYNCAPI, json.dumps(document(event for module in modules for event in module.events), indent=1, ensure_ascii=False) + "\n"


def write(modules: Sequence[Module], folder: Path, *, anyway: bool = False) -> list[str]:
    """Write every contract into a folder; returns what would break, and then writes nothing, unless it is wanted anyway."""
    files = dict(written(modules))
    reasons = [f"{name}: {reason}" for name, text in files.items() for reason in _broken(folder / name, text)]
    if reasons and not anyway:
        return reasons
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in [*files.items(), *described(modules)]:
        (folder / name).write_text(text)
    return []


def _broken(file: Path, text: str) -> list[str]:
    return broken(json.loads(file.read_text()), json.loads(text)) if file.exists() else []
