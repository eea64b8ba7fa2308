"""Posts one delivery: to the very address that was checked, within the time allowed, following nothing."""

import asyncio
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpcore2

import converto
from converto.events.webhooks.guard import Guard, Refused, literal_address
from converto.events.webhooks.resolver import Resolver, UnknownName
from converto.events.webhooks.schedule import retry_after_s
from converto.kernel.clock import now

KEPT_ANSWER_BYTES: Final = 1024
IDLE_S: Final = 2.0
"""How long a connection is kept for the next delivery."""
BODY_WITHIN_S: Final = 1.0
"""How long the body of an answer is waited for once its status is known: it is only for the log."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a post."""

    latency_ms: int
    status_code: int | None = None
    text: str = ""
    error: str | None = None
    """Why it failed; None when it was taken."""
    retry_after_s: float | None = None


class GuardedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to addresses that the guard allows. The name is looked up here and nowhere else: what was checked is what is called.

    TLS comes on top of it and asks for the certificate of the name, so that an answer of a false name server helps nobody.
    """

    def __init__(self, guard: Guard, resolver: Resolver) -> None:
        self._guard = guard
        self._resolver = resolver
        self._plain = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address of a host that answers. Raises Refused, UnknownName."""
        literal = literal_address(host)
        found = [literal] if literal is not None else await self._resolver.addresses(host)
        allowed = [address for address in found if self._guard.allows(address)]
        if not allowed:
            self._guard.check_address(found[0])
        failure: Exception = httpcore2.ConnectError("it has no address")
        for address in allowed:
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        raise failure


class Sender:
    """Posts bodies to endpoints. A connection is kept for a moment, for the next delivery to the same endpoint."""

    def __init__(self, guard: Guard, resolver: Resolver, *, timeout_s: float, ca_file: Path | None = None) -> None:
        self._guard = guard
        self._resolver = resolver
        self._timeout_s = timeout_s
        self._ca_file = ca_file
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def close(self) -> None:
        """Close every connection."""
        self._resolver.close()
        if self._pool is not None:
            await self._pool.aclose()

    async def _opened(self) -> httpcore2.AsyncConnectionPool:
        """Return the connections. Reading the certificates takes a while, so it is done once there is something to send."""
        if self._pool is None:
            self._open(await asyncio.to_thread(self._trusted))
        return self._pool or await self._opened()

    def _open(self, trusted: ssl.SSLContext) -> None:
        if self._pool is None:  # several may have waited for the certificates
            self._pool = httpcore2.AsyncConnectionPool(
                ssl_context=trusted,
                max_connections=None,  # how many are under way is decided by who sends; here nobody waits behind anybody
                max_keepalive_connections=200,
                keepalive_expiry=IDLE_S,
                network_backend=GuardedNetwork(self._guard, self._resolver),
            )

    def _trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._ca_file) if self._ca_file is not None else httpcore2.default_ssl_context()

    async def resolvable(self, host: str) -> None:
        """Look a host up ahead of time. Raises Refused where all its addresses are; a name that is not known may yet become so."""
        if literal_address(host) is not None:
            return
        try:
            async with asyncio.timeout(2):
                found = await self._resolver.addresses(host)
        except (UnknownName, TimeoutError):
            return
        if found and not any(self._guard.allows(address) for address in found):
            self._guard.check_address(found[0])

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post a body, and return what came of it; never raises."""
        start = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._post(url, body, headers, start=start)
        except Exception as error:  # noqa: BLE001 - whatever an endpoint does is its own failure
            return Answer(latency_ms=_since(start), error=_plain(self._reason(error)))

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str], *, start: float) -> Answer:
        target = self._guard.checked(url)
        parsed = httpcore2.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)
        sent = {
            "host": target.netloc.decode("ascii"),
            "content-type": "application/json",
            "user-agent": f"Converto-Webhooks/{converto.__version__}",
            "accept": "*/*",
            "accept-encoding": "identity",
            "content-length": str(len(body)),
            **headers,
        }
        pool = await self._opened()
        async with pool.stream("POST", parsed, headers=[*sent.items()], content=body) as response:
            latency_ms = _since(start)
            text = await _beginning(response)
        taken = 200 <= response.status < 300
        return Answer(
            latency_ms=latency_ms,
            status_code=response.status,
            text=text,
            error=None if taken else _refusal(response.status),
            retry_after_s=None if taken else retry_after_s(_header(response, b"retry-after"), at=now()),
        )

    def _reason(self, error: Exception) -> str:
        match error:
            case TimeoutError() | httpcore2.TimeoutException():
                return f"no answer within {self._timeout_s:g} s"
            case Refused():
                return str(error)
            case UnknownName():
                return f"the name cannot be looked up: {error}"[:200]
            case httpcore2.ConnectError():
                return f"cannot connect: {_innermost(error)}"[:200]
            case httpcore2.NetworkError() | httpcore2.ProtocolError():
                return f"the connection broke: {_innermost(error)}"[:200]
        return f"cannot be sent: {type(error).__name__}"


async def _beginning(response: httpcore2.Response) -> str:
    """Return the first bytes of an answer as text; an endless or slow one is not waited for."""
    kept = b""
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for part in response.aiter_stream():
                kept += part
                if len(kept) > KEPT_ANSWER_BYTES:
                    break
    except (TimeoutError, httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.TimeoutException):
        pass  # the status has come, which is what counts
    return _plain(kept[:KEPT_ANSWER_BYTES].decode("utf-8", errors="replace"))


def _plain(text: str) -> str:
    """Return a text without control characters: a database cannot hold NUL, and a terminal that shows a log should obey nobody."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)


def _header(response: httpcore2.Response, name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in response.headers if key.lower() == name), None)


def _refusal(status: int) -> str:
    return f"answered {status}; redirects are not followed" if 300 <= status < 400 else f"answered {status}"


def _innermost(error: BaseException) -> str:
    """Return what the system said: libraries wrap it several times."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(error) or type(error).__name__


def _since(start: float) -> int:
    return round((time.monotonic() - start) * 1000)
