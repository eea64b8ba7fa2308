from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from converto.auth.api import router
from converto.auth.interface import Auth
from converto.kernel.errors import Error
from converto.kernel.web import install_problems
from tests.auth.conftest import House, opened

BODY = {"email": "aino@example.fi", "password": "kolme vihreää tuolia 81", "full_name": "Aino Niemi", "company_name": "Lumo Oy"}
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


@pytest.fixture
async def http(data_dir: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a client of auth's REST."""
    async with opened(data_dir, None) as house:
        app = FastAPI()
        app.state.runtime = type("Runtime", (), {"interfaces": {Auth: house.auth}})
        install_problems(app)
        app.include_router(router)
        transport = httpx2.ASGITransport(Edge(app, house))
        async with httpx2.AsyncClient(transport=transport, base_url="http://converto") as client:
            yield client


def bearer(signed_in: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {signed_in['access_token']}"}


async def test_registering_answers_201_with_tokens_person_and_company(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/auth/register", json=BODY)

    assert answer.status_code == 201
    assert set(answer.json()) == {"user", "tenant", "access_token", "refresh_token", "token_type", "expires_in", "device_token"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 600)
    assert answer.json()["user"]["email"] == "aino@example.fi"
    assert answer.headers["cache-control"] == "no-store"


async def test_signing_in_answers_200_with_the_same_fields(http: httpx2.AsyncClient) -> None:
    registered = (await http.post("/auth/register", json=BODY)).json()

    answer = await http.post("/auth/login", json={**LOGIN, "otp": None})

    assert answer.status_code == 200
    assert set(answer.json()) == set(registered)
    assert answer.json()["tenant"] == registered["tenant"]


async def test_a_wrong_password_answers_401_as_a_problem(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/auth/login", json={**LOGIN, "password": "wrong wrong wrong"})

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "auth.wrong_credentials"


async def test_an_email_that_is_taken_answers_409(http: httpx2.AsyncClient) -> None:
    await http.post("/auth/register", json=BODY)

    answer = await http.post("/auth/register", json=BODY)

    assert (answer.status_code, answer.json()["code"]) == (409, "auth.email_taken")


async def test_a_weak_password_answers_422_and_names_the_field(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/auth/register", json={**BODY, "password": "salasana123"})

    assert (answer.status_code, answer.json()["code"]) == (422, "auth.weak_password")
    assert answer.json()["errors"][0]["pointer"] == "/password"


async def test_a_bad_body_answers_422_and_never_repeats_the_password(http: httpx2.AsyncClient) -> None:
    bodies: tuple[Any, ...] = (
        {**BODY, "password": "p4ss" * 500},
        {**BODY, "email": "p4ssp4ss"},
        {**BODY, "password": ["p4ssp4ss"]},
        {},
        [],
        None,
        "p4ssp4ss",
    )
    for body in bodies:
        answer = await http.post("/auth/register", json=body)

        assert answer.status_code == 422
        assert "p4ssp4ss" not in answer.text


async def test_half_a_character_answers_422(http: httpx2.AsyncClient) -> None:
    for field in BODY:
        body = (
            "{"
            + ", ".join(f'"{name}": "{chr(92)}ud800aaaaaaaaaaaa"' if name == field else f'"{name}": "{BODY[name]}"' for name in BODY)
            + "}"
        )

        answer = await http.post("/auth/register", content=body.encode(), headers={"content-type": "application/json"})

        assert answer.status_code == 422


async def test_refreshing_answers_the_next_pair(http: httpx2.AsyncClient) -> None:
    registered = (await http.post("/auth/register", json=BODY)).json()

    answer = await http.post("/auth/refresh", json={"refresh_token": registered["refresh_token"]})

    assert answer.status_code == 200
    assert answer.json()["refresh_token"] != registered["refresh_token"]


async def test_a_person_asks_who_they_are(http: httpx2.AsyncClient) -> None:
    registered = (await http.post("/auth/register", json=BODY)).json()

    answer = await http.get("/auth/me", headers=bearer(registered))

    assert answer.status_code == 200
    assert (answer.json()["user"], answer.json()["role"]) == (registered["user"], "owner")


async def test_nobody_and_a_bad_token_are_answered_401(http: httpx2.AsyncClient) -> None:
    for headers in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Bearer "}):
        answer = await http.get("/auth/me", headers=headers)

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_logging_out_answers_204_and_ends_the_token(http: httpx2.AsyncClient) -> None:
    registered = (await http.post("/auth/register", json=BODY)).json()

    answer = await http.post("/auth/logout", headers=bearer(registered))

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await http.get("/auth/me", headers=bearer(registered))).status_code == 401


async def test_logging_out_everywhere_says_how_many_sessions_ended(http: httpx2.AsyncClient) -> None:
    registered = (await http.post("/auth/register", json=BODY)).json()
    await http.post("/auth/login", json=LOGIN)

    answer = await http.post("/auth/logout-all", headers=bearer(registered))

    assert (answer.status_code, answer.json()) == (200, {"ended": 2})


async def test_anybody_may_read_the_public_keys(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/.well-known/jwks.json")

    assert answer.status_code == 200
    assert {key["alg"] for key in answer.json()["keys"]} == {"ES256"}
    assert "max-age" in answer.headers["cache-control"]
