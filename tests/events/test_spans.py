"""What followers of all events do with a batch is told of in the trace of each event in it."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import pytest

from converto.events.backend import Following
from converto.kernel.clock import new_id, now
from converto.kernel.config import Settings
from converto.kernel.errors import Unavailable
from converto.kernel.event import Envelope, Follower
from converto.kernel.tracing import traced
from tests.collector import OtlpCollector

TRACES = ("4bf92f3577b34da6a3ce929d0e0e4736", "5bf92f3577b34da6a3ce929d0e0e4736")
COMPANY = UUID(int=7)


@pytest.fixture
def collector() -> Iterator[OtlpCollector]:
    with OtlpCollector() as listening:
        yield listening


def envelope(trace: str, flag: int = 1, *, internal: bool = False) -> Envelope:
    return Envelope(
        id=new_id(),
        type="post.sent",
        source="post",
        tenant_id=COMPANY,
        time=now(),
        trace_parent=f"00-{trace}-00f067aa0ba902b7-0{flag}",
        internal=internal,
        data={},
    )


async def taken(_: Sequence[Envelope], __: Any) -> None:
    """Take events."""


async def refused(_: Sequence[Envelope], __: Any) -> None:
    raise Unavailable


async def test_each_event_of_a_batch_has_a_span_in_its_own_trace(collector: OtlpCollector) -> None:
    batch = [envelope(trace) for trace in TRACES]

    async with traced(Settings(otlp_endpoint=collector.url)):
        await Following(Follower("diary.note", taken), None, ("post",)).accept([*batch, envelope(TRACES[0], internal=True)])

    assert [(span.trace_id, span.parent_id) for span in collector.spans] == [(trace, "00f067aa0ba902b7") for trace in TRACES]
    for span, event in zip(collector.spans, batch, strict=True):
        assert (span.name, span.kind, span.is_broken) == ("diary.note", 5, False)
        assert span.attributes["messaging.message.id"] == str(event.id)
        assert span.attributes["messaging.batch.message_count"] == 2


async def test_an_event_whose_trace_is_not_collected_has_none(collector: OtlpCollector) -> None:
    async with traced(Settings(otlp_endpoint=collector.url)):
        await Following(Follower("diary.note", taken), None, ("post",)).accept([envelope(TRACES[0], flag=0), envelope(TRACES[1])])

    assert [span.trace_id for span in collector.spans] == [TRACES[1]]


async def test_a_batch_that_is_not_taken_is_told_of_as_broken(collector: OtlpCollector) -> None:
    async with traced(Settings(otlp_endpoint=collector.url)):
        with pytest.raises(Unavailable):
            await Following(Follower("diary.note", refused), None, ("post",)).accept([envelope(TRACES[0])])

    assert [span.is_broken for span in collector.spans] == [True]
