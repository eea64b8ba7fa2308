"""What a call to another module costs, against the same call without the binding: here a direct await, there a bare HTTP POST.

The limits: a local call at most 20 microseconds over a direct one; a remote call at most twice as long as a bare `httpx2` POST to a
bare FastAPI application that parses and answers the same value; an upload of 20 MB at most two and a half times as long as a bare
POST of the same bytes, of which neither end makes a digest, and with at most 1.6 times its size in memory, for caller and callee together,
beside the caller's own copy.
"""

import asyncio
import socket
import statistics
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import httpx2
import uvicorn
import uvloop
from fastapi import FastAPI, Request
from pydantic import SecretStr
from starlette.types import ASGIApp

from converto.kernel.binding import LocalTransport, bind
from converto.kernel.context import Context, within
from converto.kernel.interface import Interface, Value, query
from converto.kernel.replicas import Replicas
from converto.kernel.rpc import HttpTransport, rpc_route

LOCAL_LIMIT_US = 20.0
REMOTE_LIMIT = 2.0
UPLOAD_LIMIT = 2.5
MEMORY_LIMIT = 1.6
ROUNDS = 9
LOCAL_CALLS = 2000
REMOTE_CALLS = 150
UPLOADS = 2
UPLOAD = bytes(20_000_000)
JSON = {"content-type": "application/json"}
SECRETS = (SecretStr("a secret of thirty-two characters"),)

Call = Callable[[], Awaitable[object]]


class Line(Value):
    """What is sold."""

    text: str
    cents: int


class Sale(Value):
    """What travels: some text and numbers, as most calls bear."""

    number: int
    lines: tuple[Line, ...]


SALE = Sale(number=7, lines=tuple(Line(text=f"Ruisleipä {number}", cents=295) for number in range(5)))


class Tills(Interface, Protocol):
    """Something to ask."""

    @query
    async def echoed(self, sale: Sale) -> Sale:
        """Return what came."""
        ...

    @query
    async def weighed(self, content: bytes) -> int:
        """Return how many bytes came."""
        ...


class OwnTills(Tills):
    """Something that answers."""

    async def echoed(self, sale: Sale) -> Sale:
        """See `Tills.echoed`."""
        return sale

    async def weighed(self, content: bytes) -> int:
        """See `Tills.weighed`."""
        return len(content)


def bare_app() -> FastAPI:
    """Return an application that takes and gives the same value, by FastAPI alone."""
    app = FastAPI()

    @app.post("/echoed")
    async def echoed(sale: Sale) -> Sale:
        return sale

    @app.post("/weighed")
    async def weighed(request: Request) -> int:
        return len(await request.body())

    return app


def internal_app() -> FastAPI:
    """Return an application that answers the calls of other processes."""
    app = FastAPI()
    local = bind(Tills, LocalTransport(OwnTills()))  # type: ignore[type-abstract]
    app.router.routes.append(rpc_route("tills", Tills, lambda: local, SECRETS))  # type: ignore[type-abstract]
    return app


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an application on this machine for as long as the block runs, and give its URL."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, lifespan="off", log_level="error", access_log=False)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        listener.listen()  # who connects before the server takes over waits in its queue
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await running


async def us(call: Call, times: int) -> float:
    """Return what one call costs, in microseconds of a processor: others on the machine do not count."""
    begun = time.process_time()
    for _ in range(times):
        await call()
    return (time.process_time() - begun) / times * 1e6


async def compare(bare: Call, ours: Call, *, times: int) -> tuple[float, float]:
    """Return the middle of the rounds of each, taken in turns."""
    found: dict[Call, list[float]] = {bare: [], ours: []}
    for number in range(ROUNDS):
        for call in (bare, ours) if number % 2 else (ours, bare):
            found[call].append(await us(call, times))
    return statistics.median(found[bare]), statistics.median(found[ours])


async def peak(call: Call) -> float:
    """Return how much memory a call takes at most, in sizes of the upload."""
    tracemalloc.start()
    await call()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / len(UPLOAD)


async def main() -> None:
    """Measure and print."""
    service = OwnTills()
    local = bind(Tills, LocalTransport(service))  # type: ignore[type-abstract]
    direct_us, local_us = await compare(lambda: service.echoed(SALE), lambda: local.echoed(SALE), times=LOCAL_CALLS)
    print(f"local call   {local_us:8.1f} us   direct {direct_us:8.2f} us   ratio {local_us / direct_us:6.1f}"
          f"   over it {local_us - direct_us:5.1f} us, limit {LOCAL_LIMIT_US:.0f} us")  # fmt: skip
    async with served(bare_app()) as bare_url, served(internal_app()) as internal_url, httpx2.AsyncClient(trust_env=False) as client:
        remote = bind(Tills, HttpTransport(Replicas("tills", [internal_url]), SECRETS, client))  # type: ignore[type-abstract]

        async def posted() -> Sale:
            answer = await client.post(f"{bare_url}/echoed", content=SALE.model_dump_json(), headers=JSON)
            return Sale.model_validate_json(answer.content)

        assert await remote.echoed(SALE) == await posted() == SALE
        bare_us, remote_us = await compare(posted, lambda: remote.echoed(SALE), times=REMOTE_CALLS)

        async def sent() -> int:
            answer = await client.post(f"{bare_url}/weighed", content=UPLOAD)
            return int(answer.text)

        assert await remote.weighed(UPLOAD) == await sent() == len(UPLOAD)
        sent_us, upload_us = await compare(sent, lambda: remote.weighed(UPLOAD), times=UPLOADS)
        sent_peak, upload_peak = await peak(sent), await peak(lambda: remote.weighed(UPLOAD))
    print(f"remote call  {remote_us:8.1f} us   bare POST {bare_us:5.1f} us   ratio {remote_us / bare_us:6.2f}   limit {REMOTE_LIMIT}")
    print(f"20 MB upload {upload_us:8.1f} us   bare POST {sent_us:5.1f} us   ratio {upload_us / sent_us:6.2f}   limit {UPLOAD_LIMIT}")
    print(f"its memory   {upload_peak:8.2f} times its size   bare POST {sent_peak:.2f}   limit {MEMORY_LIMIT}")
    print("client and server share one process here: both sides' work is in each figure")


if __name__ == "__main__":
    with within(Context()):  # as in every request
        uvloop.run(main())
