"""The trace of an upload through real processes, and what it costs to tell of it."""

import time
from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx2
import pytest

from bench.measuring.program import Program
from converto.kernel.config import Settings
from converto.kernel.tracing import spanning, traced
from tests.acceptance.processes import House
from tests.acceptance.test_traces import WAY, is_whole, uploaded
from tests.collector import OtlpCollector, tree

pytestmark = [pytest.mark.trials, pytest.mark.timeout(300)]

BLOCKS = 2_000
MOST_US = 400.0
"""What a span may cost its request, in processor time, on whatever machine this is."""


@pytest.fixture
def collector() -> Iterator[OtlpCollector]:
    with OtlpCollector() as listening:
        yield listening


async def test_an_upload_is_one_trace_over_two_processes(
    collector: OtlpCollector, tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    house = House(tmp_path / "house", postgres_url, redis_url, readers=1)
    for server in (house.edge, *house.readers):
        server.settings["CONVERTO_OTLP_ENDPOINT"] = collector.url
        server.settings["CONVERTO_LOG_FORMAT"] = "json"
    with house:
        async with httpx2.AsyncClient(base_url=house.edge.url, timeout=60, trust_env=False) as http:
            trace_id = await uploaded(http)
        spans = await anyio.to_thread.run_sync(collector.until, lambda spans: is_whole(spans, trace_id))
        logs = house.edge.log() + house.readers[0].log()
    of = [span for span in spans if span.trace_id == trace_id]
    services = {span.service: [each.name for each in of if each.service == span.service] for span in of}
    seconds = (max(span.end_ns for span in of) - min(span.start_ns for span in of)) / 1e9
    print(f"\none upload: {len(of)} spans of {len(services)} processes, {seconds:.1f} s")
    assert tree(spans, trace_id) >= WAY
    assert set(services) == {"converto-gateway", "converto-ocr"}
    assert {"ocr.page", "ocr.read_scan"} <= set(services["converto-ocr"])
    assert {"vat.draft", "vat.draft_voucher"} <= set(services["converto-gateway"])
    assert logs.count(f'"trace.id":"{trace_id}"') >= 3


def test_a_process_that_tells_of_spans_holds_little_more(collector: OtlpCollector, tmp_path: Path) -> None:
    held = {}
    for name, settings in (("off", {}), ("on", {"CONVERTO_OTLP_ENDPOINT": collector.url})):
        folder = tmp_path / name
        folder.mkdir()
        with Program(folder, settings) as program:
            pass
        with Program(folder, settings) as program:
            held[name] = program.resident_bytes() / 1e6
    print(f"\nresident at rest: {held['off']:.0f} MB without traces, {held['on']:.0f} MB with them")
    assert held["on"] < held["off"] + 40


async def test_a_span_costs_little(collector: OtlpCollector) -> None:
    costs = {}
    for name, settings in (("off", Settings()), ("on", Settings(otlp_endpoint=collector.url))):
        async with traced(settings):
            start = time.thread_time()
            for _ in range(BLOCKS):
                with spanning("block"):
                    pass
            costs[name] = (time.thread_time() - start) / BLOCKS * 1e6
    print(f"\na span: {costs['off']:.2f} us where nobody collects, {costs['on']:.0f} us where somebody does")
    assert costs["off"] < 10
    assert costs["on"] < MOST_US
