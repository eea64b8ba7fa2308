"""Traces: spans of what is done, told to a collector where the settings name one; without it a span costs a look at a variable.

A span is what the context's `traceparent` names: the logs, calls of other processes and events bear it whether or not anybody collects.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Token
from types import TracebackType
from typing import ClassVar, Protocol, Self

import msgspec

from converto.kernel import context as request
from converto.kernel.config import CannotStart, Settings
from converto.kernel.context import Context, Sampling, enter, is_sampled, leave, new_trace_parent
from converto.kernel.errors import Error
from converto.kernel.spans import Attributes, Kind, Span

TOLD_BY = "converto.told_by"
"""In the scope of a request: the `traceparent` that it came with, if that is one."""
_BROKEN = 500


class Sink(Protocol):
    """What takes spans."""

    def take(self, span: Span) -> None:
        """Take a span that has ended; never blocks."""
        ...


class _Process:
    """Whom this process tells of spans: one for all of it, as with its log."""

    sink: ClassVar[Sink | None] = None


def tell(span: Span) -> None:
    """Have a span collected, if its trace is one of those that are."""
    if _Process.sink is not None and is_sampled(span.trace_parent):
        _Process.sink.take(span)


def is_told() -> bool:
    """Tell whether anybody collects: for those who would have to put together what they tell of."""
    return _Process.sink is not None


class spanning:  # noqa: N801 - reads as the block that it opens
    """Run a block as a span of its own below the one in force; where nobody collects it runs as it is."""

    __slots__ = ("_attributes", "_begun", "_kind", "_name", "_token")

    def __init__(self, name: str, attributes: Attributes | None = None, *, kind: Kind = Kind.INTERNAL) -> None:
        self._name = name
        self._attributes = attributes
        self._kind = kind
        self._begun: Begun | None = None
        self._token: Token[Context | None] | None = None

    def __enter__(self) -> Self:
        begun = begin(self._name, self._attributes, kind=self._kind)
        if begun is not None:
            self._begun = begun
            self._token = enter(msgspec.structs.replace(request.current(), trace_parent=begun.trace_parent))
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if self._begun is not None and self._token is not None:
            leave(self._token)
            self._begun.end(error)


class Begun:
    """A span that goes on, for whoever cannot hold it as a block."""

    __slots__ = ("_attributes", "_kind", "_name", "_parent", "_start_ns", "trace_parent")

    def __init__(self, name: str, kind: Kind, attributes: Attributes, *, parent: str | None) -> None:
        self._name = name
        self._kind = kind
        self._attributes = attributes
        self._parent = parent
        self._start_ns = time.time_ns()
        self.trace_parent = new_trace_parent(parent)

    def end(self, error: BaseException | None = None) -> None:
        """Tell of it, with the error that ended it."""
        attributes, failure = self._attributes, None
        if error is not None:
            what = what_failed(error)
            attributes = {**attributes, "error.type": what}
            failure = what if not isinstance(error, Error) or error.status >= _BROKEN else None
        tell(Span(self._name, self._kind, self.trace_parent, self._parent, self._start_ns, time.time_ns(), attributes, failure))


def begin(name: str, attributes: Attributes | None = None, *, kind: Kind = Kind.INTERNAL) -> Begun | None:
    """Return a span below the one in force, or of a trace that begins with it; None where nobody collects it."""
    if _Process.sink is None:
        return None
    here = request._current.get()  # noqa: SLF001 - a fresh context would invent a parent
    parent = None if here is None else here.trace_parent
    if parent is not None and not is_sampled(parent):
        return None
    return Begun(name, kind, attributes or {}, parent=parent)


def tell_step(name: str, start_ns: int, attributes: Attributes) -> None:
    """Tell of a step that began at a `time.time_ns()`, lies below the span in force and ends now."""
    here = request._current.get()  # noqa: SLF001 - the same
    if _Process.sink is not None and here is not None:
        own = new_trace_parent(here.trace_parent)
        tell(Span(name, Kind.INTERNAL, own, here.trace_parent, start_ns, time.time_ns(), attributes))


def what_failed(error: BaseException) -> str:
    """Return the code of an error of ours, or the class of another: never its words, which may tell of persons."""
    return error.code if isinstance(error, Error) else type(error).__name__


@asynccontextmanager
async def traced(settings: Settings) -> AsyncIterator[None]:
    """Have the spans of this process collected while the block runs, where the settings name a collector. Raises CannotStart."""
    if settings.otlp_endpoint is None:
        yield
        return
    try:
        from converto.kernel.otlp import Collector  # noqa: PLC0415 - an extra, and 20 MB
    except ImportError as error:
        msg = "Traces are sent by OpenTelemetry: install converto[otel], or unset CONVERTO_OTLP_ENDPOINT."
        raise CannotStart(msg) from error
    collector = Collector(settings)
    _Process.sink, Sampling.share = collector, settings.otlp_share
    try:
        yield
    finally:
        _Process.sink, Sampling.share = None, 1.0
        await collector.close()
