"""Finding the replicas of the modules elsewhere, and seeing whether they live."""

import asyncio
import ipaddress
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx2
import structlog
from pydantic import BaseModel, ValidationError

from converto.kernel.bell import Bell
from converto.kernel.replicas import Replica, Replicas

log = structlog.get_logger()

RESOLVE_TIMEOUT_S = 2.0
LOOK_TIMEOUT_S = 2.0
PAUSE_S = 1.0
"""However often nobody is found at an address, names are looked up no more often than this."""
PORTS = {"http": 80, "https": 443}

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


async def addresses_of(host: str, port: int) -> Sequence[str]:
    """Return the addresses that a name has now: the IPv4 ones, or, where there is none, the IPv6 ones. Raises OSError.

    Not both: a process that has an address of each family would count as two replicas.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    by_family = {family: {str(where[0]) for of, _, _, _, where in found if of == family} for family in (socket.AF_INET, socket.AF_INET6)}
    return sorted(by_family[socket.AF_INET] or by_family[socket.AF_INET6])


class Discovery:
    """Keeps the replicas of every module elsewhere to the addresses that their names have: one name, one or several addresses.

    A name that cannot be looked up keeps the addresses that it had.
    """

    def __init__(self, services: Sequence[Replicas], *, every_s: float, resolve: Resolve = addresses_of) -> None:
        self._names = [(replicas, url) for replicas in services for url in replicas.urls if _is_name(urlsplit(url).hostname or "")]
        self._every_s = every_s
        self._resolve = resolve
        self._unknown: set[str] = set()
        self._missed = Bell()
        for replicas in services:
            replicas.missed = self._missed

    async def look(self) -> None:
        """Look every name up once."""
        await asyncio.gather(*(self._look(replicas, url) for replicas, url in self._names))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look every name up, then again now and then and where nobody was found, while the block runs."""
        if not self._names:
            yield
            return
        await self.look()
        task = asyncio.create_task(self._run(), name="discovery")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._missed.beyond(self._missed.rings, timeout_s=self._every_s)
            await self.look()
            await asyncio.sleep(min(PAUSE_S, self._every_s))

    async def _look(self, replicas: Replicas, url: str) -> None:
        parts = urlsplit(url)
        before = [replica.address for replica in replicas.all if replica.url == url]
        try:
            async with asyncio.timeout(RESOLVE_TIMEOUT_S):
                found = list(await self._resolve(parts.hostname or "", parts.port or PORTS[parts.scheme]))
        except OSError as error:  # a TimeoutError is one too
            if url not in self._unknown:
                log.warning("discovery.unknown_name", module=replicas.module, url=url, reason=str(error) or "no answer in time")
            self._unknown.add(url)
            return
        self._unknown.discard(url)
        if found and found != before:
            replicas.found(url, found)
            log.info("discovery.found", module=replicas.module, url=url, addresses=found)


def _is_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(host)
    return False


class _Whereabouts(BaseModel):
    where: str


class _Told(BaseModel):
    """What `GET /health` of every process says, as far as it matters here."""

    version: str
    modules: dict[str, _Whereabouts]


async def watch(replicas: Replicas, client: httpx2.AsyncClient) -> None:
    """Ask every replica of a module once how it is, and note the answer."""
    await asyncio.gather(*(_watch(replicas.module, replica, client) for replica in replicas.all))


async def _watch(module: str, replica: Replica, client: httpx2.AsyncClient) -> None:
    start = time.monotonic()
    try:
        answer = await client.get(f"{replica.base}/health", headers=replica.headers, extensions=replica.extensions, timeout=LOOK_TIMEOUT_S)
        told = _Told.model_validate_json(answer.content)
    except httpx2.TransportError as error:
        replica.failed(why(error))
        return
    except ValidationError:
        replica.failed(f"what answers there ({answer.status_code}) is none of our processes")
        return
    if module not in told.modules or told.modules[module].where != "here":
        replica.failed(f"the process there hosts no {module}")
        return
    replica.version = told.version
    replica.answered(time.monotonic() - start)


def why(error: httpx2.TransportError) -> str:
    """Return in a few words why nobody answered."""
    if isinstance(error, httpx2.ConnectTimeout | httpx2.ConnectError):
        return "no connection can be made"
    return "it takes too long to answer" if isinstance(error, httpx2.TimeoutException) else "the connection was cut off"
