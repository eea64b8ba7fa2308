from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from converto.gateway.admission import Lane
from converto.kernel.access import Admission
from tests.gateway.conftest import client_of, running, settings_in


@pytest.fixture
async def app(data_dir: Path) -> AsyncIterator[FastAPI]:
    async with running(settings_in(data_dir)) as app:
        yield app


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(app) as client:
        yield client


def lane(app: FastAPI, name: Admission) -> Lane:
    found: Lane = app.state.edge.admission.lanes[name]
    return found


def fill(of: Lane) -> None:
    """Fill every place, and leave nobody the time to wait in line."""
    of._bounds = type(of._bounds)(least=1, start=1, most=1, line_s=0.0)
    while of.enter():
        pass


async def test_what_finds_its_class_full_is_told_when_to_come_back(app: FastAPI, http: httpx2.AsyncClient) -> None:
    fill(lane(app, Admission.READ))
    refused = await http.get("/things/7")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.headers["content-type"] == "application/problem+json"
    assert (refused.json()["code"], refused.json()["request_id"]) == ("gateway.busy", refused.headers["x-request-id"])
    assert len(refused.content) == int(refused.headers["content-length"])


@pytest.mark.parametrize("headers", [{"x-request-id": "mine"}, {"origin": "https://app.example.com"}])
async def test_who_has_to_be_told_more_is_refused_in_full(app: FastAPI, http: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    fill(lane(app, Admission.READ))
    refused = await http.get("/things/7", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (503, "gateway.busy")
    assert refused.headers["x-request-id"] == headers.get("x-request-id", refused.headers["x-request-id"])


async def test_a_full_class_keeps_nobody_out_of_another(app: FastAPI, http: httpx2.AsyncClient) -> None:
    fill(lane(app, Admission.READ))
    answers = [await http.get("/health"), await http.post("/things/upload", files={"file": ("a", b"a")})]
    assert [answer.status_code for answer in answers] == [200, 200]


async def test_refusals_are_counted(app: FastAPI, http: httpx2.AsyncClient) -> None:
    fill(lane(app, Admission.READ))
    await http.get("/things/7")
    told: dict[str, Any] = (await http.get("/stats")).json()
    assert (told["admission"]["read"]["refused"], told["modules"]["things"]["routes"]["GET /things/{thing_id}"]["errors"]) == (1, 1)


async def test_a_process_that_is_about_to_end_takes_nothing_new_on(app: FastAPI, http: httpx2.AsyncClient) -> None:
    app.state.runtime.drain.begin()
    refused, look = await http.get("/things/7"), await http.get("/health/live")
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "gateway.draining", "1")
    assert look.status_code == 200


async def test_a_module_may_give_its_requests_less_time(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERTO_THINGS_TIMEOUT_S", "2")
    async with running(settings_in(data_dir)) as app, client_of(app) as http:
        left_s = (await http.get("/things/context")).json()["remaining_s"]
    assert 0 < left_s <= 2
