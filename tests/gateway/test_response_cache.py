"""Answers that are given again, and to whom."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import BaseModel

from converto.app import create_app, migrate
from converto.auth.module import module as auth
from converto.gateway.module import module as gateway
from converto.kernel.access import PUBLIC, Access, Admission
from converto.kernel.errors import NotFound
from converto.kernel.manifest import Module
from converto.kernel.web import CurrentActor
from tests.acceptance.people import Person, register
from tests.gateway.conftest import calm, client_of, settings_in

router = APIRouter(prefix="/shelf")
others = APIRouter(prefix="/drawer")
READ = Access(None, Admission.READ, cache_s=60)


class Shelf:
    """What is there, and how often somebody looked."""

    def __init__(self) -> None:
        self.things: list[str] = []
        self.looks = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.arrived = asyncio.Event()


shelf = Shelf()


class Thing(BaseModel):
    name: str


@router.get("/things")
async def things(actor: CurrentActor, request: Request) -> dict[str, Any]:
    shelf.looks += 1
    seen = list(shelf.things)
    shelf.arrived.set()
    await shelf.go_on.wait()
    return {"things": seen, "of": str(actor.tenant_id), "query": str(request.query_params), "in": request.headers.get("accept-language")}


@router.post("/things", status_code=201)
async def put(_: CurrentActor, thing: Thing) -> None:
    shelf.things.append(thing.name)


@router.get("/refusing")
async def refusing(_: CurrentActor, how: str) -> Response:
    shelf.looks += 1
    if how == "404":
        raise NotFound
    headers = {"cookie": {"set-cookie": "a=b"}, "own": {"cache-control": "no-store"}, "large": {}}[how]
    return Response("x" * (5_000_000 if how == "large" else 10), headers=headers)


@router.get("/uncached")
async def uncached(_: CurrentActor) -> None:
    shelf.looks += 1


@router.get("/open")
async def for_anybody() -> None:
    shelf.looks += 1


@others.post("")
async def elsewhere(_: CurrentActor) -> None:
    """Write in another module."""


ACCESS = {
    "GET /shelf/things": READ,
    "POST /shelf/things": Access(None, Admission.READ),
    "GET /shelf/refusing": READ,
    "GET /shelf/uncached": Access(None, Admission.READ),
    "GET /shelf/open": Access(PUBLIC, Admission.READ, cache_s=60),
}
MODULES = (
    auth,
    gateway,
    Module(name="shelf", router=router, access=ACCESS),
    Module(name="drawer", router=others, access={"POST /drawer": Access(None, Admission.READ)}),
)


@pytest.fixture(scope="module")
async def app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    settings = settings_in(tmp_path_factory.mktemp("data"))
    await migrate(settings, MODULES)
    app = create_app(settings, MODULES)
    async with app.router.lifespan_context(app):
        calm(app)
        yield app


@pytest.fixture(scope="module")
async def http(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture(scope="module")
async def aino(http: httpx2.AsyncClient) -> Person:
    return await register(http)


@pytest.fixture(scope="module")
async def boris(http: httpx2.AsyncClient) -> Person:
    return await register(http)


@pytest.fixture(autouse=True)
async def _fresh(aino: Person, boris: Person) -> None:
    for person in (aino, boris):
        await person.ask("POST", "/shelf/things", json={"name": "old"})
    shelf.__init__()  # type: ignore[misc]


async def test_the_same_question_is_answered_once(aino: Person) -> None:
    first, again = [await aino.get("/shelf/things") for _ in range(2)]

    assert shelf.looks == 1
    assert (first.content, first.headers["etag"]) == (again.content, again.headers["etag"])
    assert again.headers["cache-control"] == "private, no-cache"
    assert {"Authorization", "Cookie", "Accept-Language"} <= {name.strip() for name in again.headers["vary"].split(",")}


async def test_who_has_the_answer_is_told_so(aino: Person) -> None:
    tag = (await aino.get("/shelf/things")).headers["etag"]
    given = [tag, f"W/{tag}", f'"other", {tag}', "*", '"other"', tag.strip('"')]
    answers = [await aino.get("/shelf/things", headers={"if-none-match": one}) for one in given]

    assert [answer.status_code for answer in answers] == [304, 304, 304, 304, 200, 200]
    assert (answers[0].content, answers[0].headers["etag"]) == (b"", tag)
    assert "content-type" not in answers[0].headers
    assert tag.startswith('"')


async def test_the_first_answer_may_already_be_known(aino: Person) -> None:
    tag = (await aino.get("/shelf/things")).headers["etag"]
    await aino.ask("POST", "/shelf/things", json={"name": "lamp"})
    shelf.things.clear()
    assert (await aino.get("/shelf/things", headers={"if-none-match": tag})).status_code == 304


async def test_another_company_never_gets_the_answer(aino: Person, boris: Person) -> None:
    answers = [(await person.get("/shelf/things")).json()["of"] for person in (aino, boris, aino, boris)]
    assert answers == [person.signed_in["tenant"]["id"] for person in (aino, boris, aino, boris)]


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/shelf/things?a=1", {}), ("/shelf/things", {"accept-language": "fi"}), ("/shelf/things", {"accept": "text/csv"})],
)
async def test_another_question_is_asked_anew(aino: Person, path: str, headers: dict[str, str]) -> None:
    await aino.get("/shelf/things")
    await aino.get(path, headers=headers)
    assert shelf.looks == 2


async def test_who_is_not_signed_in_gets_nothing_of_it(aino: Person, http: httpx2.AsyncClient) -> None:
    await aino.get("/shelf/things")
    assert (await http.get("/shelf/things")).status_code == 401
    assert (await http.get("/shelf/things", headers={"authorization": "Bearer x"})).status_code == 401


async def test_a_session_that_was_ended_gets_nothing_of_it(http: httpx2.AsyncClient) -> None:
    cecilia = await register(http)
    await cecilia.get("/shelf/things")
    await cecilia.ask("POST", "/auth/logout")
    assert (await cecilia.get("/shelf/things")).status_code == 401


async def test_a_write_of_the_company_drops_the_answers_of_the_module_and_of_no_other(aino: Person, boris: Person) -> None:
    for person in (aino, boris):
        await person.get("/shelf/things")
    await aino.ask("POST", "/drawer")
    await aino.get("/shelf/things")
    looks = shelf.looks
    await aino.ask("POST", "/shelf/things", json={"name": "lamp"})
    after = [(await person.get("/shelf/things")).json()["things"] for person in (aino, boris)]

    assert (looks, shelf.looks) == (2, 3)
    assert after == [["lamp"], []]


async def test_what_was_read_before_a_write_is_not_kept_after_it(aino: Person) -> None:
    shelf.go_on.clear()
    reading = asyncio.create_task(aino.get("/shelf/things"))
    await shelf.arrived.wait()
    await aino.ask("POST", "/shelf/things", json={"name": "lamp"})
    shelf.go_on.set()

    assert (await reading).json()["things"] == []
    assert (await aino.get("/shelf/things")).json()["things"] == ["lamp"]


@pytest.mark.parametrize("path", ["/shelf/refusing?how=404", "/shelf/refusing?how=cookie", "/shelf/refusing?how=own", "/shelf/uncached"])
async def test_what_may_not_be_kept_is_not(aino: Person, path: str) -> None:
    answers = [await aino.get(path) for _ in range(2)]
    assert shelf.looks == 2
    assert "etag" not in answers[1].headers


async def test_what_is_too_large_is_given_whole_and_not_kept(aino: Person) -> None:
    answers = [await aino.get("/shelf/refusing?how=large") for _ in range(2)]
    assert (shelf.looks, [len(answer.content) for answer in answers]) == (2, [5_000_000, 5_000_000])


async def test_what_is_for_anybody_is_answered_once_for_all(aino: Person, http: httpx2.AsyncClient) -> None:
    for _ in range(2):
        await http.get("/shelf/open")
        await aino.get("/shelf/open")
    assert shelf.looks == 2


async def test_it_is_counted(aino: Person, http: httpx2.AsyncClient) -> None:
    before = (await http.get("/stats")).json()["caches"]["answers"]
    for _ in range(3):
        await aino.get("/shelf/things")
    after = (await http.get("/stats")).json()["caches"]["answers"]
    assert (after["hits"] - before["hits"], after["misses"] - before["misses"]) == (2, 1)
