import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx2
import pytest

from converto.auth.interface import Auth
from converto.gateway.layers.authentication import Authentication, KnownTokens
from converto.kernel.actor import Actor
from converto.kernel.errors import Unauthenticated
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
    assert (found, tokens.find(b"a")) == ((actor, False), (None, True))


def test_a_token_is_asked_about_anew_before_its_time_is_over() -> None:
    now = 100.0
    tokens = KnownTokens(lifetime_s=1.0, size=10, monotonic=lambda: now)
    actor = Actor(tenant_id=uuid4())
    tokens.keep(b"a", actor)
    now = 100.6
    assert tokens.find(b"a") == (actor, True)


class Asked:
    """Answers for a token when it is told to, and counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0
        self.answer: Actor | Unauthenticated = Actor(tenant_id=uuid4(), user_id=uuid4())
        self.may_answer = asyncio.Event()

    async def authenticate(self, _: str, *, address: str | None) -> Actor:
        assert address is None
        self.times += 1
        answer = self.answer
        await self.may_answer.wait()
        if isinstance(answer, Unauthenticated):
            raise answer
        return answer


def asking(lifetime_s: float = 60.0) -> tuple[Asked, Authentication, KnownTokens, Callable[[], dict[str, Any]]]:
    auth, tokens = Asked(), KnownTokens(lifetime_s=lifetime_s, size=10)

    def scope() -> dict[str, Any]:
        return {"converto.named": {b"authorization": b"Bearer a"}, "client": ("192.0.2.1", 5)}

    return auth, Authentication(auth=lambda: cast("Auth", auth), tokens=tokens), tokens, scope


async def test_many_who_bring_a_token_at_once_ask_about_it_once() -> None:
    auth, authentication, _, scope = asking()
    scopes = [scope() for _ in range(10)]
    waiting = asyncio.gather(*(authentication.ask(one) for one in scopes))
    await asyncio.sleep(0)
    auth.may_answer.set()
    await waiting
    assert (auth.times, {one["converto.actor"] for one in scopes}) == (1, {auth.answer})


async def test_nobody_waits_for_a_token_that_is_asked_about_anew() -> None:
    auth, authentication, tokens, scope = asking(lifetime_s=-1)
    tokens._lifetime_s, actor = 1e9, Actor(tenant_id=uuid4())
    tokens.keep(b"a", actor)
    tokens._lifetime_s = 1e12  # half of its life is over
    one = scope()
    assert (authentication.known(one), one["converto.actor"]) == (True, actor)
    await asyncio.sleep(0)
    assert auth.times == 1


async def test_a_token_that_is_found_to_be_over_is_forgotten_at_once() -> None:
    auth, authentication, tokens, scope = asking()
    tokens.keep(b"a", Actor(tenant_id=uuid4()))
    auth.answer = Unauthenticated()
    auth.may_answer.set()
    refused = scope()
    await authentication.ask(refused)
    assert isinstance(refused["converto.refusal"], Unauthenticated)
    assert tokens.find(b"a") == (None, True)


async def test_an_answer_of_before_a_change_is_not_kept() -> None:
    auth, authentication, tokens, scope = asking()
    actor = auth.answer
    assert isinstance(actor, Actor)
    waiting = asyncio.create_task(authentication.ask(scope()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    authentication.forget(actor)
    auth.may_answer.set()
    await waiting
    assert tokens.find(b"a") == (None, True)


def test_the_oldest_token_makes_room() -> None:
    tokens = KnownTokens(lifetime_s=1.0, size=2)
    for token in (b"a", b"b", b"a", b"c"):
        tokens.keep(token, Actor(tenant_id=uuid4()))
    assert [tokens.find(token)[0] is not None for token in (b"a", b"b", b"c")] == [True, False, True]
