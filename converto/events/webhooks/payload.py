"""The body of a delivery: one JSON object that is a Standard Webhooks payload and a CloudEvent at once."""

import json
from uuid import UUID

import orjson

from converto.events.cloudevents import cloud_event
from converto.kernel.clock import new_id, now
from converto.kernel.context import current
from converto.kernel.event import Envelope

TEST_TYPE = "webhook.test"
"""The type of what is sent to try an endpoint out; no module tells it, and no endpoint has to ask for it."""


def body(envelope: Envelope) -> str:
    """Return what is posted: a CloudEvent 1.0, and the `timestamp` that Standard Webhooks asks for beside `type` and `data`."""
    event = cloud_event(envelope).model_dump(mode="json")
    event["timestamp"] = event["time"]
    try:
        return orjson.dumps(event).decode()
    except (
        orjson.JSONEncodeError
    ):  # half a surrogate pair, or an integer beyond 64 bits: what no event should hold must not stop the others
        return json.dumps(event)


def trial(tenant_id: UUID, webhook_id: UUID) -> Envelope:
    """Return what is sent to try an endpoint out."""
    return Envelope(
        id=new_id(),
        type=TEST_TYPE,
        source="webhooks",
        tenant_id=tenant_id,
        time=now(),
        trace_parent=current().trace_parent,
        data={"webhook_id": str(webhook_id), "message": "This endpoint was reached; now verify the signature."},
    )
