"""The reference page: Swagger UI from this very process, so that it works without the internet and under a strict policy."""

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from converto.gateway.parameters import as_on_the_wire, with_parameters
from converto.kernel.access import OPERATORS, Access
from converto.kernel.errors import NotFound
from converto.kernel.interface import Value
from converto.kernel.web import PROBLEM_JSON

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
TOKEN = "HTTPBearer"  # noqa: S105 - a name
"""What the document calls the token of whoever is signed in."""
OPERATORS_TOKEN = "OperatorsBearer"  # noqa: S105 - a name
_ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Converto API</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="docs/swagger-ui.css"></head>
<body><div id="reference"></div><noscript>The reference as data: <a href="openapi.json">openapi.json</a></noscript>
<script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script></body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "openapi.json", dom_id: "#reference", deepLinking: true, displayRequestDuration: true, filter: true,
  docExpansion: "none", validatorUrl: null, persistAuthorization: false,
});
"""


class FieldError(Value):
    """One field that is wrong, by its JSON pointer."""

    pointer: str
    detail: str


class Problem(Value):
    """Any failure, as RFC 9457 writes it; `code` is for programs, `detail` for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: tuple[FieldError, ...] = ()


def install(app: FastAPI) -> None:
    """Serve the page and what it is made of, and complete the document that it shows."""
    app.router.routes += [
        Route("/docs", _page, methods=["GET"], include_in_schema=False),
        Route("/docs/{asset}", _asset, methods=["GET"], include_in_schema=False),
    ]
    describe = app.openapi

    @cache
    def complete() -> dict[str, Any]:
        entries = app.state.edge.routes.entries()
        document: dict[str, Any] = as_on_the_wire(describe())
        return with_parameters(_with_access(_with_problems(document), entries), entries)

    app.openapi = complete  # type: ignore[method-assign]


def _with_access(document: dict[str, Any], entries: Mapping[str, Access]) -> dict[str, Any]:
    """Return the document with what the access table says of each route."""
    schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes[TOKEN] = {"type": "http", "scheme": "bearer", "description": "The `access_token` of a sign-in, or an API key."}
    schemes[OPERATORS_TOKEN] = {"type": "http", "scheme": "bearer", "description": "The installation's own, `CONVERTO_METRICS_TOKEN`."}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            access = entries[f"{method.upper()} {path}"]
            operation.pop("security", None)
            operation["x-admission"] = access.admission.value
            if access.needs_actor:
                operation["security"] = [{TOKEN: []}]
                operation["x-scope"] = access.scope
            elif access.scope == OPERATORS:
                operation["security"] = [{}, {OPERATORS_TOKEN: []}]
    return document


def _with_problems(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with every failure told as what it is; FastAPI would tell of bodies that it never sends here."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    if "Problem" in schemas:
        return document
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs") | {"Problem": problem}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in document["paths"].values():
        for operation in operations.values():
            responses = operation["responses"]
            if "422" in responses:
                responses["422"]["content"] = content
            responses["default"] = {"description": "Any other failure", "content": content}
    return document


async def _page(_: Request) -> Response:
    return HTMLResponse(_PAGE, headers={"content-security-policy": POLICY})


async def _asset(request: Request) -> Response:
    name = request.path_params["asset"]
    if name == "start.js":
        return Response(_START, media_type="text/javascript")
    if name not in _ASSETS:
        raise NotFound
    return FileResponse(_folder() / name, media_type=_ASSETS[name], headers={"cache-control": "public, max-age=86400"})


def _folder() -> Path:
    """Return where the files of Swagger UI lie; the package that brings them is never run."""
    found = find_spec("fastapi_offline")
    if found is None or found.origin is None:
        raise NotFound
    return Path(found.origin).parent / "static"
