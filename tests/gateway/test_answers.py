from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from tests.gateway.conftest import listening


@pytest.mark.parametrize("path", ["/health", "/nowhere", "/things/broken", "/things/mine", "/docs"])
async def test_every_answer_tells_a_browser_to_be_careful(http: httpx2.AsyncClient, path: str) -> None:
    headers = (await http.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "strict-transport-security" not in headers
    assert "server" not in headers


async def test_an_answer_over_tls_asks_for_tls_from_now_on(http: httpx2.AsyncClient) -> None:
    assert "max-age=" in (await http.get("https://edge.test/health")).headers["strict-transport-security"]


async def test_what_nobody_foresaw_is_a_500_that_tells_nothing(http: httpx2.AsyncClient, told: list[Any]) -> None:
    answer = await http.get("/things/broken")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "internal"
    assert "secret of the program" not in answer.text
    failure = next(fact for fact in told if fact["event"] == "http.failed")
    assert (failure["log_level"], failure["exc_info"], failure["error.type"]) == ("error", True, "RuntimeError")


async def test_an_error_of_ours_keeps_its_status_and_says_when_to_come_again(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/things/unavailable")
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "unavailable", "7")


async def test_an_answer_that_breaks_off_does_not_look_complete(app: FastAPI) -> None:
    async with listening(app) as port, httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        with pytest.raises(httpx2.RemoteProtocolError):
            await http.get("/things/breaks-off")


async def test_an_unknown_route_is_a_problem(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/nowhere")
    assert (answer.status_code, answer.json()["code"], answer.json()["title"]) == (404, "not_found", "Not found")


async def test_a_field_that_is_wrong_is_named_by_its_pointer(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/auth/login", json={"email": "x@example.fi"})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/password"]
