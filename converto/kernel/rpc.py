"""Calls between processes: `POST {base}/internal/{module}/{operation}`, signed; streams are messages one after another."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx2
import structlog
from pydantic import BaseModel, SecretStr, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from converto.kernel.context import Context, current, new_trace_parent, sane_trace_parent, within
from converto.kernel.discovery import why
from converto.kernel.errors import Error, Internal, Invalid, NotFound, Unavailable, WireError, from_wire, to_wire
from converto.kernel.interface import Interface, Kind, Operation, operations
from converto.kernel.replicas import Replica, Replicas, RetryBudget
from converto.kernel.signature import DIGEST_HEADER, HEADER, BadSignature, Digest, sign, verify
from converto.kernel.tracing import TOLD_BY
from converto.kernel.wire import Incoming, Malformed, Message

log = structlog.get_logger()

CONTENT_TYPE = "application/vnd.converto.call"
TIMEOUT_HEADER = "x-converto-timeout-ms"
ATTEMPTS = 3
IN_LOOP_BYTES = 1024 * 1024
"""The digest of a longer body is made in a thread: of 20 MB it takes some 50 ms."""
_TICK_S = 0.1  # the event loop's clock may be this far behind the real one
_WHOLE_TIME = 0.9  # of what an operation may take


class UnknownOperation(NotFound):
    """The callee knows no such operation: it is older than its caller."""

    code = "rpc.unknown_operation"
    message = "The module {module} has no operation {operation} here."


class BadCall(Invalid):
    """The arguments do not fit the operation."""

    code = "rpc.bad_call"
    message = "The arguments do not fit {operation}: {reason}"


class _Call:
    """One call, ready to be sent to any replica, as often as it takes."""

    def __init__(self, path: str, message: Message) -> None:
        self.path = path
        self.message = message
        self.digest = Digest()

    async def prepared(self) -> "_Call":
        if self.message.length > IN_LOOP_BYTES:
            self.digest = await asyncio.to_thread(Digest, self.message.parts())
        else:
            self.digest = Digest(self.message.parts())
        return self

    def content(self) -> bytes | AsyncIterator[bytes]:
        return _one_by_one(self.message) if self.message.large else self.message.whole()


class HttpTransport:
    """Calls a module in another process, choosing among its replicas."""

    def __init__(
        self, replicas: Replicas, secrets: Sequence[SecretStr], client: httpx2.AsyncClient, *, companion: str | None = None
    ) -> None:
        self._replicas = replicas
        self._path = f"/internal/{route_name(replicas.module, companion)}/"
        self._secrets = secrets
        self._client = client
        self._budget = RetryBudget()

    async def call(self, operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make one call; a query may be tried again on another replica, a command only where no connection could be made."""
        call = await self._call(operation, args, kwargs)
        tried: list[Replica] = []
        self._budget.called()
        while True:
            replica = self._replicas.choose(but=tried)
            tried.append(replica)
            try:
                async with self._answer(replica, operation, call) as answer:
                    return _result(operation, answer, await _only(answer.aiter_raw()))
            except httpx2.TransportError as error:
                await self._before_next_try(operation, error, tried)

    async def stream(self, operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> AsyncIterator[Any]:
        """Make one call and yield its values; a stream that breaks off is Unavailable, never a quiet end."""
        call = await self._call(operation, args, kwargs)
        tried: list[Replica] = []
        self._budget.called()
        while True:
            replica = self._replicas.choose(but=tried)
            tried.append(replica)
            try:
                async with self._answer(replica, operation, call) as answer, aclosing(_values(operation, answer)) as values:
                    async for value in values:
                        yield value
            except httpx2.TransportError as error:
                await self._before_next_try(operation, error, tried)
            except _BrokenOff as error:
                raise Unavailable(module=self._replicas.module, retry_after_s=1) from error
            else:
                return

    async def _before_next_try(self, operation: Operation, error: httpx2.TransportError, tried: Sequence[Replica]) -> None:
        """Wait a little where another try may be made. Raises Unavailable where none may."""
        was_made = not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)
        if (was_made and operation.kind is not Kind.QUERY) or len(tried) >= ATTEMPTS or not self._budget.spend():
            raise Unavailable(module=self._replicas.module, retry_after_s=1) from error
        await asyncio.sleep(0.02 * 2 ** len(tried))

    async def _call(self, operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call:
        given = operation.signature.bind(*args, **kwargs).arguments
        packed = operation.arguments.model_construct(**given).model_dump(mode="python", include=set(given), warnings=False)
        return await _Call(self._path + operation.name, Message.of(packed)).prepared()

    def _headers(self, replica: Replica, call: _Call) -> dict[str, str]:
        context = current()
        left_s = context.remaining_s()
        return {
            "content-type": CONTENT_TYPE,
            "content-length": str(call.digest.length),
            DIGEST_HEADER: str(call.digest),
            HEADER: sign(self._secrets, call.path, call.digest),
            "x-request-id": context.request_id,
            "traceparent": context.trace_parent,
            **({} if left_s is None else {TIMEOUT_HEADER: str(int(left_s * 1000))}),
            **replica.headers,
        }

    @asynccontextmanager
    async def _answer(self, replica: Replica, operation: Operation, call: _Call) -> AsyncIterator[httpx2.Response]:
        """Send a call to one replica, note whether it answers, and give its answer, of which only the head has been read."""
        request = self._client.build_request(
            "POST", replica.base + call.path, content=call.content(), headers=self._headers(replica, call), extensions=replica.extensions
        )
        with replica.busy():
            try:
                async with aclosing(await self._send(request, replica, operation)) as answer:
                    if answer.headers.get("content-type") != CONTENT_TYPE:  # something between us answers, such as a proxy
                        msg = f"what answers there ({answer.status_code}) is none of our processes"
                        raise httpx2.RemoteProtocolError(msg, request=answer.request)
                    replica.answered()
                    yield answer
            except httpx2.TransportError as error:
                replica.failed(why(error))
                if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
                    self._replicas.missed.ring()
                raise

    async def _send(self, request: httpx2.Request, replica: Replica, operation: Operation) -> httpx2.Response:
        given_s = current().remaining_s()
        try:
            return await self._client.send(request, stream=True)
        except asyncio.CancelledError:
            left_s = current().remaining_s()
            has_run_out = left_s is not None and left_s < _TICK_S
            # who gave less than the operation's own time cannot tell a slow callee from a dead one
            if has_run_out and given_s is not None and given_s > _WHOLE_TIME * operation.timeout_s:
                replica.failed("it takes too long to answer")
            raise


async def _one_by_one(message: Message) -> AsyncIterator[bytes]:
    for piece in message.pieces():
        yield piece


async def _only(chunks: AsyncIterator[bytes]) -> Message:
    """Return the only message, and read to the end: a connection is used again only then. Raises Malformed."""
    incoming = Incoming(chunks)
    message = await incoming.message()
    if message is None or await incoming.message() is not None:
        raise Malformed
    return message


class _BrokenOff(Exception):
    """A stream has ended without saying so."""


async def _values(operation: Operation, answer: httpx2.Response) -> AsyncGenerator[Any]:
    if answer.status_code != 200:
        _result(operation, answer, await _only(answer.aiter_raw()))
    incoming = Incoming(answer.aiter_raw())
    while (message := await incoming.message()) is not None:
        kind, payload = message.value()
        if kind == "end":
            return
        if kind == "error":
            raise from_wire(WireError.model_validate(payload))
        yield operation.result.validate_python(payload)
    raise _BrokenOff


def _result(operation: Operation, answer: httpx2.Response, message: Message) -> Any:
    if answer.status_code != 200:
        raise from_wire(WireError.model_validate(message.value()))
    return operation.result.validate_python(message.value())


def route_name(module: str, companion: str | None = None) -> str:
    """Return what a module, or its companion of some name, is called in the path of a call."""
    return module if companion is None else f"{module}.{companion}"


def rpc_route(module: str, interface: type[Interface], bound: Callable[[], Interface], secrets: Sequence[SecretStr]) -> Route:
    """Return the internal route of a module hosted here; `bound` gives the local caller of its service."""
    known = operations(interface)

    async def endpoint(request: Request) -> Response:
        try:
            content = await _signed_content(request, secrets)
            operation = known.get(request.path_params["operation"])
            if operation is None:
                raise UnknownOperation(module=module, operation=request.path_params["operation"])
            arguments = _arguments(operation, content)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Error as error:
            # where the signature is bad the body lies unread
            return _answer(error.status, to_wire(error).model_dump(), then_close=isinstance(error, BadSignature))
        context = _context(request)
        if operation.kind is Kind.STREAM:
            return StreamingResponse(_answer_values(operation, bound(), arguments, context=context), media_type=CONTENT_TYPE)
        return await _answer_value(operation, bound, arguments, context=context)

    return Route(f"/internal/{module}/{{operation}}", endpoint, methods=["POST"], include_in_schema=False)


async def _signed_content(request: Request, secrets: Sequence[SecretStr]) -> Any:
    """Return what a call bears. Raises BadSignature, before the body is read where the headers are not signed; BadCall."""
    length, digest = request.headers.get("content-length", ""), request.headers.get(DIGEST_HEADER, "")
    verify(secrets, request.headers.get(HEADER, ""), request.scope["path"], length=length, digest=digest)
    found = Digest()

    async def chunks() -> AsyncIterator[bytes]:
        async for chunk in request.stream():
            found.add(chunk)
            if found.length > int(length):
                raise BadSignature
            yield chunk

    try:
        message = await _only(chunks())
        if str(found) != digest:
            raise BadSignature
        return message.value()
    except Malformed:
        raise BadCall(operation=request.path_params["operation"], reason="the body is no message") from None


def _context(request: Request) -> Context:
    headers = request.headers
    timeout = headers.get(TIMEOUT_HEADER, "")
    told_by = sane_trace_parent(headers.get("traceparent", "").encode("latin-1"))
    # behind an edge the request is a span of the trace already, and checked
    trace_parent = current().trace_parent if TOLD_BY in request.scope else new_trace_parent(told_by)
    return Context(
        request_id=headers.get("x-request-id", "") or Context().request_id,
        trace_parent=trace_parent,
        deadline=time.monotonic() + int(timeout) / 1000 if timeout.isdigit() else None,
    )


def _arguments(operation: Operation, content: Any) -> dict[str, Any]:
    try:
        model: BaseModel = operation.arguments.model_validate(content)
    except ValidationError as error:
        # never the values: a password may be among them
        reason = "; ".join(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}" for wrong in error.errors(include_input=False))
        raise BadCall(operation=operation.name, reason=reason) from None
    return {name: getattr(model, name) for name in operation.signature.parameters if name in model.model_fields_set}


def _answer(status: int, content: Any, *, then_close: bool = False) -> Response:
    message = Message.of(content)
    headers = {"content-length": str(message.length)} | ({"connection": "close"} if then_close else {})
    if message.large:
        return StreamingResponse(_one_by_one(message), status_code=status, headers=headers, media_type=CONTENT_TYPE)
    return Response(message.whole(), status_code=status, headers=headers, media_type=CONTENT_TYPE)


def _failure(error: Error) -> Response:
    return _answer(error.status, to_wire(error).model_dump())


async def _answer_value(operation: Operation, bound: Callable[[], Interface], arguments: dict[str, Any], *, context: Context) -> Response:
    try:
        with within(context):
            result = await getattr(bound(), operation.name)(**arguments)
        return _answer(200, operation.result.dump_python(result))
    except Error as error:
        return _failure(error)
    except Exception:
        log.exception("rpc.failed", operation=operation.name)
        return _failure(Internal())


async def _answer_values(operation: Operation, bound: Interface, arguments: dict[str, Any], *, context: Context) -> AsyncIterator[bytes]:
    end = object()
    async with aclosing(getattr(bound, operation.name)(**arguments)) as values:
        kind = "value"
        while kind == "value":
            try:
                with within(context):  # a generator's body runs in its consumer's context
                    value = await anext(values, end)
                kind = "end" if value is end else "value"
                message = Message.of([kind, None if value is end else operation.result.dump_python(value)])
            except Error as error:
                kind, message = "error", Message.of(["error", to_wire(error).model_dump()])
            except Exception:
                log.exception("rpc.failed", operation=operation.name)
                kind, message = "error", Message.of(["error", to_wire(Internal()).model_dump()])
            for piece in message.pieces():
                yield piece
