"""What is known of the request being served: one ContextVar, carried through calls, jobs and events."""

import random
import re
import time
from contextvars import ContextVar, Token
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from converto.kernel.clock import new_id

_TRACE_PARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_SAMPLED = "13579bdf"  # the lowest bit of the flags, whatever a later version says by the others


class Sampling:
    """Which of the traces that begin in this process are collected; one that began elsewhere stays as it was decided there."""

    share: ClassVar[float] = 1.0


def new_trace_parent(parent: str | None = None) -> str:
    """Return a W3C `traceparent` for a new span: below the given one, or of a new trace."""
    # such an id is unlike any other, not secret: the system's randomness would cost a system call for each
    digits = f"{random.getrandbits(128):032x}"
    if parent:
        return f"00-{parent[3:35]}-{digits[16:]}-{'01' if parent[54] in _SAMPLED else '00'}"
    return f"00-{digits}-{digits[16:]}-{'01' if Sampling.share >= 1 or int(digits[16:], 16) < Sampling.share * 2**64 else '00'}"


def sane_trace_parent(given: bytes) -> str | None:
    """Return a W3C `traceparent` if it is one; a later version than ours may say more than ours."""
    matched = _TRACE_PARENT.fullmatch(given)
    if matched is None or (matched[1] == b"00" and matched[2]):
        return None
    return given.decode("latin-1")


def is_sampled(trace_parent: str) -> bool:
    """Tell whether the trace is one of those that are collected."""
    return trace_parent[54] in _SAMPLED


class Context(msgspec.Struct, frozen=True, gc=False):
    """One request, job or command: who asked is the Actor's affair, this is everything else.

    A struct, for every request makes one and every call a changed copy: as a dataclass each would cost ten times as much.
    """

    request_id: str = msgspec.field(default_factory=lambda: str(new_id()))
    trace_parent: str = msgspec.field(default_factory=new_trace_parent)
    deadline: float | None = None
    """The `time.monotonic()` after which nobody waits for the answer."""
    in_transaction: bool = False
    tenant_id: UUID | None = None
    """For which tenant the operation or handler in force works: a transaction sees the rows of no other (see `Database`)."""

    @property
    def trace_id(self) -> str:
        """The trace that this belongs to, 32 hexadecimal digits."""
        return self.trace_parent[3:35]

    def remaining_s(self) -> float | None:
        """Return the seconds left, never below zero, or None where nobody set a deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())


_current: ContextVar[Context | None] = ContextVar("converto_context", default=None)


def current() -> Context:
    """Return the context in force; outside any request a fresh one."""
    context = _current.get()
    return Context() if context is None else context


def enter(context: Context) -> "Token[Context | None]":
    """Put a context in force until `leave`, in the same task: what `within` does, for the one place that every request passes."""
    return _current.set(context)


def leave(entered: "Token[Context | None]") -> None:
    """Put the context in force that was before."""
    _current.reset(entered)


class within:  # noqa: N801 - reads as the block that it opens
    """Run a block in the given context (default: the current one) with some of its fields changed.

    A class, for every request and call enters one: a generator would cost several times as much.
    """

    __slots__ = ("_context", "_token")

    def __init__(self, context: Context | None = None, **changes: Any) -> None:
        base = current() if context is None else context
        self._context = msgspec.structs.replace(base, **changes) if changes else base

    def __enter__(self) -> Context:
        self._token = _current.set(self._context)
        return self._context

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
