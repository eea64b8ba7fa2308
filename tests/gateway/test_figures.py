import asyncio
import re
from pathlib import Path

import httpx2
import orjson
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from converto.gateway.figures import WINDOW_S, RequestFigures
from converto.gateway.latency import BOUNDS_S, added, percentile_s
from converto.gateway.stats import Figures
from tests.gateway.conftest import client_of, running, settings_in

GET = ("GET", "/x", 200)


async def counted(http: httpx2.AsyncClient) -> dict[tuple[str, str, str], float]:
    families = text_string_to_metric_families((await http.get("/metrics")).text)
    samples = [sample for family in families for sample in family.samples if sample.name == "converto_http_requests_total"]
    return {(s.labels["method"], s.labels["route"], s.labels["status"]): s.value for s in samples}


async def test_requests_are_counted_by_the_template_of_their_route(fresh: httpx2.AsyncClient) -> None:
    for path in ("/things/1", "/things/2?q=secret", "/things/x", "/nowhere/1", "/nowhere/2", "/docs/start.js"):
        await fresh.get(path)
    await fresh.post("/things/1")
    await fresh.request("BREW", "/things/1")
    assert await counted(fresh) == {
        ("GET", "/things/{thing_id}", "200"): 2,
        ("GET", "/things/{thing_id}", "422"): 1,
        ("POST", "/things/{thing_id}", "405"): 1,
        ("other", "/things/{thing_id}", "405"): 1,
        ("GET", "unmatched", "404"): 2,
        ("GET", "/docs/{asset}", "200"): 1,
    }


async def test_prometheus_is_told_how_long_requests_took(fresh: httpx2.AsyncClient) -> None:
    await fresh.get("/things/1")
    families = {family.name: family for family in text_string_to_metric_families((await fresh.get("/metrics")).text)}
    samples = families["converto_http_request_seconds"].samples
    buckets = [sample.value for sample in samples if sample.name.endswith("_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 1
    assert [sample.labels["le"] for sample in samples if sample.name.endswith("_bucket")][-2:] == ["30", "+Inf"]
    assert 0 < next(sample.value for sample in samples if sample.name.endswith("_sum")) < 5


async def test_stats_tell_of_each_module_and_route(fresh: httpx2.AsyncClient) -> None:
    for path in ("/things/1", "/things/2", "/things/broken", "/health"):
        await fresh.get(path)
    await fresh.post("/things", json="x" * 2_000_000)
    stats = (await fresh.get("/stats")).json()
    things = stats["modules"]["things"]
    assert (things["total"]["requests"], things["total"]["errors"]) == (4, 1)
    assert things["routes"]["GET /things/{thing_id}"]["requests"] == 2
    assert things["total"]["latency_ms"]["p50"] <= things["total"]["latency_ms"]["p99"]
    assert stats["modules"]["edge"]["routes"]["GET /health"]["requests"] == 1
    admitted = {name: lane["admitted"] for name, lane in stats["admission"].items()}
    assert admitted == {"health": 2, "auth": 0, "money": 0, "read": 3, "bulk": 0, "waiting": 0}
    assert (stats["total"]["requests"], stats["limits_hit"]) == (5, {"size": 1, "rate": 0, "address": 0})


def test_a_percentile_is_at_most_a_tenth_too_high() -> None:
    figures = RequestFigures(CollectorRegistry())
    for milliseconds in range(1, 1001):
        figures.count(GET, milliseconds / 1000)
    counts = figures.series()[0].recent()
    for share in (0.50, 0.95, 0.99):
        assert share <= (percentile_s(counts, share) or 0) <= share * 1.1 + 1e-9


def test_there_is_no_percentile_of_nothing() -> None:
    assert percentile_s(added([]), 0.5) is None


def test_what_takes_longer_than_anything_is_counted_too() -> None:
    figures = RequestFigures(CollectorRegistry())
    figures.count(GET, 3600)
    assert percentile_s(figures.series()[0].recent(), 0.5) == BOUNDS_S[-1]


def test_latencies_roll_and_counts_stay() -> None:
    now = 0.0
    figures = RequestFigures(CollectorRegistry(), monotonic=lambda: now)
    seen = []
    for now in (0.0, WINDOW_S, 2 * WINDOW_S):
        seen.append(Figures.of(figures.series()))
        if now == 0.0:
            figures.count(GET, 0.2)
            seen.append(Figures.of(figures.series()))
    assert [found.requests for found in seen] == [0, 1, 1, 1]
    assert [found.latency_ms.p50 is None for found in seen] == [True, False, False, True]


async def test_a_line_of_the_log_tells_of_each_request(data_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with running(settings_in(data_dir)) as app, client_of(app) as http:
        await http.get("/things/7?q=hidden", headers={"authorization": "Bearer hidden", "x-request-id": "one"})
        await http.get("/nowhere/hidden")
        await http.get("/things/unavailable")
        await http.get("/health/live")
    lines = [line for line in capfd.readouterr().err.splitlines() if '"http.answered"' in line]
    facts = [orjson.loads(line) for line in lines]
    assert [(fact["http.route"], fact["http.response.status_code"], fact["log.level"]) for fact in facts] == [
        ("/things/{thing_id}", 200, "info"),
        ("unmatched", 404, "warning"),
        ("/things/unavailable", 503, "error"),
    ]
    assert facts[0]["http.request.id"] == "one"
    assert facts[0]["http.response.body.bytes"] == len(b'{"thing_id":7,"q":"hidden"}')
    assert facts[0]["event.duration"] > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", facts[0]["@timestamp"])
    assert "hidden" not in "".join(lines)


async def test_the_log_says_for_which_company_somebody_asked(data_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    person = {"email": "a@example.fi", "password": "kolme vihreää tuolia 81", "full_name": "Aino", "company_name": "Lumo Oy"}
    async with running(settings_in(data_dir)) as app, client_of(app) as http:
        known = (await http.post("/auth/register", json=person)).json()
        await http.get("/things/mine", headers={"authorization": f"Bearer {known['access_token']}"})
    told = [orjson.loads(line) for line in capfd.readouterr().err.splitlines() if '"/things/mine"' in line]
    assert [fact["organization.id"] for fact in told] == [known["tenant"]["id"]]


async def test_lines_are_written_soon(data_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with running(settings_in(data_dir)) as app, client_of(app) as http:
        await http.get("/things/7")
        written = ""
        async with asyncio.timeout(5):
            while "http.answered" not in written:
                await asyncio.sleep(0.01)
                written += capfd.readouterr().err
        assert '"/things/{thing_id}"' in written


async def test_only_what_went_wrong_is_told_from_the_level_warning_on(data_dir: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with running(settings_in(data_dir, log_level="warning")) as app, client_of(app) as http:
        await http.get("/things/7")
        await http.get("/nowhere")
    told = [line for line in capfd.readouterr().err.splitlines() if "http.answered" in line]
    assert len(told) == 1
