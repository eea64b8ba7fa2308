"""Replicas that come and go behind one name; names are looked up by a stand-in, everything else is real."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from converto.kernel.binding import bind
from converto.kernel.discovery import Discovery, addresses_of, watch
from converto.kernel.replicas import FAILURES_TO_OPEN, Replicas
from converto.kernel.rpc import HttpTransport
from tests.kernel.echo import ECHO, SECRET, EchoService, Process


class Names:
    """Who has which addresses, as a name server would say; the test changes it."""

    def __init__(self, **addresses: Sequence[str]) -> None:
        self.addresses = dict(addresses)
        self.asked: list[tuple[str, int]] = []

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        if host not in self.addresses:
            raise OSError(-2, "Name or service not known")
        return self.addresses[host]


def labels(replicas: Replicas) -> list[str]:
    return [replica.label for replica in replicas.all]


async def test_a_name_with_several_addresses_is_as_many_replicas() -> None:
    replicas, names = Replicas("ocr", ["http://ocr:8002"]), Names(ocr=["10.0.0.1", "10.0.0.2"])
    await Discovery([replicas], every_s=60, resolve=names.resolve).look()
    assert [(replica.base, replica.headers) for replica in replicas.all] == [
        ("http://10.0.0.1:8002", {"host": "ocr:8002"}),
        ("http://10.0.0.2:8002", {"host": "ocr:8002"}),
    ]
    assert names.asked == [("ocr", 8002)]


async def test_over_tls_the_certificate_is_asked_for_by_name() -> None:
    replicas = Replicas("ocr", ["https://ocr.example/base"])
    await Discovery([replicas], every_s=60, resolve=Names(**{"ocr.example": ["2001:db8::1"]}).resolve).look()
    (replica,) = replicas.all
    assert (replica.base, replica.headers, replica.extensions) == (
        "https://[2001:db8::1]/base",
        {"host": "ocr.example"},
        {"sni_hostname": "ocr.example"},
    )


async def test_an_address_that_is_given_is_not_looked_up() -> None:
    replicas, names = Replicas("ocr", ["http://10.0.0.1:8002", "http://[::1]:8002"]), Names()
    await Discovery([replicas], every_s=60, resolve=names.resolve).look()
    assert (names.asked, labels(replicas)) == ([], ["http://10.0.0.1:8002", "http://[::1]:8002"])


async def test_who_stays_keeps_the_state_of_its_breaker_when_others_come_and_go() -> None:
    replicas, names = Replicas("ocr", ["http://ocr:8002"]), Names(ocr=["10.0.0.1", "10.0.0.2"])
    discovery = Discovery([replicas], every_s=60, resolve=names.resolve)
    await discovery.look()
    stays = replicas.all[1]
    for _ in range(FAILURES_TO_OPEN):
        stays.failed()
    names.addresses["ocr"] = ["10.0.0.2", "10.0.0.3"]
    await discovery.look()
    assert [(replica.address, replica.breaker) for replica in replicas.all] == [("10.0.0.2", "open"), ("10.0.0.3", "closed")]
    assert replicas.all[0] is stays


async def test_several_names_change_apart() -> None:
    replicas, names = Replicas("ocr", ["http://a:1", "http://10.0.0.9:1", "http://b:1"]), Names(a=["10.0.0.1"], b=["10.0.0.2"])
    discovery = Discovery([replicas], every_s=60, resolve=names.resolve)
    await discovery.look()
    names.addresses["a"] = ["10.0.0.3", "10.0.0.4"]
    await discovery.look()
    assert labels(replicas) == ["http://a:1 at 10.0.0.3", "http://a:1 at 10.0.0.4", "http://10.0.0.9:1", "http://b:1 at 10.0.0.2"]


@pytest.mark.parametrize("after", [None, ()])
async def test_a_name_that_is_known_no_more_keeps_its_addresses(after: Sequence[str] | None) -> None:
    replicas, names = Replicas("ocr", ["http://ocr:8002"]), Names(ocr=["10.0.0.1"])
    discovery = Discovery([replicas], every_s=60, resolve=names.resolve)
    await discovery.look()
    names.addresses = {} if after is None else {"ocr": after}
    await discovery.look()
    assert labels(replicas) == ["http://ocr:8002 at 10.0.0.1"]


async def test_a_name_that_was_never_known_is_asked_as_it_stands() -> None:
    replicas = Replicas("ocr", ["http://ocr:8002"])
    await Discovery([replicas], every_s=60, resolve=Names().resolve).look()
    assert [replica.base for replica in replicas.all] == ["http://ocr:8002"]


async def test_the_systems_own_lookup_gives_each_process_once() -> None:
    assert list(await addresses_of("localhost", 80)) == ["127.0.0.1"]
    with pytest.raises(OSError, match=r"known|resolution|No address"):
        await addresses_of("no-such-name.invalid", 80)


@pytest.fixture
async def twins() -> AsyncIterator[dict[str, tuple[EchoService, Process]]]:
    """Return two replicas on one port of two addresses, as the containers of one service are."""
    first = EchoService()
    processes = {"127.0.0.2": (first, Process.of(first, host="127.0.0.2"))}
    second = EchoService()
    processes["127.0.0.3"] = (second, Process.of(second, host="127.0.0.3", port=processes["127.0.0.2"][1].port))
    for _, process in processes.values():
        await process.start()
    yield processes
    for _, process in processes.values():
        await process.kill()


async def test_calls_go_to_a_replica_that_came_and_no_more_to_one_that_went(
    twins: dict[str, tuple[EchoService, Process]], client: httpx2.AsyncClient
) -> None:
    (first, process), (second, other) = twins.values()
    names = Names(echo=["127.0.0.2"])
    replicas = Replicas("echo", [f"http://echo:{process.port}"])
    echo = bind(ECHO, HttpTransport(replicas, [SECRET], client))
    async with Discovery([replicas], every_s=0.01, resolve=names.resolve).running():
        await echo.look()
        names.addresses["echo"] = ["127.0.0.2", "127.0.0.3"]
        while not second.calls["look"]:
            await echo.look()
        names.addresses["echo"] = ["127.0.0.3"]
        while len(replicas.all) > 1:  # noqa: ASYNC110 - nobody is told, by design: the next call is what notices
            await asyncio.sleep(0.001)
        before = first.calls["look"]
        for _ in range(20):
            await echo.look()
    assert (first.calls["look"], labels(replicas)) == (before, [f"http://echo:{process.port} at 127.0.0.3"])
    assert {headers["host"] for each in (process, other) for headers in each.asked} == {f"echo:{process.port}"}


async def test_a_refused_connection_has_names_looked_up_at_once(
    twins: dict[str, tuple[EchoService, Process]], client: httpx2.AsyncClient
) -> None:
    (_, gone), (second, _) = twins.values()
    names = Names(echo=["127.0.0.2"])
    replicas = Replicas("echo", [f"http://echo:{gone.port}"])
    echo = bind(ECHO, HttpTransport(replicas, [SECRET], client))
    async with Discovery([replicas], every_s=3600, resolve=names.resolve).running():
        await gone.kill()
        names.addresses["echo"] = ["127.0.0.3"]
        assert await echo.look() == 1  # the first try is refused, and a later one finds the new address
    assert second.calls["look"] == 1


async def health(_: Request) -> Response:
    return JSONResponse({"status": "ok", "version": "1.2.3", "modules": {"echo": {"where": "here", "status": "ok"}}})


async def of_another(_: Request) -> Response:
    return JSONResponse({"version": "1.2.3", "modules": {"ocr": {"where": "here"}, "echo": {"where": "elsewhere"}}})


async def page(_: Request) -> Response:
    return PlainTextResponse("Bad Gateway", status_code=502)


ANSWERS: dict[str, tuple[Any, str | None]] = {
    "one of ours": (health, None),
    "one that hosts another module": (of_another, "the process there hosts no echo"),
    "a proxy": (page, "what answers there (502) is none of our processes"),
}


@pytest.mark.parametrize("who", ANSWERS)
async def test_a_look_notes_who_lives_and_hosts_the_module(client: httpx2.AsyncClient, who: str) -> None:
    answer, problem = ANSWERS[who]
    process = Process(Route("/health", answer))
    await process.start()
    replicas = Replicas("echo", [process.url])
    await watch(replicas, client)
    await process.kill()
    (replica,) = replicas.all
    assert (replica.problem, replica.failures, replica.last_seen is None) == (problem, int(problem is not None), problem is not None)
    assert (replica.version, replica.latency_s is None) == (("1.2.3", False) if problem is None else (None, True))


async def test_a_look_notes_who_does_not_live_and_later_that_it_does(client: httpx2.AsyncClient) -> None:
    process = Process(Route("/health", health))
    replicas = Replicas("echo", [process.url])
    for _ in range(FAILURES_TO_OPEN):
        await watch(replicas, client)
    assert (replicas.all[0].breaker, replicas.all[0].problem) == ("open", "no connection can be made")
    await process.start()
    await watch(replicas, client)
    await process.kill()
    assert (replicas.all[0].breaker, replicas.all[0].problem) == ("closed", None)
