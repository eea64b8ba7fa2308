"""The live view over real connections, and what becomes of those who wait when the server is told to end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import orjson
import pytest

from tests.acceptance.people import Person, is_problem, register
from tests.acceptance.processes import Server
from tests.events.public.consumer import Consumer, consumer, publish, publish_many

pytestmark = pytest.mark.timeout(120)


def new_server(folder: Path) -> Server:
    """Return a server of its own in a folder."""
    return Server(folder / "server", {"CONVERTO_MODULES": "auth,events,gateway"})


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """Return a server that the tests share."""
    with new_server(tmp_path_factory.mktemp("live")) as server:
        yield server


@asynccontextmanager
async def arrived(server: Server) -> AsyncIterator[Person]:
    """Register somebody with a server."""
    async with httpx2.AsyncClient(base_url=server.url, timeout=60, trust_env=False) as http:
        yield await register(http)


@pytest.fixture
async def aino(server: Server) -> AsyncIterator[Person]:
    """Return somebody of the shared server."""
    async with arrived(server) as person:
        yield person


class View:
    """A live view, as a browser keeps it: what came, and the id to come back with."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines
        self.last_id = ""

    async def next(self) -> dict[str, Any]:
        """Return the next event."""
        data = ""
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if name == "id":
                self.last_id = value
            elif name == "data":
                data = value
            elif not line and data:
                event: dict[str, Any] = orjson.loads(data)
                return event
        raise EOFError

    async def begun(self) -> None:
        """Return once the server has said where it begins."""
        async for line in self._lines:
            if line.startswith("id: "):
                self.last_id = line[4:]
                return


@asynccontextmanager
async def looking(reader: Consumer, last_id: str | None = None) -> AsyncIterator[View]:
    """Look at a group's live view."""
    person = reader.person
    headers = {"authorization": f"Bearer {person.signed_in['access_token']}", **({"last-event-id": last_id} if last_id is not None else {})}
    async with person.http.stream("GET", reader.subscription["links"]["events"], headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield View(answer.aiter_lines())


async def test_the_live_view_shows_what_comes_and_takes_nothing(aino: Person) -> None:
    reader = await consumer(aino)
    async with looking(reader) as view:
        await view.begun()
        (event_id,) = await publish(aino, uuid4())

        event = await view.next()

    assert (event["id"], event["type"], event["specversion"]) == (event_id, "ocr.started", "1.0")
    assert [message["event"]["id"] for message in await reader.receive()] == [event_id]


async def test_who_comes_back_goes_on_where_they_were(aino: Person) -> None:
    reader = await consumer(aino)
    told = await publish_many(aino, 5)
    async with looking(reader, "0") as view:
        first = [(await view.next())["id"] for _ in range(2)]
        last_id = view.last_id
    async with looking(reader, last_id) as view:
        rest = [(await view.next())["id"] for _ in range(3)]

    assert first + rest == told


async def test_the_live_view_shows_the_tenants_own_alone(server: Server, aino: Person) -> None:
    reader = await consumer(aino)
    async with arrived(server) as boris, looking(reader) as view:
        await view.begun()
        await publish_many(boris, 3)
        (own,) = await publish(aino, uuid4())

        assert (await view.next())["id"] == own


async def test_a_view_ends_when_its_group_is_removed(aino: Person) -> None:
    reader = await consumer(aino)
    async with looking(reader) as view:
        await view.begun()
        await aino.ask("DELETE", reader.subscription["links"]["self"])

        with pytest.raises(EOFError):
            await view.next()

    assert is_problem(await aino.get(reader.subscription["links"]["events"]), 404, "events.unknown_subscription")


async def test_a_consumer_that_hangs_up_while_it_waits_takes_no_event_along(aino: Person) -> None:
    reader = await consumer(aino, lease_seconds=600)
    for _ in range(5):
        with pytest.raises(httpx2.ReadTimeout):
            await reader.ask("receive", params={"wait": 25}, timeout=httpx2.Timeout(10, read=0.2))

    (event_id,) = await publish(aino, uuid4())

    assert [message["event"]["id"] for message in await reader.receive(wait=5)] == [event_id]


async def test_views_and_long_polls_end_first_when_the_server_is_told_to_end(tmp_path: Path) -> None:
    with new_server(tmp_path) as server:
        async with arrived(server) as person:
            reader = await consumer(person)
            async with looking(reader) as view:
                await view.begun()
                poll = asyncio.create_task(reader.ask("receive", params={"wait": 25}))
                await until_waiting(reader)
                stopping = asyncio.create_task(asyncio.to_thread(server.stop))

                answer = await poll
                with pytest.raises(EOFError):
                    await view.next()
                status = await stopping

    assert (answer.status_code, answer.json(), status) == (200, {"messages": []}, 0)
    log = (tmp_path / "server" / "log").read_text(encoding="utf-8")
    assert "program.stopped" in log
    assert "graceful shutdown exceeded" not in log  # nobody had to be cut off


async def until_waiting(reader: Consumer) -> None:
    """Return once a long poll that was begun has surely come to its waiting: another one has waited a whole second since."""
    await reader.receive(wait=1)
