from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from fastapi import FastAPI

from converto.auth.api import router
from converto.auth.federation.api import COOKIE
from converto.auth.interface import Auth
from converto.kernel.web import install_problems
from tests.auth.federation.conftest import Federated
from tests.auth.rest import Edge


@pytest.fixture
async def http(federated: Federated) -> AsyncIterator[httpx2.AsyncClient]:
    """Return a browser of auth's REST that keeps no cookies of its own."""
    app = FastAPI()
    app.state.runtime = type("Runtime", (), {"interfaces": {Auth: federated.house.auth}})
    install_problems(app)
    app.include_router(router)
    transport = httpx2.ASGITransport(Edge(app, federated.house))
    async with httpx2.AsyncClient(transport=transport, base_url="https://converto.example", follow_redirects=False) as client:
        yield client


def cookie_of(answer: httpx2.Response) -> str:
    """Return the cookie that a browser was given, checked for how it is kept."""
    (given,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith(COOKIE)]
    attributes = {part.strip().lower() for part in given.split(";")[1:]}
    assert {"secure", "httponly", "path=/", "samesite=lax", "max-age=600"} <= attributes
    assert not any(attribute.startswith("domain") for attribute in attributes)
    return given.partition(";")[0]


async def there_and_back(
    http: httpx2.AsyncClient, federated: Federated, path: str = "/auth/oidc/test/start", *, cookie: str | None = None
) -> httpx2.Response:
    """Take a browser to the provider and back; `cookie` is what it brings back instead of its own."""
    sent = await http.get(path)
    assert sent.status_code == 302, sent.text
    asked: dict[str, Any] = dict(parse_qsl(urlsplit(sent.headers["location"]).query))
    headers = {"cookie": cookie_of(sent) if cookie is None else cookie}
    http.cookies.clear()
    return await http.get("/auth/oidc/test/callback", params=federated.provider.sent_back(asked), headers=headers)


async def test_the_providers_are_listed(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/auth/oidc")

    assert {provider["name"] for provider in answer.json()["items"]} == {"test", "other", "gone"}


async def test_a_browser_goes_there_and_comes_back_signed_in(http: httpx2.AsyncClient, federated: Federated) -> None:
    federated.provider.person["email"] = "there.and.back@example.fi"

    answer = await there_and_back(http, federated)

    assert answer.status_code == 200, answer.text
    assert answer.json()["user"]["email"] == "there.and.back@example.fi"
    assert answer.headers["cache-control"] == "no-store"


async def test_a_browser_that_goes_on_to_a_page_has_its_tokens_in_cookies(http: httpx2.AsyncClient, federated: Federated) -> None:
    federated.provider.person["email"] = "goes.on@example.fi"

    answer = await there_and_back(http, federated, "/auth/oidc/test/start?return_to=/receipts?year=2026")

    assert (answer.status_code, answer.headers["location"], answer.content) == (303, "/receipts?year=2026", b"")
    assert {line.partition("=")[0] for line in answer.headers.get_list("set-cookie")} >= {"__Host-converto", "__Host-converto-refresh"}


@pytest.mark.parametrize("page", ["//evil.example", "https://evil.example", "/\\evil.example", "evil", "/a\r\nset-cookie: b", "/ä", ""])
async def test_nobody_is_sent_on_to_another_site(http: httpx2.AsyncClient, federated: Federated, page: str) -> None:
    answer = await http.get("/auth/oidc/test/start", params={"return_to": page})

    assert answer.status_code == 422
    assert not federated.provider.asked


@pytest.mark.parametrize("cookie", ["", f"{COOKIE}={'A' * 43}", f"{COOKIE}=short"])
async def test_a_browser_that_was_not_sent_is_refused(http: httpx2.AsyncClient, federated: Federated, cookie: str) -> None:
    answer = await there_and_back(http, federated, cookie=cookie)

    assert (answer.status_code, answer.json()["code"]) == (401, "auth.oidc_refused")


async def test_two_tabs_of_one_browser_both_come_back(http: httpx2.AsyncClient, federated: Federated) -> None:
    federated.provider.person["email"] = "two.tabs@example.fi"
    first = await http.get("/auth/oidc/test/start")
    cookie = cookie_of(first)
    http.cookies.clear()
    second = await http.get("/auth/oidc/test/start", headers={"cookie": cookie})

    assert cookie_of(second) == cookie
    for sent in (first, second):
        asked = dict(parse_qsl(urlsplit(sent.headers["location"]).query))
        back = await http.get("/auth/oidc/test/callback", params=federated.provider.sent_back(asked), headers={"cookie": cookie})
        assert back.status_code == 200


async def test_what_cannot_be_asked_is_told(http: httpx2.AsyncClient) -> None:
    gone, unknown = await http.get("/auth/oidc/gone/start"), await http.get("/auth/oidc/nobody/start")

    assert (gone.status_code, gone.json()["code"]) == (503, "auth.provider_unavailable")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "auth.unknown_provider")


async def test_an_account_is_linked_and_unlinked(http: httpx2.AsyncClient, federated: Federated) -> None:
    signed_in = await federated.house.register("links.by.rest@example.fi")
    bearer = {"authorization": f"Bearer {signed_in.access_token}"}

    sent = await http.post("/auth/oidc/test/link", headers=bearer)
    asked = dict(parse_qsl(urlsplit(sent.json()["authorization_url"]).query))
    headers = {"cookie": cookie_of(sent)}
    back = await http.get("/auth/oidc/test/callback", params=federated.provider.sent_back(asked), headers=headers)

    assert (back.status_code, back.json()["provider"]) == (200, "test")
    assert len((await http.get("/auth/identities", headers=bearer)).json()["items"]) == 1
    assert (await http.delete("/auth/oidc/test/link", headers=bearer)).status_code == 204
    assert (await http.delete("/auth/oidc/test/link", headers=bearer)).status_code == 404
