from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from converto.gateway.layers.authentication import KnownTokens
from converto.kernel.actor import Actor
from tests.gateway.conftest import client_of, running, settings_in

PERSON = {"email": "aino@example.fi", "password": "kolme vihreää tuolia 81", "full_name": "Aino Niemi", "company_name": "Lumo Oy"}


@pytest.fixture
async def signed_in(fresh: httpx2.AsyncClient) -> Any:
    answer = await fresh.post("/auth/register", json=PERSON)
    assert answer.status_code == 201, answer.text
    return answer.json()


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_a_token_says_for_which_company_its_bearer_acts(fresh: httpx2.AsyncClient, signed_in: dict[str, Any]) -> None:
    answer = await fresh.get("/things/mine", headers=bearer(signed_in["access_token"]))
    assert answer.json() == {"tenant_id": signed_in["tenant"]["id"]}


@pytest.mark.parametrize("header", ["Bearer x", "Bearer ", "Bearer", "Basic YTpi", "bearer a.b.c", "Bearer " + "a" * 5000, ""])
async def test_without_a_good_token_a_route_for_somebody_answers_401(fresh: httpx2.AsyncClient, header: str) -> None:
    answer = await fresh.get("/things/mine", headers={"authorization": header})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_public_route_answers_whatever_the_token(fresh: httpx2.AsyncClient) -> None:
    assert (await fresh.get("/things/7", headers=bearer("nonsense"))).status_code == 200


async def test_whoever_signs_out_is_out_at_once(fresh: httpx2.AsyncClient, signed_in: dict[str, Any]) -> None:
    token = bearer(signed_in["access_token"])
    before = await fresh.get("/things/mine", headers=token)
    ended = await fresh.post("/auth/logout", headers=token)
    after = await fresh.get("/things/mine", headers=token)
    assert (before.status_code, ended.is_success, after.status_code) == (200, True, 401)


async def test_where_auth_cannot_be_asked_only_public_routes_answer(data_dir: Path) -> None:
    async with running(settings_in(data_dir)) as app, client_of(app) as http:
        token = bearer((await http.post("/auth/register", json=PERSON)).json()["access_token"])
        app.state.runtime.interfaces.clear()
        somebodys, public = await http.get("/things/mine", headers=token), await http.get("/things/7", headers=token)
    assert (somebodys.status_code, somebodys.headers["retry-after"], public.status_code) == (503, "1", 200)


async def test_a_token_is_asked_about_once_in_a_while(fresh: httpx2.AsyncClient, signed_in: dict[str, Any]) -> None:
    for _ in range(5):
        await fresh.get("/things/mine", headers=bearer(signed_in["access_token"]))
    assert (await fresh.get("/stats")).json()["caches"]["tokens"] == {"hits": 4, "misses": 1}


def test_a_token_is_forgotten_after_its_time() -> None:
    now = 100.0
    tokens = KnownTokens(lifetime_s=1.0, size=10, monotonic=lambda: now)
    actor = Actor(tenant_id=uuid4())
    tokens.keep(b"a", actor)
    found = tokens.find(b"a")
    now = 101.0
    assert (found, tokens.find(b"a")) == (actor, None)


def test_the_oldest_token_makes_room() -> None:
    tokens = KnownTokens(lifetime_s=1.0, size=2)
    for token in (b"a", b"b", b"a", b"c"):
        tokens.keep(token, Actor(tenant_id=uuid4()))
    assert [tokens.find(token) is not None for token in (b"a", b"b", b"c")] == [True, False, True]
