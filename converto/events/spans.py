"""The span of an event with whoever hears it."""

import time

from converto.kernel.event import Envelope
from converto.kernel.spans import Attributes, Kind, Span


def heard(envelope: Envelope, subscriber: str, *, trace_parent: str, start_ns: int, more: Attributes, failure: str | None) -> Span:
    """Return the span of an event that a subscriber took at a `time.time_ns()` and is done with now; `trace_parent` names it."""
    attributes: Attributes = {
        "messaging.system": "converto",
        "messaging.operation.name": "process",
        "messaging.destination.name": envelope.type,
        "messaging.destination.subscription.name": subscriber,
        "messaging.message.id": str(envelope.id),
        "converto.organization_id": str(envelope.tenant_id),
        **more,
    }
    return Span(subscriber, Kind.CONSUMER, trace_parent, envelope.trace_parent, start_ns, time.time_ns(), attributes, failure)
