"""Calls to another process when things go wrong: real sockets, connections cut, processes that come and go."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import httpx2
import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from converto.kernel.binding import bind
from converto.kernel.errors import Internal, TimedOut, Unavailable
from converto.kernel.interface import Interface, query
from converto.kernel.replicas import FAILURES_TO_OPEN, OPEN_S, Replica, Replicas
from converto.kernel.rpc import BadCall, HttpTransport, UnknownOperation
from converto.kernel.signature import BadSignature, sign
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
    with pytest.raises(Unavailable) as caught:
        await ask(replicas_of(proxy)).look()
    await proxy.kill()
    assert caught.value.details["module"] == "echo"


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


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x80", b"\x81\xa4text\x01\x00", b"[]", b"\x93\x01\x02\x03"])
async def test_a_signed_body_that_does_not_fit_is_refused(client: httpx2.AsyncClient, process: Process, body: bytes) -> None:
    path = "/internal/echo/note"
    answer = await client.post(process.url + path, content=body, headers={"x-converto-signature": sign([SECRET], path, body)})
    assert (answer.status_code, BadCall.code.encode() in answer.content) == (422, True)


async def test_an_unsigned_call_is_refused_before_its_body_is_read(client: httpx2.AsyncClient, process: Process) -> None:
    answer = await client.post(f"{process.url}/internal/echo/note", content=b"\xc1")
    assert (answer.status_code, BadSignature.code.encode() in answer.content) == (401, True)


async def test_secrets_are_rotated_without_a_gap(client: httpx2.AsyncClient, service: EchoService) -> None:
    old, new = SecretStr("the old secret"), SecretStr("the new secret")
    callee = Process.of(service, old, new)  # knows both, still signs with the old one
    await callee.start()
    for secrets in ([old], [old, new], [new, old]):
        assert await bind(ECHO, HttpTransport(replicas_of(callee), secrets, client)).look()
    with pytest.raises(BadSignature):
        await bind(ECHO, HttpTransport(replicas_of(callee), [SecretStr("another one")], client)).look()
    await callee.kill()
