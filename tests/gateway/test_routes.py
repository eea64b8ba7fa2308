from collections.abc import Sequence

import pytest
from fastapi import APIRouter
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route

from converto.gateway.routes import Routes, merged
from converto.kernel.access import CLOSED, INTERNAL, PUBLIC, Access, Admission
from converto.kernel.config import CannotStart
from converto.kernel.manifest import Module

READ = Access("things:read", Admission.READ)


async def nothing(_: Request) -> Response:
    return Response()


def routes(*listed: str, table: dict[str, Access] | None = None) -> Routes:
    return Routes(starlette(*listed), dict.fromkeys(listed, READ) if table is None else table)


def starlette(*listed: str) -> list[BaseRoute]:
    return [Route(path, nothing, methods=[method]) for method, path in (route.split() for route in listed)]


THINGS = (
    "GET /things",
    "POST /things",
    "GET /things/mine",
    "GET /things/{thing}",
    "GET /things/{thing}/{page}.png",
    "DELETE /{area}/{thing}",
)


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("GET", "/things", "/things"),
        ("HEAD", "/things", "/things"),
        ("GET", "/things/mine", "/things/mine"),
        ("GET", "/things/mines", "/things/{thing}"),
        ("GET", "/things/7/3.png", "/things/{thing}/{page}.png"),
        ("DELETE", "/other/7", "/{area}/{thing}"),
        ("DELETE", "/things/7", "/{area}/{thing}"),
        ("GET", "/things/7/3.jpg", None),
        ("GET", "/things/7/.png", None),
        ("GET", "/things/", None),
        ("GET", "//things", None),
        ("GET", "/things\n", None),
        ("GET", "/THINGS", None),
        ("GET", "/things/mine/", None),
        ("PUT", "/things", None),
        ("get", "/things", None),
        ("GET", "", None),
        ("GET", "*", None),
    ],
)
def test_a_request_is_for_one_route_or_for_none(method: str, path: str, template: str | None) -> None:
    found = routes(*THINGS).find(method, path)
    assert (found and found.template) == template


PARTS = st.sampled_from(["things", "mine", "a", "7", "1.png", ".png", "", "\n", "ä", "..", "%2F"])


@given(method=st.sampled_from(["GET", "POST", "DELETE"]), parts=st.lists(PARTS, max_size=5), end=st.sampled_from(["", "\n"]))
def test_what_is_found_is_what_the_router_would_take(method: str, parts: list[str], end: str) -> None:
    path = "/" + "/".join(parts) + end
    found = routes(*THINGS).find(method, path)
    if found is not None:
        assert found.template == _taken(starlette(*THINGS), method, path)


def _taken(listed: Sequence[BaseRoute], method: str, path: str) -> str | None:
    scope = {"type": "http", "method": method, "path": path}
    return next((route.path for route in listed if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL), None)


def test_a_path_says_which_methods_it_takes() -> None:
    assert routes(*THINGS).methods("/things") == ["GET", "HEAD", "POST"]
    assert routes(*THINGS).methods("/nothing/at/all") == []


def test_a_route_in_no_table_is_closed() -> None:
    found = routes("GET /things", table={}).find("GET", "/things")
    assert found is not None
    assert found.access.scope == CLOSED


def test_calls_of_our_own_processes_need_no_entry() -> None:
    found = routes("POST /internal/ocr/{operation}", table={}).find("POST", "/internal/ocr/scan")
    assert found is not None
    assert found.access is INTERNAL


@pytest.mark.parametrize(
    "listed",
    [
        ("GET /things/{thing}", "GET /things/mine"),
        ("GET /things/{thing}", "GET /things/{page}.png"),
        ("GET /{area}/mine", "GET /things/{thing}"),
        ("GET /things/{rest:path}", "GET /things/mine"),
    ],
)
def test_routes_that_the_router_would_read_otherwise_are_refused(listed: Sequence[str]) -> None:
    with pytest.raises(CannotStart, match="both take"):
        routes(*listed)


def test_what_takes_every_path_comes_last() -> None:
    found = routes("GET /things/mine", "GET /things/{rest:path}").find("GET", "/things/a/b/c")
    assert found is not None
    assert found.template == "/things/{rest:path}"


def test_a_module_brings_entries_of_its_own_but_changes_no_others() -> None:
    assert merged([Module(name="things", access={"GET /things": READ})])["GET /things"] == READ
    with pytest.raises(CannotStart, match="GET /health"):
        merged([Module(name="things", access={"GET /health": Access(PUBLIC, Admission.READ)})])


def test_a_path_that_is_written_out_is_that_path_alone_whatever_the_method() -> None:
    listed = routes("POST /keys/login", "DELETE /keys/{key}", "GET /keys/{key}/{part}")
    assert listed.find("DELETE", "/keys/login") is None
    assert listed.methods("/keys/login") == ["POST"]
    assert listed.methods("/keys/7") == ["DELETE"]
    assert listed.methods("/keys/login/7") == ["GET", "HEAD"]


def test_what_a_router_of_its_own_serves_is_gone_to_straight() -> None:
    listed = starlette("GET /things", "GET /things/{thing}")
    found = Routes(listed, dict.fromkeys(("GET /things", "GET /things/{thing}"), READ))
    assert [found.find("GET", path).route for path in ("/things", "/things/7")] == listed  # type: ignore[union-attr]


def test_what_a_router_within_a_router_serves_is_left_to_the_router() -> None:
    inner, outer = APIRouter(), APIRouter(prefix="/things")
    inner.add_api_route("/{thing}", nothing)
    outer.include_router(inner)
    found = Routes(outer.routes, {"GET /things/{thing}": READ}).find("GET", "/things/7")
    assert found is not None
    assert (found.template, found.route) == ("/things/{thing}", None)
