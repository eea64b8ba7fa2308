"""A small application behind the real edge: a module of things to ask for, beside the real auth."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import httpx2
import pytest
import uvicorn
from fastapi import APIRouter, Body, FastAPI, Form, Request, UploadFile
from fastapi.responses import StreamingResponse
from structlog.testing import capture_logs

from converto.app import create_app, migrate
from converto.auth.module import module as auth
from converto.gateway.door import Door
from converto.gateway.module import module as gateway
from converto.kernel.access import PUBLIC, Access, Admission
from converto.kernel.config import Environment, Settings
from converto.kernel.context import current
from converto.kernel.errors import Unavailable
from converto.kernel.manifest import Module
from converto.kernel.web import CurrentActor
from tests.databases import lay_files

router = APIRouter(prefix="/things")


@router.get("/mine")
async def mine(actor: CurrentActor) -> dict[str, str]:
    return {"tenant_id": str(actor.tenant_id)}


@router.get("/context")
async def context() -> dict[str, Any]:
    here = current()
    return {"request_id": here.request_id, "trace_parent": here.trace_parent, "remaining_s": here.remaining_s()}


@router.get("/headers")
async def headers(request: Request) -> list[str]:
    return list(request.headers.keys())


@router.get("/broken")
async def broken() -> None:
    msg = "a secret of the program"
    raise RuntimeError(msg)


@router.get("/unavailable")
async def unavailable() -> None:
    raise Unavailable(module="printer", retry_after_s=7)


@router.get("/breaks-off")
async def breaks_off() -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"the first half"
        msg = "no second half"
        raise RuntimeError(msg)

    return StreamingResponse(parts())


@router.post("/upload")
async def upload(file: UploadFile, note: Annotated[str, Form()] = "") -> dict[str, Any]:
    return {"bytes": len(await file.read()), "note": note}


@router.get("/{thing_id}")
async def thing(thing_id: int, q: str = "") -> dict[str, Any]:
    return {"thing_id": thing_id, "q": q}


@router.post("")
async def create(body: Annotated[Any, Body()]) -> dict[str, Any]:
    return {"body": body}


@router.post("/private")
async def private(body: Annotated[Any, Body()]) -> dict[str, Any]:
    return {"body": body}


@router.get("/unlisted/route")
async def unlisted() -> None:
    return None


ACCESS = {
    "POST /things/private": Access("things:write", Admission.READ),
    "GET /things/mine": Access(None, Admission.READ),
    **{f"GET /things/{name}": Access(PUBLIC, Admission.READ) for name in ("context", "headers", "broken", "unavailable", "breaks-off")},
    "GET /things/{thing_id}": Access(PUBLIC, Admission.READ),
    "POST /things": Access(PUBLIC, Admission.READ),
    "POST /things/upload": Access(PUBLIC, Admission.BULK),
}
THINGS = Module(name="things", router=router, access=ACCESS)
MODULES = (auth, gateway, THINGS)
Edge = Callable[..., Any]


def settings_in(data_dir: Path, **others: Any) -> Settings:
    return Settings(data_dir=data_dir, environment=others.pop("environment", Environment.TEST), log_format="json", **others)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[FastAPI]:
    """Run the application, without a server."""
    lay_files(settings)
    await migrate(settings, MODULES)
    app = create_app(settings, MODULES)
    async with app.router.lifespan_context(app):
        calm(app)
        yield app


def calm(app: FastAPI) -> None:
    """Have as many let in as at first however slow this machine is: how busy it is, is not what the test is about."""
    for lane in app.state.edge.admission.lanes.values():
        lane._bounds = replace(lane._bounds, least=lane._bounds.start)


def client_of(app: FastAPI) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app, raise_app_exceptions=False), base_url="http://edge.test")


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[int]:
    """Serve an application that runs on a free port of this machine, and return the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=Door, lifespan="off", log_config=None, access_log=False, server_header=False)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


@pytest.fixture(autouse=True)
def told() -> Iterator[list[MutableMapping[str, Any]]]:
    """Return what the program logs; the pictures of stack traces that it would draw for a terminal take seconds."""
    with capture_logs() as told:
        yield told


@pytest.fixture(scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    """Return the application, running; the tests of a file share it."""
    async with running(settings_in(tmp_path_factory.mktemp("data"))) as app:
        yield app


@pytest.fixture(scope="module")
async def http(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of the application that the tests of a file share."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def fresh(data_dir: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of an application that nobody has asked anything yet."""
    async with running(settings_in(data_dir)) as app, client_of(app) as client:
        yield client


@pytest.fixture
async def start() -> AsyncIterator[Callable[[Settings], Any]]:
    """Return what starts an application with settings of the test's own, and gives a client of it."""
    async with AsyncExitStack() as stack:

        async def begin(settings: Settings) -> httpx2.AsyncClient:
            app = await stack.enter_async_context(running(settings))
            return await stack.enter_async_context(client_of(app))

        yield begin
