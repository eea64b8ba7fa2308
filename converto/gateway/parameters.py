"""What the OpenAPI document says of what is sent: as it stands on the wire, and with what the edge takes itself."""

from collections.abc import Mapping
from typing import Any

from converto.gateway.layers.idempotency import LONGEST_KEY, BadIdempotencyKey, InProgress, KeyReused
from converto.gateway.strict_json import BadJson
from converto.kernel.access import Access
from converto.kernel.errors import Error
from converto.kernel.web import problems

IDEMPOTENCY_KEY: Mapping[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same request again under the same key is answered as the first time, for 24 hours, and done once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]([ -~]*[!-~])?$"},
}


def with_parameters(document: dict[str, Any], entries: Mapping[str, Access]) -> dict[str, Any]:
    """Return the document with each parameter as it can be sent; the routes that create something take an `Idempotency-Key`."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                _without_null(parameter["schema"])
            if any(kind.endswith("json") for kind in operation.get("requestBody", {}).get("content", ())):
                _may_answer(operation, BadJson)
            if entries[f"{method.upper()} {path}"].creates:
                _takes_a_key(operation)
    return document


def as_on_the_wire(schema: Any) -> Any:
    """Return a schema with what the routes ask for beyond it: `x-wire-format` and `x-wire-pattern` are no promise among modules."""
    if isinstance(schema, list):
        return [as_on_the_wire(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key.removeprefix("x-wire-"): as_on_the_wire(part) for key, part in schema.items()}


def _without_null(schema: dict[str, Any]) -> None:
    """Have nobody send null where nothing can be left out but the whole: on the wire it would be a word."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema |= kinds[0]


def _takes_a_key(operation: dict[str, Any]) -> None:
    others = [parameter for parameter in operation.get("parameters", ()) if parameter["name"].lower() != "idempotency-key"]
    operation["parameters"] = [*others, dict(IDEMPOTENCY_KEY)]
    _may_answer(operation, BadIdempotencyKey, InProgress, KeyReused)


def _may_answer(operation: dict[str, Any], *errors: type[Error]) -> None:
    """Add errors to the answers of a route: their codes beside those that its module names."""
    for status, told in problems(*errors).items():
        known = operation["responses"].setdefault(str(status), told | {"description": ""})
        codes = [known["description"]] if known["description"] else []
        known["description"] = ", ".join([*codes, told["description"]])
