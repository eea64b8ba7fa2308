import re
from typing import Any

import httpx2
import pytest

from tests.acceptance.people import Person, is_problem
from tests.acceptance.processes import ALL_BUT_OCR

SECURITY_HEADERS = {"x-content-type-options": "nosniff"}


@pytest.mark.in_processes
async def test_every_module_is_well_wherever_it_lives(converto: httpx2.AsyncClient, deployment: str) -> None:
    await converto.get("/ocr/health")  # so that the reader has answered at least once

    here = (await converto.get("/health")).json()
    everywhere = (await converto.get("/services/health")).json()

    assert here["status"] == "ok"
    assert set(here["modules"]) == set(everywhere) == {"ocr", *ALL_BUT_OCR.split(",")}
    assert {module["status"] for module in everywhere.values()} == {"ok"}
    assert everywhere["ocr"]["where"] == ("here" if deployment == "monolith" else "elsewhere")


async def test_the_process_is_alive_and_ready(converto: httpx2.AsyncClient) -> None:
    for path in ("/health/live", "/health/ready"):
        answer = await converto.get(path)

        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_a_request_is_counted_under_its_module_and_route(converto: httpx2.AsyncClient, aino: Person) -> None:
    async def counted() -> int:
        routes = (await converto.get("/stats")).json()["modules"].get("ocr", {}).get("routes", {})
        return int(routes.get("GET /ocr/scans", {"requests": 0})["requests"])

    before = await counted()
    for _ in range(3):
        await aino.get("/ocr/scans")

    assert await counted() == before + 3


async def test_figures_are_there_for_prometheus(converto: httpx2.AsyncClient) -> None:
    answer = await converto.get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert re.search(r"^# TYPE \w+ (counter|histogram|gauge)$", answer.text, re.MULTILINE)


async def test_the_reference_describes_every_route_of_every_module(converto: httpx2.AsyncClient) -> None:
    page = await converto.get("/docs")
    document = (await converto.get("/openapi.json")).json()

    assert page.headers["content-type"].startswith("text/html")
    assert {"/auth/register", "/auth/login", "/auth/me", "/ocr/scans", "/ocr/scans/{scan_id}/original", "/health"} <= set(document["paths"])
    assert not any(path.startswith("/internal") for path in document["paths"])


async def test_the_reference_page_loads_nothing_from_elsewhere(converto: httpx2.AsyncClient) -> None:
    page = (await converto.get("/docs")).text

    for source in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert "//" not in source
        assert source.startswith("data:") or (await converto.get(f"/{source}")).status_code == 200


@pytest.mark.parametrize("path", ["/", "/nothing", "/ocr", "/ocr/scans/", "/auth/me/", "/docs/../auth/me/x", "/internal/ocr"])
async def test_a_path_that_is_not_there_answers_404(converto: httpx2.AsyncClient, path: str) -> None:
    assert is_problem(await converto.get(path), 404, "not_found")


@pytest.mark.parametrize(("method", "path"), [("PUT", "/ocr/scans"), ("GET", "/auth/login"), ("PUT", "/auth/me"), ("POST", "/health")])
async def test_a_method_that_is_not_there_answers_405_and_says_what_is(converto: httpx2.AsyncClient, method: str, path: str) -> None:
    answer = await converto.request(method, path)

    assert is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"]


async def test_nobody_calls_a_module_past_the_edge(converto: httpx2.AsyncClient) -> None:
    for module in ("auth", "ocr", "gateway"):
        answer = await converto.post(f"/internal/{module}/health", content=b"\x80", headers={"content-type": "application/msgpack"})

        assert answer.status_code in {401, 403, 404}


async def test_a_request_id_comes_back_and_one_is_made_where_none_is_given(converto: httpx2.AsyncClient) -> None:
    given = await converto.get("/health", headers={"x-request-id": "kuitti-1.2_3"})
    made = [(await converto.get("/health")).headers["x-request-id"] for _ in range(2)]
    refused = await converto.get("/health", headers={"x-request-id": "a b\tc"})

    assert given.headers["x-request-id"] == "kuitti-1.2_3"
    assert len({*made}) == 2
    assert refused.headers["x-request-id"] != "a b\tc"


async def test_a_refusal_from_the_reader_bears_the_request_id_of_the_edge(aino: Person) -> None:
    headers = {"x-request-id": "kuitti-9"}

    answer = await aino.get("/ocr/scans/01900000-0000-7000-8000-000000000000", headers=headers)

    assert (answer.status_code, answer.json()["request_id"], answer.headers["x-request-id"]) == (404, "kuitti-9", "kuitti-9")


@pytest.mark.parametrize(
    "body",
    [
        b'{"email": "a@example.fi", "email": "b@example.fi", "password": "x"}',
        b'{"email": "a@example.fi", "password": NaN}',
        b'{"email": "a@example.fi", "password": "x"',
        b'{"email": "\\ud800", "password": "x"}',
        b'{"email": "a\\u0000", "password": "x"}',
        b'\xef\xbb\xbf{"email": "a@example.fi", "password": "x"}',
        b'{"email": "\xff", "password": "x"}',
        b'{"n": 9223372036854775808}',
        b"[" * 65 + b"]" * 65,
        b"{'email': 1}",
    ],
    ids=["key twice", "NaN", "cut off", "half a pair", "NUL", "byte order mark", "not UTF-8", "65 bits", "65 levels", "single quotes"],
)
async def test_json_that_is_read_in_two_ways_answers_400(converto: httpx2.AsyncClient, body: bytes) -> None:
    answer = await converto.post("/auth/login", content=body, headers={"content-type": "application/json"})

    assert is_problem(answer, 400, "gateway.bad_json")


async def test_a_body_that_is_too_large_answers_413(converto: httpx2.AsyncClient) -> None:
    answer = await converto.post("/auth/login", content=b" " * (1024 * 1024 + 1), headers={"content-type": "application/json"})

    assert is_problem(answer, 413, "too_large")


@pytest.mark.parametrize(
    ("path", "status"), [("/health", 200), ("/nothing", 404), ("/ocr/scans", 401), ("/auth/login", 405), ("/docs", 200), ("/metrics", 200)]
)
async def test_every_answer_bears_the_security_headers(converto: httpx2.AsyncClient, path: str, status: int) -> None:
    answer = await converto.get(path)

    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert "content-security-policy" in answer.headers
    assert "server" not in answer.headers


@pytest.mark.parametrize("body", [None, [], "text", 1, {"email": 1, "password": []}])
async def test_a_body_of_another_shape_answers_422(converto: httpx2.AsyncClient, body: Any) -> None:
    assert is_problem(await converto.post("/auth/login", json=body), 422, "invalid_request")
