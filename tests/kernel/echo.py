"""A little module that says back what it is told, and a process that hosts it, as the kernel's tests need them."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from converto.kernel.binding import LocalTransport, bind
from converto.kernel.context import current
from converto.kernel.database import Database
from converto.kernel.errors import Conflict, NotFound
from converto.kernel.interface import Interface, Value, command, query, stream
from converto.kernel.money import Money
from converto.kernel.rpc import rpc_route

SECRET = SecretStr("the secret of the kernel's own tests")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Stamp(Value):
    moment: datetime
    day: date
    clock: time
    lasting: timedelta


class Parcel(Value):
    """One field of every sort that travels."""

    id: UUID
    content: bytes
    price: Money
    rate: Decimal
    colour: Colour
    stamps: tuple[Stamp, ...]
    labels: frozenset[str]
    weights: dict[str, Decimal]
    password: SecretStr
    note: str | None = None


class Seen(Value):
    """What the callee knows of the request."""

    request_id: str
    trace_id: str
    span_id: str
    remaining_s: float


class NoParcel(NotFound):
    code = "echo.no_parcel"
    message = "There is no parcel {parcel_id}."


class Echo(Interface, Protocol):
    @query
    async def back(self, parcel: Parcel, *, note: str = "as sent") -> Parcel: ...

    @query
    async def missing(self, parcel_id: UUID) -> None: ...

    @query
    async def newer_error(self) -> None: ...

    @query
    async def crash(self) -> None: ...

    @query
    async def seen(self) -> Seen: ...

    @query(timeout_s=0.1)
    async def patient(self) -> None: ...

    @query
    async def look(self) -> int: ...

    @command
    async def note(self, text: str) -> int: ...

    @query
    async def relayed(self) -> int: ...

    @query
    async def unspeakable(self) -> int: ...

    @query
    async def swallow(self, content: bytes) -> int: ...

    @query
    async def give(self, size: int) -> bytes: ...

    @query(timeout_s=5)
    async def slow(self) -> None: ...

    @query
    async def through(self, *, hops: int) -> tuple[Seen, ...]: ...

    @stream
    def pages(self, number: int, *, size: int) -> AsyncIterator[bytes]: ...

    @stream
    def count(self, upto: int, *, then: str = "end") -> AsyncIterator[int]: ...


ECHO: type[Echo] = Echo  # type: ignore[type-abstract]
"""The interface to hand over: the type checker takes a protocol for abstract where a class is wanted."""


class EchoService(Echo):
    """Counts its calls; those that hold are let go by `go_on`."""

    def __init__(self, database: Database | None = None) -> None:
        self.calls: Counter[str] = Counter()
        self.holds = False
        self.entered, self.go_on, self.left = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.database = database
        self.next: Echo | None = None
        """Whom to ask for the rest of the way."""

    async def _hold(self) -> None:
        self.entered.set()
        if self.holds:
            try:
                await self.go_on.wait()
            finally:
                self.left.set()

    async def back(self, parcel: Parcel, *, note: str = "as sent") -> Parcel:
        self.calls["back"] += 1
        return parcel.model_copy(update={"note": note})

    async def missing(self, parcel_id: UUID) -> None:
        raise NoParcel(parcel_id=parcel_id, shelves=(1, 2))

    async def newer_error(self) -> None:
        error = Conflict(shelf=3)
        error.code, error.args = "echo.of_next_year", ("The shelf is full.",)
        raise error

    async def crash(self) -> None:
        msg = "the password is hunter2"
        raise LookupError(msg)

    async def seen(self) -> Seen:
        context = current()
        span_id = context.trace_parent.split("-")[2]
        return Seen(request_id=context.request_id, trace_id=context.trace_id, span_id=span_id, remaining_s=context.remaining_s() or -1)

    async def patient(self) -> None:
        await asyncio.Event().wait()

    async def look(self) -> int:
        self.calls["look"] += 1
        await self._hold()
        return self.calls["look"]

    async def note(self, text: str) -> int:
        self.calls[text] += 1
        await self._hold()
        return self.calls[text]

    async def relayed(self) -> int:
        assert self.database is not None
        async with self.database.reading():
            return await bind(ECHO, LocalTransport(self)).look()

    async def unspeakable(self) -> int:
        return 2**80

    async def swallow(self, content: bytes) -> int:
        return len(content)

    async def give(self, size: int) -> bytes:
        return bytes(size)

    async def slow(self) -> None:
        await asyncio.Event().wait()

    async def through(self, *, hops: int) -> tuple[Seen, ...]:
        here = await self.seen()
        if not hops:
            return (here,)
        assert self.next is not None
        return (here, *await self.next.through(hops=hops - 1))

    async def pages(self, number: int, *, size: int) -> AsyncIterator[bytes]:
        for each in range(number):
            yield bytes([each % 256]) * size

    async def count(self, upto: int, *, then: str = "end") -> AsyncIterator[int]:
        try:
            for number in range(1, upto + 1):
                yield number
            if then == "error":
                raise NoParcel(parcel_id="that was counted")
            if then == "hold":
                self.entered.set()
                await self.go_on.wait()
        finally:
            self.left.set()


class Process:
    """A server of its own on loopback, that can be stopped, killed and started again on the same port."""

    def __init__(self, *routes: BaseRoute, host: str = "127.0.0.1", port: int = 0) -> None:
        self._app = Starlette(routes=routes)
        self._host = host
        with socket.socket() as probe:
            probe.bind((host, port))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://{host}:{self.port}"
        self.asked: list[dict[str, str]] = []
        """The headers of every request."""
        self._server: uvicorn.Server | None = None

    @classmethod
    def of(cls, service: Echo, *secrets: SecretStr, host: str = "127.0.0.1", port: int = 0) -> "Process":
        """Return a process that hosts the module."""
        route = rpc_route("echo", ECHO, lambda: bind(ECHO, LocalTransport(service)), secrets or (SECRET,))
        return cls(route, host=host, port=port)

    async def _noting(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await self._app(scope, receive, send)

    async def start(self) -> None:
        """Return once it listens."""
        config = uvicorn.Config(
            self._noting, host=self._host, port=self.port, interface="asgi3", log_config=None, lifespan="off", access_log=False
        )
        config.load()
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup()

    async def kill(self) -> None:
        """Cut every connection, answered or not, and listen no more."""
        server, self._server = self._server, None
        if server is None:
            return
        for listening in server.servers:
            listening.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        for task in list(server.server_state.tasks):
            task.cancel()
        await asyncio.gather(*server.server_state.tasks, return_exceptions=True)
