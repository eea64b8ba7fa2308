"""Calls to another process when things go wrong: real sockets, connections cut, processes that come and go."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import httpx2
import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from converto.kernel.binding import bind
from converto.kernel.context import within
from converto.kernel.errors import Internal, TimedOut, Unavailable
from converto.kernel.interface import Interface, query
from converto.kernel.replicas import FAILURES_TO_OPEN, OPEN_S, Replica, Replicas
from converto.kernel.rpc import BadCall, HttpTransport, UnknownOperation
from converto.kernel.signature import DIGEST_HEADER, HEADER, BadSignature, Digest, sign
from converto.kernel.wire import Message
from tests.kernel.echo import ECHO, SECRET, Echo, EchoService, Process

Ask = Callable[[Replicas], Echo]


class Clock:
    """A clock that the test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def service() -> EchoService:
    return EchoService()


@pytest.fixture
async def process(service: EchoService) -> AsyncIterator[Process]:
    process = Process.of(service)
    await process.start()
    yield process
    await process.kill()


@pytest.fixture
def ask(client: httpx2.AsyncClient) -> Ask:
    return lambda replicas: bind(ECHO, HttpTransport(replicas, [SECRET], client))


def replicas_of(*processes: Process) -> Replicas:
    return Replicas("echo", [process.url for process in processes], random_of=random.Random(7))  # noqa: S311


@pytest.mark.parametrize("operation", ["look", "note"])
async def test_a_refused_connection_is_unavailable_and_names_the_module(ask: Ask, service: EchoService, operation: str) -> None:
    echo = ask(replicas_of(Process.of(service)))
    with pytest.raises(Unavailable) as caught:
        await (echo.look() if operation == "look" else echo.note("once"))
    assert caught.value.details["module"] == "echo"


async def test_a_command_goes_to_the_replica_that_lives_and_is_made_once(ask: Ask, process: Process, service: EchoService) -> None:
    echo = ask(replicas_of(Process.of(service), process))
    assert [await echo.note(f"note {number}") for number in range(8)] == [1] * 8


async def test_a_stream_goes_to_the_replica_that_lives(ask: Ask, process: Process, service: EchoService) -> None:
    echo = ask(replicas_of(Process.of(service), process))
    assert [[number async for number in echo.count(2)] for _ in range(8)] == [[1, 2]] * 8


async def test_a_query_cut_off_in_mid_call_is_answered_by_the_other_replica(ask: Ask, process: Process, service: EchoService) -> None:
    dying_service = EchoService()
    dying_service.holds = True
    dying = Process.of(dying_service)
    await dying.start()
    replicas = replicas_of(dying, process)
    replicas.all[1].in_flight = 1  # so that the dying one is asked first
    call = asyncio.create_task(ask(replicas).look())
    await dying_service.entered.wait()
    await dying.kill()
    assert await call == 1
    assert (dying_service.calls["look"], service.calls["look"]) == (1, 1)


async def test_a_command_cut_off_in_mid_call_is_made_at_most_once(ask: Ask, process: Process, service: EchoService) -> None:
    service.holds = True
    other = EchoService()
    living = Process.of(other)
    await living.start()
    replicas = replicas_of(process, living)
    replicas.all[1].in_flight = 1
    call = asyncio.create_task(ask(replicas).note("once"))
    await service.entered.wait()
    await process.kill()
    with pytest.raises(Unavailable):
        await call
    await living.kill()
    assert (service.calls["once"], other.calls["once"]) == (1, 0)


async def test_a_stream_cut_off_is_unavailable_and_no_quiet_end(ask: Ask, process: Process, service: EchoService) -> None:
    numbers = ask(replicas_of(process)).count(2, then="hold")
    assert [await anext(numbers), await anext(numbers)] == [1, 2]
    await service.entered.wait()
    await process.kill()
    with pytest.raises(Unavailable):
        await anext(numbers)


async def test_a_module_that_comes_back_is_found_again(ask: Ask, process: Process) -> None:
    echo = ask(replicas_of(process))
    await echo.look()
    await process.kill()
    with pytest.raises(Unavailable):
        await echo.look()
    await process.start()
    assert await echo.look() == 2


async def test_the_breaker_opens_after_failures_in_a_row_and_closes_after_a_probe(ask: Ask, process: Process) -> None:
    replicas, clock = replicas_of(process), Clock()
    replicas.all = [Replica(process.url, monotonic=clock)]
    echo = ask(replicas)
    await process.kill()
    for number in range(FAILURES_TO_OPEN):
        with pytest.raises(Unavailable):
            await echo.note(f"note {number}")
    assert replicas.all[0].breaker == "open"
    await process.start()
    with pytest.raises(Unavailable) as caught:
        await echo.look()  # refused at once, although it lives again
    assert caught.value.retry_after_s == OPEN_S
    clock.now_s = OPEN_S
    assert await echo.look() == 1
    assert replicas.all[0].breaker == "closed"


async def test_a_process_that_hangs_past_the_deadline_counts_as_failed(ask: Ask, process: Process) -> None:
    replicas = replicas_of(process)
    with pytest.raises(TimedOut):
        await ask(replicas).patient()
    assert replicas.all[0].failures == 1


async def test_a_caller_in_a_hurry_says_nothing_of_the_callee(ask: Ask, process: Process) -> None:
    replicas = replicas_of(process)
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(TimedOut), within(deadline=time.monotonic() + 0.05):
            await ask(replicas).slow()
    assert (replicas.all[0].failures, replicas.all[0].breaker) == (0, "closed")


async def test_a_callee_that_one_caller_found_silent_is_closed_to_none_by_hurried_ones(ask: Ask, process: Process) -> None:
    replicas = replicas_of(process)
    with pytest.raises(TimedOut):
        await ask(replicas).patient()
    with pytest.raises(TimedOut), within(deadline=time.monotonic() + 0.05):
        await ask(replicas).slow()
    assert replicas.all[0].failures == 1


async def test_a_caller_that_goes_away_is_no_failure_of_the_callee(ask: Ask, process: Process, service: EchoService) -> None:
    service.holds = True
    replicas = replicas_of(process)
    call = asyncio.create_task(ask(replicas).look())
    await service.entered.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert (replicas.all[0].failures, replicas.all[0].in_flight) == (0, 0)


async def test_a_stream_that_is_left_frees_its_place(ask: Ask, process: Process) -> None:
    replicas = replicas_of(process)
    async with aclosing(ask(replicas).count(5)) as numbers:  # type: ignore[type-var]
        await anext(numbers)
        assert replicas.all[0].in_flight == 1
    assert replicas.all[0].in_flight == 0


async def test_retries_stay_within_their_budget(ask: Ask) -> None:
    cut_off: list[int] = []

    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cut_off.append(1)
        writer.transport.abort()

    async with await asyncio.start_server(cut, "127.0.0.1", 0) as server:
        replicas = Replicas("echo", [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"])
        echo = ask(replicas)
        for _ in range(20):
            replicas.all[0].answered()  # the breaker is not what holds back here
            with pytest.raises(Unavailable):
                await echo.look()
    assert len(cut_off) == 20 + 11  # ten to begin with, and one earned by the first ten calls


async def test_a_proxys_page_instead_of_an_answer_is_unavailable(ask: Ask) -> None:
    async def page(_: Request) -> Response:
        return PlainTextResponse("Bad Gateway", status_code=502)

    proxy = Process(Route("/internal/{rest:path}", page, methods=["POST"]))
    await proxy.start()
    replicas = replicas_of(proxy)
    with pytest.raises(Unavailable) as caught:
        await ask(replicas).note("once")
    await proxy.kill()
    assert caught.value.details["module"] == "echo"
    assert (replicas.all[0].failures, len(proxy.asked)) == (1, 1)


async def test_an_answer_of_another_shape_is_internal(client: httpx2.AsyncClient, process: Process) -> None:
    class Echo(Interface):
        @query
        async def look(self) -> bool:
            raise NotImplementedError

    process_of_other = bind(Echo, HttpTransport(replicas_of(process), [SECRET], client))
    await process_of_other.look()  # 1 is as good as true
    with pytest.raises(Internal):
        await process_of_other.look()


async def test_a_caller_newer_than_its_callee_is_told_so(client: httpx2.AsyncClient, process: Process) -> None:
    class Newer(Interface):
        @query
        async def fetch(self) -> int:
            raise NotImplementedError

    with pytest.raises(UnknownOperation):
        await bind(Newer, HttpTransport(replicas_of(process), [SECRET], client)).fetch()


def signed(path: str, body: bytes) -> dict[str, str]:
    """Return the headers of a call as one of our processes would send it."""
    digest = Digest([body])
    return {HEADER: sign([SECRET], path, digest), DIGEST_HEADER: str(digest)}


BODIES = {
    "nothing": b"",
    "too short": b"\0\0\0",
    "no msgpack": Message(b"\xc1", []).whole(),
    "a list": Message.of([1, 2, 3]).whole(),
    "no argument": Message.of({}).whole(),
    "an argument of another type": Message.of({"text": 1}).whole(),
    "two messages": Message.of({"text": "a"}).whole() * 2,
    "a message and a rest": Message.of({"text": "a"}).whole() + b"\0",
    "large bytes that do not come": b"\0\0\0\1\0\1\xff\xff\xff\xff\xff\xff\xff\xff\x80",
}


@pytest.mark.parametrize("what", BODIES)
async def test_a_signed_body_that_does_not_fit_is_refused(
    client: httpx2.AsyncClient, process: Process, service: EchoService, what: str
) -> None:
    path = "/internal/echo/note"
    answer = await client.post(process.url + path, content=BODIES[what], headers=signed(path, BODIES[what]))
    assert (answer.status_code, BadCall.code.encode() in answer.content) == (422, True)
    assert not service.calls


async def test_another_body_than_the_signed_one_is_refused(client: httpx2.AsyncClient, process: Process, service: EchoService) -> None:
    path, mine, theirs = "/internal/echo/note", Message.of({"text": "a"}).whole(), Message.of({"text": "b"}).whole()
    answer = await client.post(process.url + path, content=theirs, headers=signed(path, mine))
    assert (answer.status_code, BadSignature.code.encode() in answer.content) == (401, True)
    assert not service.calls


UNSIGNED = {
    "no signature": {"content-length": "100000000000"},
    "no length": {**signed("/internal/echo/note", b"x"), "transfer-encoding": "chunked"},
    "another length": {**signed("/internal/echo/note", b"x"), "content-length": "100000000000"},
}


@pytest.mark.parametrize("what", UNSIGNED)
async def test_a_call_whose_headers_are_not_signed_is_refused_before_its_body_is_read(process: Process, what: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
    head = "".join(f"{name}: {value}\r\n" for name, value in UNSIGNED[what].items())
    writer.write(f"POST /internal/echo/note HTTP/1.1\r\nhost: echo\r\n{head}\r\n".encode())
    answer = await reader.read()  # to the end: nobody waits for the body
    writer.close()
    assert answer.startswith(b"HTTP/1.1 401")
    assert BadSignature.code.encode() in answer


async def test_secrets_are_rotated_without_a_gap(client: httpx2.AsyncClient, service: EchoService) -> None:
    old, new = SecretStr("the old secret"), SecretStr("the new secret")
    callee = Process.of(service, old, new)  # knows both, still signs with the old one
    await callee.start()
    for secrets in ([old], [old, new], [new, old]):
        assert await bind(ECHO, HttpTransport(replicas_of(callee), secrets, client)).look()
    with pytest.raises(BadSignature):
        await bind(ECHO, HttpTransport(replicas_of(callee), [SecretStr("another one")], client)).look()
    await callee.kill()
