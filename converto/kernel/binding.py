"""Binding: turning an interface into something to call, with the same guards wherever the module lives.

ocr = bind(Ocr, LocalTransport(service))            # in this process
ocr = bind(Ocr, HttpTransport(replicas, ...))       # in another one
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar
from uuid import UUID

import structlog

from converto.kernel.actor import Actor
from converto.kernel.context import current, within
from converto.kernel.errors import Error, Internal, TimedOut
from converto.kernel.interface import Interface, Kind, Operation, operations
from converto.kernel.spans import Kind as SpanKind
from converto.kernel.tracing import begin, spanning

Asked = TypeVar("Asked", bound=Interface)
log = structlog.get_logger()


class Transport(Protocol):
    """How a call reaches the service."""

    async def call(self, operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make one call and return its result."""
        ...

    def stream(self, operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> AsyncIterator[Any]:
        """Make one call and yield what it yields."""
        ...


class LocalTransport:
    """Calls a service of this process."""

    def __init__(self, service: Interface) -> None:
        self._service = service

    async def call(self, operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the method of the service."""
        return await getattr(self._service, operation.name)(*args, **kwargs)

    def stream(self, operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> AsyncIterator[Any]:
        """Call the generator of the service."""
        values: AsyncIterator[Any] = getattr(self._service, operation.name)(*args, **kwargs)
        return values


class CalledInTransaction(RuntimeError):
    """A defect: another module was called while a transaction was open, which would hold locks across a network."""


def bind(interface: type[Asked], transport: Transport, *, timeout_s: float | None = None) -> Asked:
    """Return a caller of the interface, none of whose calls takes longer than `timeout_s`. Every failure it raises is an `Error`."""
    known = [operation.within(timeout_s) for operation in operations(interface).values()]
    methods = {operation.name: _method(interface, operation, transport) for operation in known}
    proxy = type(f"{interface.__name__}Proxy", (interface,), methods)
    bound: Asked = proxy()
    return bound


def _method(interface: type[Interface], operation: Operation, transport: Transport) -> Callable[..., Any]:
    label, tenant_of = f"{interface.__name__}.{operation.name}", _tenant_of(operation)
    kind = SpanKind.INTERNAL if isinstance(transport, LocalTransport) else SpanKind.CLIENT
    attributes = {"rpc.system.name": "converto", "rpc.method": label}

    async def call(_: Any, *args: Any, **kwargs: Any) -> Any:
        with spanning(label, attributes, kind=kind), _guarded(label, operation, tenant_id=tenant_of(args, kwargs)) as remaining_s:
            async with asyncio.timeout(remaining_s):
                return await transport.call(operation, args, kwargs)

    async def stream(_: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        # A generator's body runs in its consumer's context, so the guard is entered anew for every value.
        values, tenant_id = transport.stream(operation, args, kwargs), tenant_of(args, kwargs)
        end = object()
        deadline = time.monotonic() + operation.timeout_s
        begun, failed = begin(label, attributes, kind=kind), list[BaseException]()
        span = {} if begun is None else {"trace_parent": begun.trace_parent}
        try:
            while True:
                with _guarded(label, operation, tenant_id=tenant_id, **span) as remaining_s:
                    async with asyncio.timeout(min(remaining_s, max(0.0, deadline - time.monotonic()))):
                        value = await anext(values, end)
                if value is end:
                    return
                yield value
        except BaseException as error:
            failed.append(error)
            raise
        finally:
            if begun is not None:
                begun.end(*failed)
            if isinstance(values, AsyncGenerator):
                await values.aclose()  # a reader who leaves early lets the callee go at once

    method = stream if operation.kind is Kind.STREAM else call
    method.__name__, method.__qualname__ = operation.name, label
    return method


def _tenant_of(operation: Operation) -> Callable[[tuple[Any, ...], dict[str, Any]], UUID | None]:
    """Return what finds the tenant that a call works for: its actor's, or none where it has no actor."""
    first = next(iter(operation.signature.parameters.values()), None)
    if first is None or first.annotation is not Actor:
        return lambda _, __: None
    name = first.name

    def tenant_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> UUID | None:
        return getattr(args[0] if args else kwargs.get(name), "tenant_id", None)  # whether it is an actor is checked by the callee

    return tenant_of


@contextmanager
def _guarded(label: str, operation: Operation, *, tenant_id: UUID | None, **changes: str) -> Iterator[float]:
    """Enter one call: its deadline and tenant, the refusal inside a transaction, and errors as callers know them."""
    context = current()
    if context.in_transaction:
        msg = f"{label} was called inside a transaction"
        raise CalledInTransaction(msg)
    left_s = context.remaining_s()
    timeout_s = operation.timeout_s if left_s is None else min(operation.timeout_s, left_s)
    try:
        with within(context, deadline=time.monotonic() + timeout_s, tenant_id=tenant_id, **changes):
            yield timeout_s
    except Error:
        raise
    except TimeoutError as error:
        raise TimedOut(operation=label, timeout_s=round(timeout_s, 3)) from error
    except Exception as error:
        log.exception("interface.failed", operation=label)
        raise Internal from error
