"""Auth's REST, without the edge around it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from converto.auth.api import router
from converto.auth.interface import Auth
from converto.kernel.errors import Error
from converto.kernel.web import install_problems
from tests.auth.conftest import House, opened

REGISTRATION = {"email": "aino@example.fi", "password": "kolme vihreää tuolia 81", "full_name": "Aino Niemi", "company_name": "Lumo Oy"}
LOGIN = {"email": "aino@example.fi", "password": "kolme vihreää tuolia 81"}


class Edge:
    """What the edge does for a router: it says who asks, or why nobody does."""

    def __init__(self, app: ASGIApp, house: House) -> None:
        self._app, self._house = app, house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        header = dict(scope["headers"]).get(b"authorization", b"").decode()
        if header:
            try:
                scope["converto.actor"] = await self._house.auth.authenticate(header.removeprefix("Bearer "))
            except Error as refusal:
                scope["converto.refusal"] = refusal
        await self._app(scope, receive, send)


@asynccontextmanager
async def rest(data_dir: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of auth's REST."""
    async with opened(data_dir, None) as house:
        app = FastAPI()
        app.state.runtime = type("Runtime", (), {"interfaces": {Auth: house.auth}})
        app.state.house = house
        install_problems(app)
        app.include_router(router)
        transport = httpx2.ASGITransport(Edge(app, house))
        async with httpx2.AsyncClient(transport=transport, base_url="http://converto") as client:
            yield client
