"""The template that Elasticsearch holds each line of the log against: no field that it does not name, each of its type."""

import json
from datetime import datetime
from typing import Any

from tests.architecture.source import ROOT

MAPPINGS: dict[str, Any] = json.loads((ROOT / "deploy" / "logstash" / "template.json").read_text())["template"]["mappings"]
FIELDS: dict[str, str] = {name: told["type"] for name, told in MAPPINGS["properties"].items()}
_WHOLE = {"short": 2**15, "long": 2**63}


def faults(line: str) -> list[str]:
    """Return what Elasticsearch would not take in a line."""
    fact = json.loads(line)
    missing = [name for name in ("@timestamp", "log.level", "event.action") if name not in fact]
    return [f"{name} is missing" for name in missing] + [f"{name}: {value!r}" for name, value in fact.items() if not _fits(name, value)]


def _fits(name: str, value: object) -> bool:
    kind = FIELDS.get(name)
    if value is None or (isinstance(value, list) and kind is not None):
        return kind is not None and all(_fits(name, one) for one in value or ())
    if kind == "date":
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    if kind in _WHOLE:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _WHOLE[kind]
    if kind == "double":
        return isinstance(value, int | float)
    return isinstance(value, bool if kind == "boolean" else str) if kind is not None else False
