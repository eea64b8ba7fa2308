"""Binding: turning an interface into something to call, with the same guards wherever the module lives.

ocr = bind(Ocr, LocalTransport(service))            # in this process
ocr = bind(Ocr, HttpTransport(replicas, ...))       # in another one
"""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import structlog

from converto.kernel.context import current, within
from converto.kernel.errors import Error, Internal, TimedOut
from converto.kernel.interface import Interface, Kind, Operation, operations

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


def bind(interface: type[Asked], transport: Transport) -> Asked:
    """Return a caller of the interface. Every failure it raises is an `Error`."""
    methods = {op.name: _method(interface, op, transport) for op in operations(interface).values()}
    proxy = type(f"{interface.__name__}Proxy", (interface,), methods)
    bound: Asked = proxy()
    return bound


def _method(interface: type[Interface], operation: Operation, transport: Transport) -> Callable[..., Any]:
    label = f"{interface.__name__}.{operation.name}"

    async def call(_: Any, *args: Any, **kwargs: Any) -> Any:
        with _guarded(label, operation) as remaining_s:
            async with asyncio.timeout(remaining_s):
                return await transport.call(operation, args, kwargs)

    async def stream(_: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        # A generator's body runs in its consumer's context, so the guard is entered anew for every value.
        values = transport.stream(operation, args, kwargs)
        end = object()
        deadline = time.monotonic() + operation.timeout_s
        try:
            while True:
                with _guarded(label, operation) as remaining_s:
                    async with asyncio.timeout(min(remaining_s, max(0.0, deadline - time.monotonic()))):
                        value = await anext(values, end)
                if value is end:
                    return
                yield value
        finally:
            if isinstance(values, AsyncGenerator):
                await values.aclose()  # a reader who leaves early lets the callee go at once

    method = stream if operation.kind is Kind.STREAM else call
    method.__name__, method.__qualname__ = operation.name, label
    return method


@contextmanager
def _guarded(label: str, operation: Operation) -> Iterator[float]:
    """Enter one call: its deadline, the refusal inside a transaction, and errors as callers know them."""
    context = current()
    if context.in_transaction:
        msg = f"{label} was called inside a transaction"
        raise CalledInTransaction(msg)
    left_s = context.remaining_s()
    timeout_s = operation.timeout_s if left_s is None else min(operation.timeout_s, left_s)
    try:
        with within(context, deadline=time.monotonic() + timeout_s):
            yield timeout_s
    except Error:
        raise
    except TimeoutError as error:
        raise TimedOut(operation=label, timeout_s=round(timeout_s, 3)) from error
    except Exception as error:
        log.exception("interface.failed", operation=label)
        raise Internal from error
