"""Programs at the edge: an API key is good where it may be good, and for nothing of a person's own."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from tests.gateway.conftest import running, settings_in

PERSON = {"email": "aino@example.fi", "password": "kolme vihreää tuolia 81", "full_name": "Aino Niemi", "company_name": "Lumo Oy"}


@pytest.fixture(scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    async with running(settings_in(tmp_path_factory.mktemp("data"))) as app:
        yield app


def at(app: FastAPI, address: str) -> httpx2.AsyncClient:
    """Return somebody at an address."""
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app, client=(address, 4000)), base_url="http://converto")


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_what_was_good_from_one_address_a_moment_ago_is_not_from_another(app: FastAPI) -> None:
    async with at(app, "192.0.2.7") as inside, at(app, "198.51.100.9") as outside:
        owner = (await inside.post("/auth/register", json=PERSON)).json()
        new: dict[str, Any] = {"name": "Kirjaus", "scopes": ["auth:read"], "networks": ["192.0.2.0/24"]}
        key = (await inside.post("/auth/api-keys", json=new, headers=bearer(owner["access_token"]))).json()["key"]

        answers = [await client.get("/auth/tenant", headers=bearer(key)) for client in (inside, outside, inside)]

    assert [answer.status_code for answer in answers] == [200, 403, 200]
    assert answers[1].json()["code"] == "auth.wrong_network"


async def test_a_key_opens_no_route_of_a_persons_own(app: FastAPI) -> None:
    async with at(app, "192.0.2.8") as http:
        owner = (await http.post("/auth/register", json={**PERSON, "email": "boris@example.fi"})).json()
        scopes = (await http.get("/auth/me", headers=bearer(owner["access_token"]))).json()["scopes"]
        granted = [scope for scope in scopes if scope not in {"auth:self", "auth:owner"}]
        key = (await http.post("/auth/api-keys", json={"name": "K", "scopes": granted}, headers=bearer(owner["access_token"]))).json()[
            "key"
        ]
        own = [
            ("GET", "/auth/me"), ("DELETE", "/auth/me"), ("GET", "/auth/me/export"), ("POST", "/auth/me/restore"), ("POST", "/auth/logout"),
            ("POST", "/auth/logout-all"), ("GET", "/auth/sessions"), ("GET", "/auth/companies"), ("GET", "/auth/mfa"),
        ]  # fmt: skip

        answers = [await http.request(method, path, headers=bearer(key)) for method, path in own]

    assert {answer.status_code for answer in answers} == {403}
    assert {answer.json()["detail"] for answer in answers} == {"This needs the scope auth:self."}
