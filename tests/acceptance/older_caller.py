"""A process of the previous version, as far as others can tell: it knows nothing but the contracts of that version."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
from pydantic import SecretStr

from converto.kernel.signature import DIGEST_HEADER, HEADER, Digest, sign
from converto.kernel.wire import Incoming, Message

FOLDER = Path(__file__).parents[2] / "contracts" / "previous"
CONTRACTS: dict[str, Any] = {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))}
Schema = Mapping[str, Any]
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str, bytes, datetime),  # as bytes and moments come out of msgpack
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
TEXTS = {"uuid": "01900000-0000-7000-8000-000000000000", "date": "2026-11-01", "date-time": "2026-11-01T12:00:00Z", "binary": "bytes"}


@dataclass(frozen=True)
class OlderCaller:
    """Calls a process of today; whatever an old contract has no name for, it neither sends nor sees."""

    http: httpx2.AsyncClient
    secret: SecretStr

    async def call(self, module: str, operation: str, given: Mapping[str, Any], *, full: bool) -> Any:
        """Make one call with every argument that the old contract has, or only those that it requires, and return the answer."""
        contract = CONTRACTS[module]["operations"][operation]
        message = Message.of(Shape(contract["arguments"], given, full=full).example())
        path, digest = f"/internal/{module}/{operation}", Digest(message.pieces())
        headers = {HEADER: sign([self.secret], path, digest), DIGEST_HEADER: str(digest)}
        answer = await self.http.post(path, content=message.whole(), headers=headers)
        found = await Incoming(answer.aiter_bytes()).message()
        assert found is not None
        value = found.value()
        assert answer.status_code == 200, (operation, value)
        wrong = list(Shape(contract["result"], {}, full=full).misfits(value))
        assert not wrong, (operation, wrong)
        return value


@dataclass(frozen=True)
class Shape:
    """A JSON Schema of an old contract: makes values of it, and tells what of a value does not fit."""

    root: Schema
    given: Mapping[str, Any]
    full: bool

    def example(self) -> Any:
        """Return a value: what is given by name is taken as it is."""
        return self._example(self.root)

    def _example(self, schema: Schema) -> Any:
        schema = self._followed(schema)
        if "anyOf" in schema:
            return self._example(next(part for part in schema["anyOf"] if part != {"type": "null"}))
        if "const" in schema or "enum" in schema:
            return schema.get("const", schema.get("enum", [None])[0])
        if schema["type"] == "object":
            names = schema.get("properties", {}) if self.full else schema.get("required", ())
            return {name: self._named(name, schema["properties"][name]) for name in names}
        if schema["type"] == "array":
            return [self._example(schema["items"])] if self.full else []
        if schema["type"] == "string":
            return TEXTS.get(schema.get("format", ""), schema.get("default") or "x" * schema.get("minLength", 1))
        return schema.get("default", schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1))

    def _named(self, name: str, schema: Schema) -> Any:
        if name not in self.given:
            return self._example(schema)
        return self._known(self.given[name], self._followed(schema))

    def _known(self, value: Any, schema: Schema) -> Any:
        """Leave out the fields that the old version does not know."""
        return {name: value[name] for name in value if name in schema["properties"]} if isinstance(value, dict) else value

    def misfits(self, value: Any) -> Iterator[str]:
        """Yield what the old version could not read."""
        yield from self._misfits(value, self.root, "")

    def _misfits(self, value: Any, schema: Schema, where: str) -> Iterator[str]:
        schema = self._followed(schema)
        if "anyOf" in schema:
            if all(list(self._misfits(value, part, where)) for part in schema["anyOf"]):
                yield f"{where}: fits none of several"
            return
        allowed = [schema["const"]] if "const" in schema else schema.get("enum")
        if allowed is not None and value not in allowed:
            yield f"{where}: is {value}, may be {allowed}"
        if "type" in schema and not isinstance(value, TYPES[schema["type"]]):
            yield f"{where}: is a {type(value).__name__}, may be {schema['type']}"
        elif isinstance(value, dict):
            yield from self._misfits_inside(value, schema, where)
        elif isinstance(value, list):
            for each in value:
                yield from self._misfits(each, schema.get("items", {}), f"{where}[]")

    def _misfits_inside(self, value: Mapping[str, Any], schema: Schema, where: str) -> Iterator[str]:
        for name, part in schema.get("properties", {}).items():
            if name in value:
                yield from self._misfits(value[name], part, f"{where}.{name}")
            elif name in schema.get("required", ()):
                yield f"{where}.{name}: is missing"

    def _followed(self, schema: Schema) -> Schema:
        return self.root["$defs"][schema["$ref"].removeprefix("#/$defs/")] if "$ref" in schema else schema
