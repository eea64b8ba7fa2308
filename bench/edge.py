"""What the edge costs: the CPU time of its layers, against that of a bare FastAPI GET in the same run.

A GET goes through uvicorn's protocol, as bytes in and bytes out, without a network. The limit: request id, figures and access log
together cost at most 15 % of the bare one.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from statistics import median
from typing import Any, TextIO, cast

import uvicorn
import uvloop
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from converto.gateway.access_log import AccessLog
from converto.gateway.figures import RequestFigures
from converto.gateway.journal import Journal
from converto.gateway.layers.authentication import Authentication, KnownTokens
from converto.gateway.layers.failures import Failures
from converto.gateway.layers.framing import Framing
from converto.gateway.layers.json_bodies import JsonBodies
from converto.gateway.layers.observation import Observation
from converto.gateway.layers.security_headers import SecurityHeaders
from converto.gateway.settings import GatewaySettings
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from converto.kernel.config import Settings

LIMIT = 0.15
ALWAYS = "request id, figures and access log"
ROUNDS = 300
REQUESTS = 40
TOKEN = "a" * 600
GET = (
    f"GET /things/7 HTTP/1.1\r\nhost: 127.0.0.1:8000\r\naccept: */*\r\naccept-encoding: gzip, deflate\r\nconnection: keep-alive\r\n"
    f"user-agent: bench/1.0\r\nauthorization: Bearer {TOKEN}\r\n\r\n"
).encode()


class Connection(asyncio.Transport):
    """A connection that only a protocol knows of: it keeps the last status line, and knows when the answer is whole."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 8000)})
        self.status_line = b""
        self.whole = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take a part of the answer."""
        if bytes(data[:5]) == b"HTTP/":
            self.status_line = bytes(data[:12])
        if bytes(data[-1:]) == b"}":
            self.whole.set()

    def is_closing(self) -> bool:
        """Say that it stays open."""
        return False


class Served:
    """An application behind uvicorn's protocol, asked over one connection."""

    def __init__(self, name: str, layers: list[Middleware], journal: Journal) -> None:
        self.name = name
        self.rounds_us: list[float] = []
        self._journal = journal
        config = uvicorn.Config(_application(layers), http="httptools", lifespan="off", log_config=None, access_log=False)
        config.load()
        self._protocol = HttpToolsProtocol(config, ServerState(), {})
        self._connection = Connection()
        self._protocol.connection_made(cast("Any", self._connection))

    async def measure(self) -> None:
        """Note the CPU time of one request, in a round of several."""
        start = time.process_time()
        for _ in range(REQUESTS):
            self._connection.whole.clear()
            self._protocol.data_received(GET)
            await self._connection.whole.wait()
        self._journal.work_off()
        self.rounds_us.append((time.process_time() - start) / REQUESTS * 1e6)
        assert self._connection.status_line == b"HTTP/1.1 200"

    def beside(self, other: "Served") -> float:
        """Return how much a request costs, as a share of the other's: in the middle of all rounds, each beside the other's own."""
        return median(own / others for own, others in zip(self.rounds_us, other.rounds_us, strict=True))

    @property
    def cost_us(self) -> float:
        """The CPU time of one request, in the middle of all rounds."""
        return median(self.rounds_us)


def _application(layers: list[Middleware]) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, middleware=layers)

    @app.get("/things/{thing_id}")
    async def thing(thing_id: int) -> dict[str, Any]:
        return {"status": "ok", "thing_id": thing_id}

    return app


def _layers(journal: Journal) -> Mapping[str, Middleware]:
    """Return every layer by what it does, the outermost first."""
    settings = GatewaySettings()
    tokens = KnownTokens(lifetime_s=3600, size=10)
    tokens.keep(TOKEN.encode(), Actor(tenant_id=new_id()))
    return {
        ALWAYS: Middleware(Observation, journal=journal, deadline_s=settings.deadline_s),
        "security headers": Middleware(SecurityHeaders),
        "failures": Middleware(Failures),
        "framing": Middleware(Framing, settings=settings),
        "authentication, token known": Middleware(Authentication, auth=lambda: None, tokens=tokens),
        "strict JSON, no body": Middleware(JsonBodies),
    }


async def measured(log_to: TextIO) -> list[Served]:
    """Return what was measured, in rounds of all: bare, with each layer alone, and with all of them."""
    journal = Journal(RequestFigures(CollectorRegistry()), AccessLog(Settings(log_format="json"), write=log_to.write))
    layers = _layers(journal)
    served = [Served("bare", [], journal), *(Served(name, [layer], journal) for name, layer in layers.items())]
    served.append(Served("all", list(layers.values()), journal))
    for _ in range(ROUNDS):
        for one in served:
            await one.measure()
    return served


async def main() -> int:
    """Print what each layer costs, and return 1 where the limit does not hold."""
    with tempfile.TemporaryFile("w", buffering=1) as log_to:
        bare, *others = await measured(log_to)
    shares = {one.name: one.beside(bare) - 1 for one in others}
    print(f"a bare FastAPI GET: {bare.cost_us:.0f} us of CPU")
    for name, share in shares.items():
        print(f"  + {name:36s} {share * bare.cost_us:5.1f} us {share:6.1%}")
    share = shares[ALWAYS]
    print(f"{ALWAYS}: {share:.1%} of a bare GET, limit {LIMIT:.0%}: {'holds' if share <= LIMIT else 'BROKEN'}")
    return share > LIMIT


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
