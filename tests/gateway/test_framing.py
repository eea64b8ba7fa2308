"""Over a real socket: a client library would not send what is sent here."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import orjson
import pytest
from fastapi import FastAPI

from tests.gateway.conftest import client_of, listening, running, settings_in

MIB = 1024 * 1024
OK = b"GET /health/live HTTP/1.1\r\nhost: edge.test\r\nconnection: close\r\n\r\n"


@pytest.fixture(scope="module")
async def port(app: FastAPI) -> AsyncIterator[int]:
    async with listening(app) as port:
        yield port


async def sent(port: int, request: bytes) -> bytes:
    """Send bytes as they are, and return all that is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        async with asyncio.timeout(10):
            return await reader.read()
    finally:
        writer.close()


def head(*lines: str, method: str = "GET", path: str = "/health/live") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "connection: close", "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    "request_bytes",
    [
        head(),
        head("host: a", "host: b"),
        head("host: a", "Host: a"),
        head("host:"),
        head("host: a b"),
        head("host: a/../b"),
        head("host: a@b"),
        head("host: a:b"),
        head("host: \xe4"),
        head("host: a", "authorization: Bearer a", "authorization: Bearer b"),
        head("host: a", "content-type: application/json", "content-type: text/plain", method="POST", path="/things"),
        head("host: a", "content-length: 1", "content-length: 2", method="POST", path="/things") + b"xx",
        head("host: a", "content-length: 4", "transfer-encoding: chunked", method="POST", path="/things") + b"0\r\n\r\n",
        head("host: a", "content-length: -1", method="POST", path="/things"),
        head("host: a", "content-length: +1", method="POST", path="/things") + b"x",
        head("host: a", "content-length: 0x1", method="POST", path="/things") + b"x",
        head("host: a", "content-length: 99999999999999999999", method="POST", path="/things"),
        head("host: a", "transfer-encoding: gzip", method="POST", path="/things"),
        head("host: a", "transfer-encoding: chunked", method="POST", path="/things") + b"zz\r\n\r\n",
        head("host: a", " folded: header"),
        head("host: a", "na me: x"),
        head("host: a", "name\x00: x"),
        head("host: a", path="/\xe4"),
        head("host: a", path="/things/1%00"),
        head("host: a", path="/things/1?q=%00"),
        b"GET / HTTP/9.9\r\nhost: a\r\n\r\n",
        b"GET /health/live HTTP/1.0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    ],
)
async def test_what_two_servers_could_read_differently_is_refused(port: int, request_bytes: bytes) -> None:
    answer = await sent(port, request_bytes)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 ")), answer
    assert b" 200 " in await sent(port, OK)


async def test_a_refused_host_is_told_as_a_problem(port: int) -> None:
    headers, _, body = (await sent(port, head("host: a", "host: b"))).partition(b"\r\n\r\n")
    problem = orjson.loads(body)
    assert b"content-type: application/problem+json" in headers
    assert problem["request_id"].encode() in headers
    assert (problem["status"], problem["code"]) == (400, "bad_request")


async def test_only_trusted_hosts_are_served_where_they_are_named(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERTO_GATEWAY_TRUSTED_HOSTS", "edge.test, other.test")
    async with running(settings_in(data_dir)) as app, client_of(app) as http:
        ours, with_port, foreign = [
            await http.get(f"http://{host}/health/live") for host in ("edge.test", "OTHER.test:8000", "foreign.test")
        ]
    assert [ours.status_code, with_port.status_code, foreign.status_code] == [200, 200, 400]


async def test_a_declared_size_beyond_the_limit_is_refused_unread(port: int) -> None:
    answer = await sent(port, head("host: a", f"content-length: {MIB + 1}", method="POST", path="/things"))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"application/problem+json" in answer
    assert str(MIB).encode() in answer


async def test_an_undeclared_size_is_counted_while_it_comes(port: int) -> None:
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    start = head("host: a", "content-type: application/json", "transfer-encoding: chunked", method="POST", path="/things")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(start + 17 * chunk)  # and no end
    async with asyncio.timeout(10):
        status = await reader.readline()
    writer.close()
    assert status.startswith(b"HTTP/1.1 413 ")


async def uploaded(http: httpx2.AsyncClient, size: int, *, declared: bool) -> httpx2.Response:
    body = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"x" * size + b"\r\n--b--\r\n"

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(body), MIB):
            yield body[start : start + MIB]

    return await http.post(
        "/things/upload", content=body if declared else parts(), headers={"content-type": "multipart/form-data; boundary=b"}
    )


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.filterwarnings("ignore:.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning")
async def test_an_upload_may_have_21_mebibytes_and_no_more(port: int, declared: bool) -> None:  # noqa: FBT001 - a parameter
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        fits = await uploaded(http, 20 * MIB, declared=declared)
        too_large = await uploaded(http, 21 * MIB, declared=declared)
    assert (fits.status_code, fits.json()["bytes"]) == (200, 20 * MIB)
    assert (too_large.status_code, too_large.json()["code"]) == (413, "too_large")


async def test_the_limits_can_be_set(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERTO_GATEWAY_JSON_MAX_BYTES", "2048")
    async with running(settings_in(data_dir)) as app, client_of(app) as http:
        answers = [await http.post("/things", json="x" * size) for size in (2000, 3000)]
    assert [answer.status_code for answer in answers] == [200, 413]


async def test_headers_that_would_say_who_asks_are_dropped(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/things/headers", headers={"x-user-id": "1", "X-Tenant-ID": "2", "x-other": "3"})
    assert {"x-user-id", "x-tenant-id"}.isdisjoint(answer.json())
    assert "x-other" in answer.json()


async def test_a_path_with_a_slash_too_many_is_not_redirected_to_what_the_client_calls_us(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/health/", headers={"host": "evil.example"})
    assert answer.status_code == 404
    assert "location" not in answer.headers
