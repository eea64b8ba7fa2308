"""Every route of the OpenAPI document that takes a body, and bodies for it."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from converto.kernel.clock import new_id
from tests.acceptance.conftest import client_of, started
from tests.acceptance.people import register
from tests.gateway.conftest import settings_in
from tests.openapi.asking import UNLIMITED, models

LONGEST_LIST = 3
JSON, FORM = "application/json", "multipart/form-data"


@dataclass(frozen=True)
class Route:
    """A route that takes a body."""

    method: str
    path: str
    kinds: Sequence[str]
    shape: Mapping[str, Any]
    """The schema of its body."""


@asynccontextmanager
async def whole(folder: Path) -> AsyncIterator[tuple[FastAPI, httpx2.AsyncClient]]:
    """Run the whole product without limits on how often it is asked, and give a client of it."""
    with pytest.MonkeyPatch.context() as environment, models() as provider:
        for name, value in {**UNLIMITED, **provider}.items():
            environment.setenv(name, value)
        async with started(settings_in(folder)) as app, client_of(app) as client:
            yield app, client


def routes(app: FastAPI) -> Iterator[Route]:
    """Yield every route that takes a body."""
    document = app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            if content:
                kinds = list(content)
                yield Route(method.upper(), path, kinds, _resolved(content[kinds[0]]["schema"], document["components"]["schemas"]))


def _resolved(schema: Any, known: Mapping[str, Any]) -> Any:
    """Return a schema with every reference written out."""
    if isinstance(schema, list):
        return [_resolved(part, known) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _resolved(known[schema["$ref"].rpartition("/")[2]], known)
    return {key: _resolved(part, known) for key, part in schema.items()}


def filled(schema: Mapping[str, Any], text: str) -> Any:
    """Return a value of a schema's shape in which every text is the given one."""
    several = schema.get("anyOf") or schema.get("oneOf") or ()
    if several:
        return filled(several[0], text)
    kind = schema.get("type")
    if kind == "object":
        return {name: filled(part, text) for name, part in schema.get("properties", {}).items()} or {text: text}
    if kind == "array":
        return [filled(schema.get("items", {}), text)] * min(LONGEST_LIST, schema.get("maxItems", LONGEST_LIST))
    return {"integer": 1, "number": 0.5, "boolean": True}.get(str(kind), schema.get("const", text))


def address(route: Route) -> str:
    """Return a path of a route, for things that are not there."""
    parts = [str(new_id()) if part.startswith("{") else part for part in route.path.split("/")]
    return "/".join(parts)


class Sender:
    """Sends bodies in the name of somebody who is always signed in, and counts what comes back."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http
        self._token = ""
        self.statuses: Counter[int] = Counter()
        self.failed: list[str] = []

    async def raw(self, route: Route, name: str, body: bytes) -> None:
        """Send a body as it is, as whatever the route takes."""
        for kind in {JSON, *route.kinds}:
            sent = f"{kind}; boundary=b" if kind == FORM else kind
            await self._send(route, name, content=body, headers={"content-type": sent})

    async def text(self, route: Route, text: str) -> None:
        """Send a body of the right shape that says one thing everywhere."""
        if FORM in route.kinds:
            names = [name for name in route.shape.get("properties", {}) if name != "file"]
            name = text.encode("utf-8", "replace").decode()
            await self._send(route, repr(text[:40]), files={"file": (name, text.encode())}, data=dict.fromkeys(names, text))
        else:
            body = json.dumps(filled(route.shape, text)).encode()
            await self._send(route, repr(text[:40]), content=body, headers={"content-type": route.kinds[0]})

    async def _send(self, route: Route, name: str, *, headers: Mapping[str, str] | None = None, **given: Any) -> None:
        for _ in range(2):
            signed = {**(headers or {}), "authorization": f"Bearer {self._token}"}
            answer = await self._http.request(route.method, address(route), headers=signed, **given)
            if answer.status_code != 401 or answer.json()["code"] != "auth.invalid_token":
                break
            self._token = (await register(self._http)).signed_in["access_token"]
        self.statuses[answer.status_code] += 1
        if answer.status_code >= 500:
            self.failed.append(f"{route.method} {route.path} {name}: {answer.status_code} {answer.text[:200]}")
