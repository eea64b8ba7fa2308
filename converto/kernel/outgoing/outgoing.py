"""Sends requests to the very address that was checked, following nothing."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpcore2

import converto
from converto.kernel.outgoing.guard import Guard, literal_address
from converto.kernel.outgoing.resolver import Resolver, UnknownName

MAX_IDLE = 200
LOOK_AHEAD_S = 2.0


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


class Outgoing:
    """Sends requests, and keeps a connection for a moment for the next one to the same host."""

    def __init__(self, guard: Guard, resolver: Resolver, *, idle_s: float, ca_file: Path | None = None) -> None:
        """Take who may be called, how long an idle connection is kept, and the authorities to trust instead of the system's."""
        self._guard = guard
        self._resolver = resolver
        self._idle_s = idle_s
        self._ca_file = ca_file
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def close(self) -> None:
        """Close every connection."""
        self._resolver.close()
        if self._pool is not None:
            await self._pool.aclose()

    @asynccontextmanager
    async def answer(self, method: str, url: str, *, content: bytes, headers: Mapping[str, str]) -> AsyncIterator[httpcore2.Response]:
        """Send a request, and give the answer, whose body is still to be read. How long it may take is the caller's to say.

        Raises Refused, UnknownName, and what httpcore raises of a connection that breaks.
        """
        target = self._guard.checked(url)
        parsed = httpcore2.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path)
        sent = {
            "host": target.netloc.decode("ascii"),
            "user-agent": f"Converto/{converto.__version__}",
            "accept": "*/*",
            "accept-encoding": "identity",
            "content-length": str(len(content)),
            **headers,
        }
        pool = self._pool or await self._opened()
        async with pool.stream(method, parsed, headers=[*sent.items()], content=content) as response:
            yield response

    async def look_up(self, host: str) -> None:
        """Look a host up ahead of time. Raises Refused where all its addresses are; a name that is not known may yet become so."""
        if literal_address(host) is not None:
            return
        try:
            async with asyncio.timeout(LOOK_AHEAD_S):
                found = await self._resolver.addresses(host)
        except (UnknownName, TimeoutError):
            return
        if found and not any(self._guard.allows(address) for address in found):
            self._guard.check_address(found[0])

    async def _opened(self) -> httpcore2.AsyncConnectionPool:
        """Return the connections. Reading the certificates takes a while, so it is done once there is something to send."""
        trusted = await asyncio.to_thread(self._trusted)
        if self._pool is None:  # several may have waited for the certificates
            self._pool = httpcore2.AsyncConnectionPool(
                ssl_context=trusted,
                max_connections=None,  # how many are under way is decided by who sends; here nobody waits behind anybody
                max_keepalive_connections=MAX_IDLE,
                keepalive_expiry=self._idle_s,
                network_backend=GuardedNetwork(self._guard, self._resolver),
            )
        return self._pool

    def _trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._ca_file) if self._ca_file is not None else httpcore2.default_ssl_context()
