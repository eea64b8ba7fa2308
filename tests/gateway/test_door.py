"""What is refused at the door, told by what comes over the socket."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI

from converto.gateway.admission import Lane
from converto.kernel.access import Admission
from tests.gateway.conftest import listening, running, settings_in


class Answer(NamedTuple):
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Caller:
    """One connection, which is spoken to as it is written."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, line: str, *headers: str, body: bytes = b"") -> Answer:
        self.send(line, *headers, body=body)
        return await self.answer()

    def send(self, line: str, *headers: str, body: bytes = b"") -> None:
        told = [f"{line} HTTP/1.1", "host: edge.test", f"content-length: {len(body)}", *headers]
        self._writer.write("\r\n".join(told).encode() + b"\r\n\r\n" + body)

    def write(self, told: bytes) -> None:
        self._writer.write(told)

    async def answer(self) -> Answer:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:-2])
        body = await self._reader.readexactly(int(headers["content-length"]))
        return Answer(int(head[0].split()[1]), headers, body)

    async def is_closed(self) -> bool:
        return await self._reader.read() == b""

    def close(self) -> None:
        self._writer.close()


@pytest.fixture
async def app(data_dir: Path) -> AsyncIterator[FastAPI]:
    async with running(settings_in(data_dir)) as app:
        yield app


@pytest.fixture
async def caller(app: FastAPI) -> AsyncIterator[Caller]:
    async with listening(app) as port:
        caller = Caller(*await asyncio.open_connection("127.0.0.1", port))
        yield caller
        caller.close()


def fill(app: FastAPI) -> Lane:
    """Fill every place of what reads, and leave nobody the time to wait in line."""
    lane: Lane = app.state.edge.admission.lanes[Admission.READ]
    lane._bounds = type(lane._bounds)(least=1, start=1, most=1, line_s=0.0)
    while lane.enter():
        pass
    return lane


def empty(lane: Lane) -> None:
    while lane.at_once:
        lane.leave()


async def test_a_refusal_is_whole_and_the_connection_stays_good(app: FastAPI, caller: Caller) -> None:
    lane = fill(app)
    refused = [await caller.ask("GET /things/7?q=1") for _ in range(3)]
    empty(lane)
    taken = await caller.ask("GET /things/7")

    problem: dict[str, Any] = json.loads(refused[0].body)
    assert [answer.status for answer in refused] == [503, 503, 503]
    assert refused[0].headers["content-type"] == "application/problem+json"
    assert (refused[0].headers["retry-after"], refused[0].headers["cache-control"]) == ("1", "no-store")
    assert (problem["code"], problem["request_id"]) == ("gateway.busy", refused[0].headers["x-request-id"])
    assert len({answer.headers["x-request-id"] for answer in refused}) == 3
    assert "date" in refused[0].headers
    assert (taken.status, json.loads(taken.body)["thing_id"]) == (200, 7)


async def test_the_body_of_what_is_refused_is_not_taken_for_a_request(app: FastAPI, caller: Caller) -> None:
    lane = fill(app)
    hidden = b"GET /things/8 HTTP/1.1\r\nhost: edge.test\r\n\r\n"
    refused = await caller.ask("POST /things", "content-type: application/json", body=hidden)
    empty(lane)
    taken = await caller.ask("GET /things/7")
    assert (refused.status, taken.status, json.loads(taken.body)["thing_id"]) == (503, 200, 7)


async def test_a_body_that_comes_after_the_refusal_is_not_taken_for_a_request(app: FastAPI, caller: Caller) -> None:
    hidden = b"GET /things/8 HTTP/1.1\r\nhost: edge.test\r\n\r\n"
    lane = fill(app)
    caller.write(f"POST /things HTTP/1.1\r\nhost: edge.test\r\ncontent-length: {len(hidden)}\r\n\r\n".encode())
    refused = await caller.answer()
    caller.write(hidden)
    asked = [await caller.ask("GET /things/7") for _ in range(3)]
    empty(lane)
    taken = await caller.ask("GET /things/7")
    assert [answer.status for answer in (refused, *asked, taken)] == [503, 503, 503, 503, 200]
    assert json.loads(taken.body)["thing_id"] == 7


@pytest.mark.parametrize(
    "head",
    [
        b"GET /things/7 HTTP/1.1\r\nhost: edge.test\r\ntransfer-encoding : chunked\r\n\r\n",
        b"GET /things/7 HTTP/1.1\r\nhost: edge.test\r\ncontent-length: 0\r\ncontent-length: 5\r\n\r\n",
        b"GET /things/7 HTTP/1.1\r\nhost: edge.test\r\ncontent-length: +5\r\n\r\n",
        b"GET /things/7 HTTP/1.1\r\nhost: edge.test\r\nx: a\0b\r\n\r\n",
        b"GET /things/7 HTTP/1.1\r\nhost: edge.test\r\n: nothing\r\n\r\n",
    ],
    ids=["a blank before the colon", "two lengths", "a length with a sign", "a zero byte", "no name"],
)
async def test_what_is_no_request_is_never_taken_for_a_plain_one(app: FastAPI, caller: Caller, head: bytes) -> None:
    fill(app)
    assert (await caller.ask("GET /things/7")).status == 503
    caller.write(head)
    assert (await caller.answer()).status == 400
    assert await caller.is_closed()


async def test_two_requests_in_one_packet_get_two_refusals(app: FastAPI, caller: Caller) -> None:
    fill(app)
    caller.write(b"GET /things/7 HTTP/1.1\r\nhost: edge.test\r\n\r\n" * 3)
    assert [(await caller.answer()).status for _ in range(3)] == [503, 503, 503]


async def test_what_is_refused_behind_a_request_under_way_is_answered_after_it(app: FastAPI, caller: Caller) -> None:
    caller.send("POST /things", "content-type: application/json", body=b"[1]")
    fill(app)
    caller.send("GET /things/7")
    statuses = [(await caller.answer()).status, (await caller.answer()).status]
    assert statuses[1] == 503


@pytest.mark.parametrize(
    ("line", "headers"),
    [
        ("GET /things/%37", ()),
        ("GET /things/7", ("connection: close",)),
        ("GET /things/7", ("x-request-id: mine",)),
        ("GET /things/7", ("origin: https://app.example.com",)),
        ("GET /things/7", ("connection: upgrade", "upgrade: websocket")),
        ("POST /things", ("expect: 100-continue", "content-type: application/json")),
    ],
)
async def test_who_has_to_be_told_more_is_refused_further_in(app: FastAPI, caller: Caller, line: str, headers: tuple[str, ...]) -> None:
    fill(app)
    refused = await caller.ask(line, *headers)
    assert (refused.status, json.loads(refused.body)["code"]) == (503, "gateway.busy")
    if headers == ("x-request-id: mine",):
        assert refused.headers["x-request-id"] == "mine"


async def test_whoever_asked_to_close_is_hung_up_on(app: FastAPI, caller: Caller) -> None:
    fill(app)
    refused = await caller.ask("GET /things/7", "connection: close")
    assert (refused.status, await caller.is_closed()) == (503, True)


async def test_a_full_class_keeps_nobody_out_of_another_nor_from_what_is_not_there(app: FastAPI, caller: Caller) -> None:
    fill(app)
    answers = [await caller.ask("GET /health"), await caller.ask("GET /nowhere"), await caller.ask("DELETE /things/7")]
    assert [answer.status for answer in answers] == [200, 404, 405]


async def test_refusals_are_counted(app: FastAPI, caller: Caller) -> None:
    fill(app)
    await caller.ask("GET /things/7")
    told = json.loads((await caller.ask("GET /stats")).body)
    assert (told["admission"]["read"]["refused"], told["modules"]["things"]["routes"]["GET /things/{thing_id}"]["errors"]) == (1, 1)
