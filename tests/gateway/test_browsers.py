"""What a browser is told and believed: cookies, origins, preflights, and the headers of every answer."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError

from converto.gateway.origins import origin_of
from converto.gateway.settings import GatewaySettings
from converto.kernel.config import Environment
from tests.acceptance.people import Person, is_problem, register
from tests.gateway.conftest import client_of, running, settings_in

APP = "https://app.example.com"
HERE = {"host": "edge.test"}


@pytest.fixture(scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    async with AsyncExitStack() as stack:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("CONVERTO_GATEWAY_CORS_ORIGINS", f"{APP}, http://localhost:5173")
            app = await stack.enter_async_context(running(settings_in(tmp_path_factory.mktemp("data"))))
        yield app


@pytest.fixture(scope="module")
async def http(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture(scope="module")
async def aino(http: httpx2.AsyncClient) -> Person:
    return await register(http)


def cookies(person: Person) -> dict[str, str]:
    return {"cookie": f'theme=dark; __Host-converto={person.signed_in["access_token"]}; a="b"'}


async def test_a_cookie_signs_in_like_a_bearer_token(http: httpx2.AsyncClient, aino: Person) -> None:
    answer = await http.get("/things/mine", headers=cookies(aino))
    assert answer.json() == {"tenant_id": aino.signed_in["tenant"]["id"]}


async def test_a_bad_cookie_is_as_bad_as_a_bad_token(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/things/mine", headers={"cookie": "__Host-converto=abc"})).status_code == 401
    assert (await http.get("/things/mine", headers={"cookie": "converto=abc"})).status_code == 401


GOOD = {
    "own address by TLS": {"origin": "https://edge.test"},
    "own address": {"origin": "http://edge.test"},
    "own address with its port": {"origin": "https://edge.test:443"},
    "own address, said twice": {"origin": "https://edge.test", "sec-fetch-site": "same-origin"},
    "only the browser's word": {"sec-fetch-site": "same-origin"},
    "listed": {"origin": APP, "sec-fetch-site": "cross-site"},
}
BAD = {
    "nothing": {},
    "another site": {"origin": "https://evil.example"},
    "null": {"origin": "null"},
    "empty": {"origin": ""},
    "a name that begins alike": {"origin": "https://edge.test.evil.example"},
    "a name that ends alike": {"origin": "https://evil-edge.test"},
    "another port": {"origin": "https://edge.test:8443"},
    "another scheme": {"origin": "ftp://edge.test"},
    "listed, but not by TLS": {"origin": "http://app.example.com"},
    "below a listed one": {"origin": "https://x.app.example.com"},
    "a sister": {"origin": "https://edge.test", "sec-fetch-site": "same-site"},
    "another site by the browser's word": {"sec-fetch-site": "cross-site"},
    "typed by hand": {"sec-fetch-site": "none"},
}


@pytest.mark.parametrize("given", GOOD.values(), ids=list(GOOD))
async def test_a_change_by_cookie_is_taken_from_pages_of_this_address(
    http: httpx2.AsyncClient, aino: Person, given: dict[str, str]
) -> None:
    answer = await http.post("/things", json={}, headers=cookies(aino) | HERE | given)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("given", BAD.values(), ids=list(BAD))
async def test_a_change_by_cookie_is_refused_from_any_other(http: httpx2.AsyncClient, aino: Person, given: dict[str, str]) -> None:
    for path in ("/things", "/auth/logout", "/auth/login"):
        answer = await http.post(path, json={}, headers=cookies(aino) | HERE | given)
        assert is_problem(answer, 403, "gateway.foreign_origin")
    assert (await http.get("/things/mine", headers=cookies(aino) | given)).status_code == 200


async def test_a_bearer_token_needs_no_origin(aino: Person) -> None:
    answer = await aino.ask("POST", "/things", json={}, headers=cookies(aino) | {"origin": "https://evil.example"})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/things/7", "/things/mine", "/nowhere", "/health"])
async def test_a_listed_page_may_read_every_answer_also_a_refusal(http: httpx2.AsyncClient, path: str) -> None:
    answer = await http.get(path, headers={"origin": APP})
    assert (answer.headers["access-control-allow-origin"], answer.headers["access-control-allow-credentials"]) == (APP, "true")
    assert "Origin" in answer.headers["vary"]
    assert "X-Request-Id" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "*", "", "http://app.example.com", f"{APP}.evil.example", f"{APP}:444"])
async def test_no_other_page_may(http: httpx2.AsyncClient, origin: str) -> None:
    for method in ("GET", "OPTIONS"):
        answer = await http.request(method, "/things/7", headers={"origin": origin, "access-control-request-method": "POST"})
        assert [name for name in answer.headers if name.startswith("access-control")] == []
        assert "Origin" in answer.headers["vary"]


async def test_a_preflight_is_answered_without_asking_who_it_is(http: httpx2.AsyncClient) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,idempotency-key"}
    answer = await http.options("/ocr/scans", headers={"origin": APP, **asked})
    assert (answer.status_code, answer.content) == (204, b"")
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "Idempotency-Key" in answer.headers["access-control-allow-headers"]
    assert int(answer.headers["access-control-max-age"]) > 0


async def test_without_a_list_no_other_address_may_read(data_dir: Path, start: Callable[..., Any]) -> None:
    http = await start(settings_in(data_dir))
    answer = await http.get("/things/7", headers={"origin": APP})
    assert [name for name in answer.headers if name.startswith("access-control")] == []


@pytest.mark.parametrize("given", ["*", "app.example.com", "https://app.example.com/path", "ftp://a", "https://", "https://u@a", "null"])
def test_what_is_no_origin_cannot_be_listed(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERTO_GATEWAY_CORS_ORIGINS", given)
    with pytest.raises(ValidationError, match="is no origin"):
        GatewaySettings()


def test_an_origin_is_written_as_browsers_write_it() -> None:
    assert [origin_of(given) for given in ("HTTPS://App.example.com:443/", " http://a:8080 ")] == [APP, "http://a:8080"]


HEADERS = {"x-content-type-options": "nosniff", "cross-origin-resource-policy": "same-origin", "cache-control": "no-store"}
OF_DOCUMENTS = {"x-frame-options": "DENY", "referrer-policy": "no-referrer", "cross-origin-opener-policy": "same-origin"}


@pytest.mark.parametrize("path", ["/things/7", "/things/mine", "/nowhere", "/things/broken", "/docs", "/health"])
async def test_every_answer_tells_a_browser_to_be_careful(http: httpx2.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "strict-transport-security" not in answer.headers


async def test_a_document_tells_more(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/docs")
    assert {name: answer.headers[name] for name in OF_DOCUMENTS} == OF_DOCUMENTS
    assert "camera=()" in answer.headers["permissions-policy"]


async def test_the_page_of_the_reference_runs_no_script_but_its_own(http: httpx2.AsyncClient) -> None:
    policy = (await http.get("/docs")).headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe-eval" not in policy


async def test_browsers_are_told_to_come_by_tls_alone(http: httpx2.AsyncClient, data_dir: Path, start: Callable[..., Any]) -> None:
    by_tls = await http.get("https://edge.test/things/7")
    secret = {"rpc_secrets": (SecretStr("x" * 40),)}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CONVERTO_AUTH_SECRET_KEY", "y" * 40)
        production = await start(settings_in(data_dir, environment=Environment.PRODUCTION, **secret))
    behind_a_proxy = await production.get("/things/7")
    assert "max-age=63072000" in by_tls.headers["strict-transport-security"]
    assert "max-age=63072000" in behind_a_proxy.headers["strict-transport-security"]
