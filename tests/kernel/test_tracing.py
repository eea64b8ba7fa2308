"""Spans as a collector gets them, over real HTTP."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from converto.kernel.binding import LocalTransport, bind
from converto.kernel.config import CannotStart, Settings
from converto.kernel.context import Context, current, new_trace_parent, within
from converto.kernel.spans import Kind
from converto.kernel.tracing import begin, is_told, spanning, tell_step, traced
from tests.collector import Collected, OtlpCollector, tree
from tests.kernel.echo import ECHO, EchoService, NoParcel

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SAMPLED, UNSAMPLED = (f"00-{TRACE}-00f067aa0ba902b7-0{flag}" for flag in (1, 0))


@pytest.fixture
def collector() -> Iterator[OtlpCollector]:
    with OtlpCollector() as listening:
        yield listening


def settings(collector: OtlpCollector, **changes: object) -> Settings:
    return Settings.model_validate({"otlp_endpoint": collector.url, **changes})


def by_name(collector: OtlpCollector) -> dict[str, Collected]:
    return {span.name: span for span in collector.spans}


async def test_a_block_becomes_a_span_below_the_one_that_it_stands_in(collector: OtlpCollector) -> None:
    async with traced(settings(collector)):
        with spanning("outer", {"converto.page": 3}) as _, spanning("inner", kind=Kind.CLIENT):
            trace_id, own = current().trace_id, current().trace_parent
            tell_step("step", time.time_ns(), {})
    spans = by_name(collector)
    assert tree(collector.spans, trace_id) == {("outer", ""), ("inner", "outer"), ("step", "inner")}
    assert (spans["inner"].span_id, spans["inner"].kind, spans["outer"].attributes) == (own[36:52], 3, {"converto.page": 3})
    assert spans["outer"].start_ns <= spans["inner"].start_ns <= spans["inner"].end_ns <= spans["outer"].end_ns


async def test_a_span_goes_on_in_the_trace_that_it_was_told_of(collector: OtlpCollector) -> None:
    async with traced(settings(collector)):
        with within(Context(trace_parent=SAMPLED)), spanning("ours"):
            pass
    (span,) = collector.spans
    assert (span.trace_id, span.parent_id) == (TRACE, "00f067aa0ba902b7")


async def test_a_trace_that_its_caller_does_not_collect_is_not_collected(collector: OtlpCollector) -> None:
    async with traced(settings(collector)):
        with within(Context(trace_parent=UNSAMPLED)), spanning("ours"):
            assert current().trace_parent == UNSAMPLED
            tell_step("step", 0, {})
            assert begin("another") is None
    assert collector.spans == []


async def test_of_the_traces_that_begin_here_a_share_is_collected(collector: OtlpCollector) -> None:
    async with traced(settings(collector, otlp_share=0.25)):
        told = sum(new_trace_parent().endswith("-01") for _ in range(2000))
        children = {new_trace_parent(SAMPLED)[-2:], new_trace_parent(UNSAMPLED)[-2:]}
    assert 400 < told < 600
    assert children == {"01", "00"}


async def test_without_a_collector_a_block_runs_as_it_is() -> None:
    async with traced(Settings()):
        with within() as outside, spanning("ours"):
            assert (is_told(), current() is outside) == (False, True)


async def test_what_breaks_is_told_as_broken_and_a_refusal_is_not(collector: OtlpCollector) -> None:
    async with traced(settings(collector)):
        with pytest.raises(ValueError, match="person"), spanning("broken"):
            int("a person's name")
        with pytest.raises(NoParcel), spanning("refused"):
            raise NoParcel(parcel_id="7")
    spans = by_name(collector)
    assert [(spans[name].is_broken, spans[name].attributes) for name in ("broken", "refused")] == [
        (True, {"error.type": "ValueError"}),
        (False, {"error.type": "echo.no_parcel"}),
    ]


async def test_a_call_is_a_span_and_a_stream_is_one_from_its_first_value_to_its_last(collector: OtlpCollector) -> None:
    service = EchoService()
    echo = bind(ECHO, LocalTransport(service))
    async with traced(settings(collector)):
        with spanning("asking"):
            trace_id = current().trace_id
            seen = await echo.seen()
            assert [value async for value in echo.count(3)] == [1, 2, 3]
    assert tree(collector.spans, trace_id) == {("asking", ""), ("Echo.seen", "asking"), ("Echo.count", "asking")}
    assert len(collector.spans) == 3
    assert by_name(collector)["Echo.seen"].span_id == seen.span_id


async def test_batches_bear_the_headers_that_the_settings_name(collector: OtlpCollector) -> None:
    async with traced(settings(collector, otlp_headers=SecretStr("Authorization=Bearer%20abc, x-scope=two"), modules="ocr")):
        with spanning("ours"):
            pass
    (headers,) = collector.headers
    assert (headers["path"], headers["authorization"], headers["x-scope"]) == ("/v1/traces", "Bearer abc", "two")
    assert collector.spans[0].service == "converto-ocr"


async def test_headers_that_are_none_are_refused(collector: OtlpCollector) -> None:
    with pytest.raises(CannotStart, match="CONVERTO_OTLP_HEADERS"):
        async with traced(settings(collector, otlp_headers=SecretStr("abc"))):
            pass


async def test_a_collector_that_never_answers_holds_up_nobody(collector: OtlpCollector, tmp_path: Path) -> None:
    collector.hangs.set()
    start = time.monotonic()
    async with traced(settings(collector)):
        with spanning("ours"):
            await asyncio.to_thread(tmp_path.exists)
        worked_s = time.monotonic() - start
    assert worked_s < 2
    assert time.monotonic() - start < 5
