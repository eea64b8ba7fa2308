"""Events as CloudEvents 1.0 writes them in JSON: what consumers outside are given."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from converto.kernel.event import Envelope
from converto.kernel.interface import Value

MEDIA_TYPE = "application/cloudevents+json"
BATCH_MEDIA_TYPE = "application/cloudevents-batch+json"


class CloudEvent(Value):
    """An event as CloudEvents 1.0 writes it; `tenantid` and `traceparent` are extensions."""

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: str = Field(description="The module that tells the event.")
    type: str
    time: datetime
    subject: str | None = Field(
        default=None, exclude_if=lambda subject: subject is None, description="What it is about; absent where the type names nothing."
    )
    datacontenttype: Literal["application/json"] = "application/json"
    dataschema: str = Field(description="The name of the shape of `data`; GET /events/types has it.")
    tenantid: UUID
    traceparent: str
    data: dict[str, Any]


def cloud_event(envelope: Envelope) -> CloudEvent:
    """Return an event as the world outside is given it."""
    return CloudEvent(
        id=envelope.id,
        source=envelope.source,
        type=envelope.type,
        time=envelope.time,
        subject=envelope.subject,
        dataschema=schema_name(envelope.type, envelope.version),
        tenantid=envelope.tenant_id,
        traceparent=envelope.trace_parent,
        data=envelope.data,
    )


def schema_name(event_type: str, version: int) -> str:
    """Return the name of the shape of an event."""
    return f"urn:converto:event:{event_type}:{version}"
