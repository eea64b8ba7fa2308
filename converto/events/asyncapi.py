"""The AsyncAPI 3 document: every stream and every event of an installation, made from the registry of events."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import converto
from converto.events.cloudevents import MEDIA_TYPE, schema_name
from converto.kernel.event import Event, module_of, stream_of

Document = dict[str, Any]
_ENVELOPE = ("id", "time", "tenant_id")
_EXTENSIONS = {
    "id": {"type": "string", "format": "uuid"},
    "time": {"type": "string", "format": "date-time"},
    "tenantid": {"type": "string", "format": "uuid", "description": "Whose event it is."},
    "traceparent": {"type": "string", "description": "W3C trace context of what told it."},
    "subject": {"type": "string", "description": "What it is about; absent where the type names nothing."},
}
_ABOUT = (
    "What the modules of Converto tell. A consumer outside hears a stream by a consumer group: POST /events/subscribe, then receive and "
    "acknowledge; or looks on by Server-Sent Events. Every message is a CloudEvent 1.0 in JSON, delivered at least once."
)


def document(events: Iterable[type[Event]]) -> Document:
    """Return the document."""
    known = sorted(events, key=lambda event: event.type)
    streams: dict[str, list[type[Event]]] = {}
    for event in known:
        streams.setdefault(stream_of(event.type), []).append(event)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Converto events", "version": converto.__version__, "description": _ABOUT},
        "defaultContentType": MEDIA_TYPE,
        "channels": {_plain(name): _channel(name, told) for name, told in streams.items()},
        "operations": {f"hear_{_plain(name)}": _operation(name) for name in streams},
        "components": {
            "messages": {event.type: _message(event) for event in known},
            "schemas": {event.type: data_schema(event) for event in known},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "An access token with `events:read`."}},
        },
    }


def says(event: type[Event]) -> str:
    """Return in one sentence what a kind of event says."""
    return inspect.cleandoc(event.__doc__ or event.type).partition("\n")[0]


def data_schema(event: type[Event]) -> dict[str, Any]:
    """Return the JSON Schema of the `data` of a kind of event, whole in itself: its definitions are put where they are used."""
    whole = event.model_json_schema(mode="serialization")
    definitions: Mapping[str, Any] = whole.pop("$defs", {})
    properties = {name: _inlined(part, definitions) for name, part in whole["properties"].items() if name not in _ENVELOPE}
    required = [name for name in whole.get("required", ()) if name not in _ENVELOPE]
    return {"type": "object", "properties": properties, "required": required}


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_inlined(part, definitions) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        beside = {key: part for key, part in schema.items() if key != "$ref"}
        return _inlined({**definitions[schema["$ref"].rpartition("/")[2]], **beside}, definitions)
    return {key: _inlined(part, definitions) for key, part in schema.items()}


def _plain(stream: str) -> str:
    return stream.replace(":", "_")


def _channel(name: str, told: Iterable[type[Event]]) -> Document:
    module = name.partition(":")[2]
    return {
        "address": name,
        "title": name,
        "description": f"What the module {module} tells.",
        "messages": {event.type: {"$ref": f"#/components/messages/{event.type}"} for event in told},
    }


def _operation(name: str) -> Document:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{_plain(name)}"},
        "summary": f"Converto tells the events of {name}.",
        "security": [{"$ref": "#/components/securitySchemes/bearer"}],
    }


def _message(event: type[Event]) -> Document:
    names = ("specversion", "id", "source", "type", "time", "datacontenttype", "dataschema", "tenantid", "traceparent", "data")
    fixed = {
        "specversion": "1.0",
        "source": module_of(event.type),
        "type": event.type,
        "datacontenttype": "application/json",
        "dataschema": schema_name(event.type, event.version),
    }
    properties = {name: {"type": "string", "const": value} for name, value in fixed.items()} | _EXTENSIONS
    return {
        "name": event.type,
        "title": event.type,
        "summary": says(event),
        "contentType": MEDIA_TYPE,
        "payload": {
            "type": "object",
            "required": list(names),
            "properties": properties | {"data": {"$ref": f"#/components/schemas/{event.type}"}},
        },
    }
