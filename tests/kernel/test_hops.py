"""What a call carries on through several processes, and what its large bytes cost on the way."""

import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack

import httpx2
import pytest

from converto.kernel.binding import bind
from converto.kernel.context import Context, within
from converto.kernel.replicas import Replicas
from converto.kernel.rpc import HttpTransport
from tests.kernel.echo import ECHO, SECRET, Echo, EchoService, Process

UPLOAD_BYTES = 20_000_000
# What the event loop has read of a socket before it is told to stop comes on top: up to 32 reads of 256 KiB.


@pytest.fixture
async def chain(client: httpx2.AsyncClient) -> AsyncIterator[tuple[Echo, list[Process]]]:
    """Return a caller of the first of three processes, each of which asks the next one."""
    processes: list[Process] = []
    next_one: Echo | None = None
    async with AsyncExitStack() as stack:
        for _ in range(3):
            service = EchoService()
            service.next = next_one
            process = Process.of(service)
            await process.start()
            stack.push_async_callback(process.kill)
            processes.insert(0, process)
            next_one = bind(ECHO, HttpTransport(Replicas("echo", [process.url]), [SECRET], client))
        assert next_one is not None
        yield next_one, processes


async def test_the_trace_goes_on_through_several_hops_with_a_span_for_each(chain: tuple[Echo, list[Process]]) -> None:
    first, processes = chain
    trace = "0123456789abcdef0123456789abcdef"
    with within(Context(request_id="of the user", trace_parent=f"00-{trace}-00f067aa0ba902b7-01")):
        seen = await first.through(hops=2)
    assert [(each.request_id, each.trace_id) for each in seen] == [("of the user", trace)] * 3
    assert len({each.span_id for each in seen} | {"00f067aa0ba902b7"}) == 4
    told_by = [process.asked[0]["traceparent"].split("-")[2] for process in processes]
    assert told_by == ["00f067aa0ba902b7", *(each.span_id for each in seen[:-1])]


async def test_the_time_left_shrinks_from_hop_to_hop_and_is_never_given_anew(chain: tuple[Echo, list[Process]]) -> None:
    first, _ = chain
    with within(deadline=time.monotonic() + 9):
        left = [each.remaining_s for each in await first.through(hops=2)]
    assert 9 >= left[0] >= left[1] >= left[2] > 5


@pytest.fixture
async def one(chain: tuple[Echo, list[Process]]) -> Echo:
    """Return the caller of one process, to which there is a connection already."""
    await chain[0].look()
    return chain[0]


async def peak_bytes(call: Awaitable[object]) -> int:
    """Return how much memory a call takes at most, caller and callee together: they share a process here."""
    tracemalloc.start()
    try:
        await call
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_an_upload_is_held_once_by_the_caller_and_once_by_the_callee(one: Echo) -> None:
    content = bytes(UPLOAD_BYTES)
    assert await peak_bytes(one.swallow(content)) < 1.6 * UPLOAD_BYTES  # the caller's own is not counted


async def test_a_download_is_held_once_by_the_callee_and_once_by_the_caller(one: Echo) -> None:
    assert await peak_bytes(one.give(UPLOAD_BYTES)) < 2.6 * UPLOAD_BYTES


async def test_a_long_stream_of_large_values_is_held_in_parts(one: Echo) -> None:
    number, size = 60, 1_000_000
    found: list[int] = []

    async def read() -> None:
        async for page in one.pages(number, size=size):
            assert (len(page), set(page[:: size // 10])) == (size, {len(found)})
            found.append(len(page))

    assert await peak_bytes(read()) < 20 * size
    assert len(found) == number
