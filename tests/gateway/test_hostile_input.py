import gc

import httpx2
import pytest
from fastapi import FastAPI

from tests.gateway.conftest import client_of
from tests.gateway.hostile import BAD_JSON, HEADERS, TARGETS

JSON = {"content-type": "application/json"}


def assert_refused(answer: httpx2.Response) -> None:
    assert 400 <= answer.status_code < 500, answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.json()["status"] == answer.status_code


@pytest.mark.parametrize("path", ["/things", "/auth/login", "/auth/register"])
async def test_bad_json_is_refused_on_every_route_that_takes_a_body(http: httpx2.AsyncClient, path: str) -> None:
    for body in BAD_JSON.values():
        assert_refused(await http.post(path, content=body, headers=JSON))


async def test_a_strange_address_is_refused(app: FastAPI) -> None:
    async with client_of(app) as http:
        for target in TARGETS:
            assert_refused(await http.get(f"http://edge.test{target}"))


async def test_a_strange_header_is_refused_or_makes_no_difference(http: httpx2.AsyncClient) -> None:
    for headers in HEADERS:
        sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        assert_refused(await http.post("/things/upload", content=b"--b\r\nnonsense", headers=sent))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--b",
        b"--b\r\n\r\n",
        b"--b\r\ncontent-disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        b'--b\r\ncontent-disposition: form-data; name="file"\r\n\r\nno file\r\n--b--\r\n',
        b'--b\r\ncontent-disposition: form-data; name="other"; filename="a"\r\n\r\nx\r\n--b--\r\n',
        b"--b\r\n" + b"x" * 100_000,
        b"--b\r\n" + b"a: b\r\n" * 10_000 + b"\r\n",
        b'--b\r\ncontent-disposition: form-data; name="' + b"n" * 100_000 + b'"\r\n\r\nx\r\n--b--\r\n',
        b'--b\r\ncontent-disposition: form-data; name="note"\r\n\r\nx\r\n' * 2000 + b"--b--\r\n",
    ],
    ids=[
        "empty",
        "only a boundary",
        "no headers",
        "no name",
        "no file",
        "another name",
        "long header",
        "headers",
        "name",
        "fields",
    ],
)
async def test_a_malformed_upload_is_refused(http: httpx2.AsyncClient, body: bytes) -> None:
    assert_refused(await http.post("/things/upload", content=body, headers={"content-type": "multipart/form-data; boundary=b"}))


@pytest.mark.filterwarnings("ignore:.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning")  # the parser forgets what it began
async def test_an_upload_that_ends_in_the_middle_is_refused(http: httpx2.AsyncClient) -> None:
    body = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\nx'
    assert_refused(await http.post("/things/upload", content=body, headers={"content-type": "multipart/form-data; boundary=b"}))
    gc.collect()


async def test_a_method_that_a_route_does_not_know_is_told_which_it_does(http: httpx2.AsyncClient) -> None:
    answer = await http.request("BREW", "/health")
    assert_refused(answer)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


async def test_good_json_reaches_the_route_unchanged(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/things", content='{"a": ["ä", 1, 2.5, null, {"🧾": true}]}'.encode(), headers=JSON)
    assert answer.json() == {"body": {"a": ["ä", 1, 2.5, None, {"🧾": True}]}}


async def test_a_large_json_body_reaches_the_route(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/things", json={"a": "x" * 500_000})
    assert answer.status_code == 200
    assert len(answer.json()["body"]["a"]) == 500_000
