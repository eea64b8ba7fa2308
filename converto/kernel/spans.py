"""Spans, as they are told of: see `tracing`."""

from collections.abc import Mapping
from enum import IntEnum

import msgspec

Attributes = Mapping[str, str | int | float | bool]


class Kind(IntEnum):
    """What a span is to whoever is on its other side; numbered as the standard numbers them."""

    INTERNAL = 0
    SERVER = 1
    CLIENT = 2
    PRODUCER = 3
    CONSUMER = 4


class Span(msgspec.Struct, frozen=True, gc=False):
    """Something that was done, from its start to its end."""

    name: str
    kind: Kind
    trace_parent: str
    """It itself, as those below it name it."""
    parent: str | None
    """The span that it lies below; None where the trace begins with it."""
    start_ns: int
    """Nanoseconds since 1970, as `time.time_ns()`."""
    end_ns: int
    attributes: Attributes = {}
    failure: str | None = None
    """What went wrong, where something broke; a refusal broke nothing."""
