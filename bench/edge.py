"""What the edge costs: the CPU time of its layers, against that of a bare FastAPI GET in the same run.

A GET with a token goes through uvicorn's protocol, as bytes in and bytes out, without a network. It is asked of a bare FastAPI application,
of the same with one layer more each time, the outermost first and in the order of the product, and of the product itself, which goes to a
route straight and without FastAPI's own telemetry. The limit: what is asked of the product costs at most 25 % more than of the bare one.

What it takes to know of a request afterwards is measured by leaving it out: the product without ids of requests, figures and access log.
The limit: 15 % of the bare GET. And a line of the log, as every module writes it, takes at most 20 us.
"""

import asyncio
import gc
import os
import sys
import tempfile
import time
import timeit
from collections.abc import Sequence
from contextlib import redirect_stderr
from pathlib import Path
from statistics import median
from typing import Any, TextIO, cast

import structlog
import uvicorn
import uvloop
from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from converto.app import create_app
from converto.auth.module import module as auth
from converto.gateway.access_log import AccessLog
from converto.gateway.edge import Edge
from converto.gateway.layers.entrance import Entrance
from converto.gateway.layers.security_headers import Headers
from converto.gateway.module import module as gateway
from converto.kernel.access import Access, Admission
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from converto.kernel.config import Environment, Settings
from converto.kernel.context import Context, within
from converto.kernel.log import configure
from converto.kernel.manifest import Module

LIMIT = 0.25
TOLD_LIMIT = 0.15
LINE_LIMIT_US = 20.0
LINES = 20_000
PRODUCT = "the product"
UNTOLD = "without what is told"
ROUNDS = 300
REQUESTS = 40
TOKEN = "a" * 600
SOMEBODY = Actor(tenant_id=new_id(), user_id=new_id(), scopes=frozenset({"ocr:read"}))
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

    def __init__(self, name: str, app: FastAPI, edge: Edge) -> None:
        self.name = name
        self.rounds_us: list[float] = []
        self._edge = edge
        config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None, access_log=False, proxy_headers=False)
        config.load()
        self._protocol = HttpToolsProtocol(config, ServerState(), {})
        self._connection = Connection()
        self._protocol.connection_made(cast("Any", self._connection))

    async def measure(self) -> None:
        """Note the CPU time of one request, in a round of several."""
        self._edge.tokens.keep(TOKEN.encode(), SOMEBODY)
        start = time.process_time()
        for _ in range(REQUESTS):
            self._connection.whole.clear()
            self._protocol.data_received(GET)
            await self._connection.whole.wait()
        self._edge.journal.work_off()
        self.rounds_us.append((time.process_time() - start) / REQUESTS * 1e6)
        assert self._connection.status_line == b"HTTP/1.1 200"

    def beside(self, other: "Served") -> float:
        """Return how much a request costs, as a share of the other's: in the middle of all rounds, each beside the other's own."""
        return median(own / others for own, others in zip(self.rounds_us, other.rounds_us, strict=True))

    @property
    def cost_us(self) -> float:
        """The CPU time of one request, in the middle of all rounds."""
        return median(self.rounds_us)


router = APIRouter(prefix="/things")


@router.get("/{thing_id}")
async def thing(thing_id: int) -> dict[str, Any]:
    """Answer."""
    return {"status": "ok", "thing_id": thing_id}


class Untold(Entrance):
    """The way in and out that knows nothing of a request afterwards: each has the same id, and nobody counts or tells of it."""

    def __init__(self, app: ASGIApp, /, **given: Any) -> None:
        super().__init__(app, **{**given, "journal": _Silent()})

    def _context(self, *_: Any, **__: Any) -> Context:
        return SAME

    def _marks(self, *_: Any) -> Headers:
        return ()


class _Silent:
    def note(self, *_: Any, **__: Any) -> None:
        """Note nothing."""


SAME = Context("a" * 32)
THINGS = Module(name="things", router=router, access={"GET /things/{thing_id}": Access("ocr:read", Admission.READ)})


def _bare(layers: Sequence[Middleware]) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, middleware=layers)
    app.include_router(router)
    return app


def _product(folder: Path, log_to: TextIO) -> FastAPI:
    # longer than any round, also on a busy machine; and more than one principal may send who is nobody's bench
    os.environ |= {"CONVERTO_GATEWAY_TOKEN_CACHE_S": "5", "CONVERTO_GATEWAY_PLAN_LIMITS": "enterprise=90000000"}
    os.environ["CONVERTO_GATEWAY_ADDRESS_RATE_LIMIT"] = "90000000"
    settings = Settings(data_dir=folder, environment=Environment.TEST, log_format="json")
    app = create_app(settings, [auth, gateway, THINGS])
    app.state.edge.journal._access_log = AccessLog(settings, write=log_to.write)  # noqa: SLF001 - its lines go to a file, not to the terminal
    return app


def _untold(folder: Path, log_to: TextIO) -> FastAPI:
    app = _product(folder, log_to)
    app.user_middleware[0] = Middleware(Untold, **app.user_middleware[0].kwargs)
    return app


async def measured(folder: Path, log_to: TextIO) -> list[Served]:
    """Return what was measured, in rounds of all: bare, with the layers one after another, the product untold, and the product."""
    product, untold = _product(folder, log_to), _untold(folder, log_to)
    edge: Edge = product.state.edge
    layers = product.user_middleware
    served = [Served("bare", _bare([]), edge)]
    served += [Served(getattr(layer.cls, "__name__", ""), _bare(layers[: number + 1]), edge) for number, layer in enumerate(layers)]
    served += [Served(UNTOLD, untold, untold.state.edge), Served(PRODUCT, product, edge)]
    gc.collect()
    gc.freeze()  # as the product does once it has started
    for number in range(ROUNDS):
        for one in served if number % 2 else reversed(served):
            await one.measure()
    return served


def line_us() -> float:
    """Return what a line of the log takes, as modules write it, in JSON."""
    log = structlog.get_logger()
    facts = {"document.page": 3, "event.duration": 1_234_567, "organization.id": str(SOMEBODY.tenant_id), "status": "completed"}
    with Path(os.devnull).open("w") as nowhere, within(Context()), redirect_stderr(nowhere):
        configure(level="info", log_format="json")
        return min(timeit.repeat(lambda: log.info("ocr.scan_completed", **facts), number=LINES, repeat=5)) / LINES * 1e6


async def main() -> int:
    """Print what each layer costs, and return 1 where a limit does not hold."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w", buffering=1) as log_to:
        bare, *layers, untold, product = await measured(Path(folder), log_to)
    print(f"a bare FastAPI GET: {bare.cost_us:.0f} us of CPU")
    before = 0.0
    for one in layers:
        share = one.beside(bare) - 1
        print(f"  + {one.name:20s} {(share - before) * bare.cost_us:5.1f} us {share - before:6.1%}, together {share:6.1%}")
        before = share
    for one in (untold, product):
        share = one.beside(bare) - 1
        print(f"  {one.name:22s} {share * bare.cost_us:5.1f} us {share:6.1%}")
    over = product.beside(bare) - 1
    told = product.beside(bare) - untold.beside(bare)
    line = line_us()
    good = [
        _said("the product over a bare GET", f"{over:.1%}", f"{LIMIT:.0%}", holds=over <= LIMIT),
        _said("ids of requests, figures and access log", f"{told:.1%}", f"{TOLD_LIMIT:.0%}", holds=told <= TOLD_LIMIT),
        _said("a line of the log", f"{line:.1f} us", f"{LINE_LIMIT_US:.0f} us", holds=line <= LINE_LIMIT_US),
    ]
    return not all(good)


def _said(what: str, figure: str, limit: str, *, holds: bool) -> bool:
    print(f"{what}: {figure}, limit {limit}: {'holds' if holds else 'BROKEN'}")
    return holds


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
