"""Calls between processes: `POST {base}/internal/{module}/{operation}`, msgpack bodies, signed; streams are frames one after another."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import httpx2
import msgspec
import structlog
from pydantic import BaseModel, SecretStr, ValidationError
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from converto.kernel.context import Context, current, new_trace_parent, within
from converto.kernel.errors import Error, Internal, Invalid, NotFound, Unavailable, WireError, from_wire, to_wire
from converto.kernel.interface import Interface, Kind, Operation, operations
from converto.kernel.replicas import Replica, Replicas, RetryBudget
from converto.kernel.signature import HEADER, sign, verify

log = structlog.get_logger()

CONTENT_TYPE = "application/msgpack"
TIMEOUT_HEADER = "x-converto-timeout-ms"
ATTEMPTS = 3
_LENGTH = struct.Struct(">I")
_TICK_S = 0.1  # the event loop's clock may be this far behind the real one
_encoder = msgspec.msgpack.Encoder(enc_hook=lambda secret: secret.get_secret_value())
_decoder = msgspec.msgpack.Decoder()


class UnknownOperation(NotFound):
    """The callee knows no such operation: it is older than its caller."""

    code = "rpc.unknown_operation"
    message = "The module {module} has no operation {operation} here."


class BadCall(Invalid):
    """The arguments do not fit the operation."""

    code = "rpc.bad_call"
    message = "The arguments do not fit {operation}: {reason}"


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
        """Make one call; a query may be retried on another replica, a command only where the connection was refused."""
        path, body = self._request(operation, args, kwargs)
        tried: list[Replica] = []
        self._budget.called()
        while True:
            replica = self._replicas.choose(but=tried)
            tried.append(replica)
            try:
                return self._result(operation, await self._post(replica, path, body))
            except httpx2.TransportError as error:
                again = operation.kind is Kind.QUERY or isinstance(error, httpx2.ConnectError)
                if not again or len(tried) >= ATTEMPTS or not self._budget.spend():
                    raise Unavailable(module=self._replicas.module, retry_after_s=1) from error
            await asyncio.sleep(0.02 * 2 ** len(tried))

    async def stream(self, operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> AsyncIterator[Any]:
        """Make one call and yield its frames; a stream that breaks off is Unavailable, never a quiet end."""
        path, body = self._request(operation, args, kwargs)
        replica = self._replicas.choose()
        with replica.busy():
            try:
                async with self._client.stream("POST", replica.url + path, content=body, headers=self._headers(path, body)) as answer:
                    replica.answered()
                    if answer.status_code != 200:
                        await answer.aread()
                        self._result(operation, answer)
                    async for kind, payload in _frames(answer.aiter_bytes()):
                        if kind == "end":
                            return
                        if kind == "error":
                            raise from_wire(WireError.model_validate(payload))
                        yield operation.result.validate_python(payload)
            except httpx2.TransportError as error:
                replica.failed()
                raise Unavailable(module=self._replicas.module, retry_after_s=1) from error
        raise Unavailable(module=self._replicas.module, retry_after_s=1)

    def _request(self, operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, bytes]:
        given = operation.signature.bind(*args, **kwargs).arguments
        packed = operation.arguments.model_construct(**given).model_dump(mode="python", include=set(given), warnings=False)
        return self._path + operation.name, _encoder.encode(packed)

    def _headers(self, path: str, body: bytes) -> dict[str, str]:
        context = current()
        left_s = context.remaining_s()
        return {
            "content-type": CONTENT_TYPE,
            HEADER: sign(self._secrets, path, body),
            "x-request-id": context.request_id,
            "traceparent": new_trace_parent(context.trace_parent),
            **({} if left_s is None else {TIMEOUT_HEADER: str(round(left_s * 1000))}),
        }

    def _result(self, operation: Operation, answer: httpx2.Response) -> Any:
        if answer.headers.get("content-type") != CONTENT_TYPE:  # something between us answers, such as a proxy
            raise Unavailable(module=self._replicas.module, retry_after_s=1)
        content = _decoder.decode(answer.content)
        if answer.status_code != 200:
            raise from_wire(WireError.model_validate(content))
        return operation.result.validate_python(content)

    async def _post(self, replica: Replica, path: str, body: bytes) -> httpx2.Response:
        start = time.monotonic()
        with replica.busy():
            try:
                answer = await self._client.post(replica.url + path, content=body, headers=self._headers(path, body))
            except httpx2.TransportError:
                replica.failed()
                raise
            except asyncio.CancelledError:
                left_s = current().remaining_s()
                if left_s is not None and left_s < _TICK_S:
                    replica.failed()  # our own deadline ended the call: as good as no answer
                raise
        replica.answered(time.monotonic() - start)
        return answer


def route_name(module: str, companion: str | None = None) -> str:
    """Return what a module, or its companion of some name, is called in the path of a call."""
    return module if companion is None else f"{module}.{companion}"


def rpc_route(module: str, interface: type[Interface], bound: Callable[[], Interface], secrets: Sequence[SecretStr]) -> Route:
    """Return the internal route of a module hosted here; `bound` gives the local caller of its service."""
    known = operations(interface)

    async def endpoint(request: Request) -> Response:
        path, body = request.scope["path"], await request.body()
        try:
            verify(secrets, request.headers.get(HEADER, ""), path, body)
            operation = known.get(request.path_params["operation"])
            if operation is None:
                raise UnknownOperation(module=module, operation=request.path_params["operation"])
            arguments = _arguments(operation, body)
        except Error as error:
            return _failure(error)
        context = _context(request.headers)
        if operation.kind is Kind.STREAM:
            return StreamingResponse(_answer_frames(operation, bound(), arguments, context=context), media_type=CONTENT_TYPE)
        try:
            with within(context):
                result = await getattr(bound(), operation.name)(**arguments)
            return Response(_encoder.encode(operation.result.dump_python(result)), media_type=CONTENT_TYPE)
        except Error as error:
            return _failure(error)
        except Exception:
            log.exception("rpc.failed", module=module, operation=operation.name)
            return _failure(Internal())

    return Route(f"/internal/{module}/{{operation}}", endpoint, methods=["POST"], include_in_schema=False)


def _context(headers: Mapping[str, str]) -> Context:
    timeout = headers.get(TIMEOUT_HEADER, "")
    return Context(
        request_id=headers.get("x-request-id", "") or Context().request_id,
        trace_parent=headers.get("traceparent") or new_trace_parent(),
        deadline=time.monotonic() + int(timeout) / 1000 if timeout.isdigit() else None,
    )


def _arguments(operation: Operation, body: bytes) -> dict[str, Any]:
    try:
        model: BaseModel = operation.arguments.model_validate(_decoder.decode(body))
    except msgspec.DecodeError as error:
        raise BadCall(operation=operation.name, reason="the body is not msgpack") from error
    except ValidationError as error:
        # never the values: a password may be among them
        reason = "; ".join(f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}" for wrong in error.errors(include_input=False))
        raise BadCall(operation=operation.name, reason=reason) from None
    return {name: getattr(model, name) for name in operation.signature.parameters if name in model.model_fields_set}


def _failure(error: Error) -> Response:
    return Response(_encoder.encode(to_wire(error).model_dump()), status_code=error.status, media_type=CONTENT_TYPE)


async def _answer_frames(operation: Operation, bound: Interface, arguments: dict[str, Any], *, context: Context) -> AsyncIterator[bytes]:
    values = getattr(bound, operation.name)(**arguments)
    end = object()
    try:
        while True:
            with within(context):  # a generator's body runs in its consumer's context
                value = await anext(values, end)
            if value is end:
                break
            yield _frame("value", operation.result.dump_python(value))
    except Error as error:
        yield _frame("error", to_wire(error).model_dump())
    else:
        yield _frame("end", None)


def _frame(kind: str, payload: Any) -> bytes:
    packed = _encoder.encode([kind, payload])
    return _LENGTH.pack(len(packed)) + packed


async def _frames(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, Any]]:
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        while len(buffer) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(buffer)[0]
            if len(buffer) < end:
                break
            kind, payload = _decoder.decode(bytes(buffer[_LENGTH.size : end]))
            del buffer[:end]
            yield kind, payload
