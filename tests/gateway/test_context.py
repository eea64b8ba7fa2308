import re

import httpx2
import pytest

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize("given", ["a", "order-7_2.b", "x" * 100])
async def test_a_sane_request_id_is_kept(http: httpx2.AsyncClient, given: str) -> None:
    answer = await http.get("/things/context", headers={"x-request-id": given})
    assert (answer.headers["x-request-id"], answer.json()["request_id"]) == (given, given)


@pytest.mark.parametrize("given", ["", "x" * 101, "a b", "a\tb", "a;b", 'a"b', "ä", "<script>", "../a"])
async def test_another_request_id_is_replaced(http: httpx2.AsyncClient, given: str) -> None:
    answer = await http.get("/things/context", headers=[(b"x-request-id", given.encode())])
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_every_request_gets_an_id_of_its_own(http: httpx2.AsyncClient) -> None:
    answers = [await http.get(path) for path in ("/health", "/health", "/nowhere", "/things/broken")]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 4


async def test_requests_of_one_trace_have_different_ids(http: httpx2.AsyncClient) -> None:
    ids = {(await http.get("/health", headers={"traceparent": PARENT})).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3


async def test_a_trace_goes_on_in_a_span_of_its_own(http: httpx2.AsyncClient) -> None:
    trace_parent = (await http.get("/things/context", headers={"traceparent": PARENT})).json()["trace_parent"]
    assert trace_parent.split("-")[1] == TRACE
    assert trace_parent != PARENT


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (f"cc-{TRACE}-00f067aa0ba902b7-01-what-the-future-says", True),
        (f"00-{TRACE}-00f067aa0ba902b7-01-more", False),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", False),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", False),
        (f"00-{TRACE}-00f067aa0ba902b7", False),
        ("00", False),
        ("", False),
    ],
)
async def test_only_a_well_formed_trace_is_taken_up(http: httpx2.AsyncClient, given: str, kept: bool) -> None:  # noqa: FBT001 - a parameter
    trace_parent = (await http.get("/things/context", headers={"traceparent": given})).json()["trace_parent"]
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", trace_parent)
    assert (trace_parent.split("-")[1] == TRACE) is kept


async def test_a_request_has_a_minute(http: httpx2.AsyncClient) -> None:
    remaining_s = (await http.get("/things/context", headers={"prefer": "wait=30"})).json()["remaining_s"]
    assert 55 < remaining_s <= 60


async def test_an_event_stream_has_all_the_time(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/things/context", headers={"accept": "text/event-stream"})).json()["remaining_s"] is None
