"""Requests made from the OpenAPI document: every route with the ids of somebody who is not the one that asks."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.isolation.town import picture

_numbers = count(1)
PASSWORD = "neljä harmaata laivaa 57"
GIVEN: Mapping[str, Any] = {
    "scopes": ["ocr:read"],
    "event_type": "ocr.completed",
    "source_service": "ocr",
    "stream_names": ["stream:ocr"],
    "event_types": None,
    "start": "earliest",
    "role": "viewer",
    "language": "fi",
    "url": "https://hooks.example.com/other",
    "business_id": None,
    "networks": [],
    "from": "2026-01-01T00:00:00Z",
    "to": "2026-12-31T00:00:00Z",
}
"""What fits where a schema alone does not say it."""


@dataclass(frozen=True)
class Operation:
    """One route as the OpenAPI document has it."""

    method: str
    path: str
    described: Mapping[str, Any]
    schemas: Mapping[str, Any]

    @property
    def name(self) -> str:
        """How it is spoken of."""
        return f"{self.method} {self.path}"

    @property
    def scope(self) -> str | None:
        """The scope that it needs, if any."""
        return self.described.get("x-scope")

    def parameters(self, where: str) -> list[str]:
        """Return the names of its parameters in the path, the query or the header."""
        return [one["name"] for one in self.described.get("parameters", []) if one["in"] == where]

    def url(self, things: Mapping[str, str]) -> str:
        """Return its path with these ids. Raises KeyError for a parameter that there is none for."""
        return self.path.format_map({name: things[name] for name in self.parameters("path")})

    def query(self, things: Mapping[str, str]) -> dict[str, str]:
        """Return what its query, and some that it does not know, can say of whose things are wanted."""
        told = {name: things[name] for name in ("tenant_id", "user_id", "company_id")}
        return told | {name: things[name] for name in self.parameters("query") if name in things}

    @property
    def takes_json(self) -> bool:
        """Whether it takes a body of JSON."""
        return "application/json" in self._content

    @property
    def _content(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.described.get("requestBody", {}).get("content", {})
        return found

    def body(self, things: Mapping[str, str], **more: Any) -> dict[str, Any]:
        """Return the arguments of a request with a body that fits, with these ids in it."""
        if "multipart/form-data" in self._content:
            return {"files": {"file": ("a.png", picture())}, "data": more}
        if not self.takes_json:
            return {}
        made = self._example(self._content["application/json"]["schema"], "", things)
        return {"json": made | more if isinstance(made, dict) else made}

    def _example(self, schema: Mapping[str, Any], name: str, things: Mapping[str, str]) -> Any:
        if "$ref" in schema:
            return self._example(self.schemas[schema["$ref"].rpartition("/")[2]], name, things)
        given: dict[str, Any] = {
            **GIVEN,
            "receipts": [things.get("receipt", "none")],
            "data": {"scan_id": things["scan_id"], "kind": "receipt", "pages": 1, "vendor": None, "total": None},
        }
        if name in given:
            return given[name]
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            return self._example(next(one for one in options if one.get("type") != "null"), name, things)
        if "properties" in schema:
            return {key: self._example(one, key, things) for key, one in schema["properties"].items()}
        return _plain(schema, name, things, item=lambda one: self._example(one, "", things))


def _plain(schema: Mapping[str, Any], name: str, things: Mapping[str, str], *, item: Any) -> Any:
    kind = schema.get("format") or schema.get("type")
    made: Mapping[Any, Any] = {
        "uuid": lambda: things.get(name, things["tenant_id"]),
        "email": lambda: f"somebody{next(_numbers)}@example.org",
        "password": lambda: PASSWORD,
        "date-time": lambda: "2026-12-31T00:00:00Z",
        "date": lambda: "2026-12-31",
        "integer": lambda: int(schema.get("minimum", 1)),
        "number": lambda: schema.get("minimum", 1),
        "boolean": lambda: False,
        "array": lambda: [item(schema["items"])] if schema.get("minItems") else [],
        "object": dict,
    }
    if "enum" in schema or "const" in schema:
        return schema.get("const") or schema["enum"][0]
    return made.get(kind, lambda: ("a made up text, as long as it need be" * 3)[: schema.get("maxLength", 40)])()


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Yield every route of an OpenAPI document: what only looks first, and what is removed last, the innermost before the outer."""
    order = {"get": 0, "patch": 1, "put": 1, "post": 2, "delete": 3}
    found = [(method, path, one) for path, ways in document["paths"].items() for method, one in ways.items()]
    for method, path, one in sorted(found, key=lambda each: (order[each[0]], -len(each[1]))):
        yield Operation(method.upper(), path, json.loads(json.dumps(one)), document.get("components", {}).get("schemas", {}))
