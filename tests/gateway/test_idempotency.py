import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

import httpx2
import pytest
from fastapi import APIRouter, FastAPI, Header, Response, UploadFile
from pydantic import BaseModel, SecretStr
from sqlalchemy import select

from converto.app import create_app, migrate
from converto.auth.module import module as auth
from converto.gateway.layers.idempotency import LEASE_S
from converto.gateway.models import IdempotencyKeyRow
from converto.gateway.module import module as gateway
from converto.kernel.access import PUBLIC, Access, Admission
from converto.kernel.database import Database
from converto.kernel.errors import Conflict, TimedOut
from converto.kernel.manifest import Module
from converto.kernel.web import CurrentActor
from tests.acceptance.people import Person, is_problem, register
from tests.gateway.conftest import calm, client_of, settings_in
from tests.servers import ask

PATH = "/orders"
SECRET = "shown-once-and-never-again"
router = APIRouter(prefix=PATH)


class Order(BaseModel):
    item: str


class Desk:
    """What the routes do, counted."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.arrived = asyncio.Event()
        self.go_on = asyncio.Event()


desk = Desk()


@router.post("", status_code=201)
async def order(order: Order, response: Response, _: CurrentActor) -> dict[str, Any]:
    desk.made.append(order.item)
    response.headers["location"] = f"{PATH}/{len(desk.made)}"
    return {"number": len(desk.made), "item": order.item, "secret": SECRET}


@router.post("/open")
async def anyone(order: Order) -> dict[str, int]:
    desk.made.append(order.item)
    return {"number": len(desk.made)}


@router.post("/{number}/lines")
async def line(number: int, _: CurrentActor) -> dict[str, int]:
    desk.made.append(str(number))
    return {"number": number, "of": len(desk.made)}


@router.post("/uploaded")
async def uploaded(file: UploadFile, _: CurrentActor) -> dict[str, int]:
    desk.made.append(str(file.filename))
    return {"number": len(desk.made), "bytes": len(await file.read())}


@router.post("/slow")
async def slow(_: CurrentActor) -> dict[str, int]:
    desk.arrived.set()
    await desk.go_on.wait()
    desk.made.append("slow")
    return {"number": len(desk.made)}


@router.post("/refused")
async def refused(_: CurrentActor, status: int) -> None:
    desk.made.append("tried")
    if status == 500:
        msg = "a defect"
        raise RuntimeError(msg)
    raise {409: Conflict, 504: TimedOut}[status]


@router.post("/large")
async def large(_: CurrentActor) -> dict[str, str]:
    desk.made.append("large")
    return {"text": "x" * 300_000}


@router.post("/waited", status_code=202)
async def waited(_: CurrentActor, response: Response, prefer: Annotated[str, Header()] = "") -> dict[str, int]:
    desk.made.append("waited")
    response.headers["preference-applied"] = prefer
    return {"number": len(desk.made)}


@router.post("/echoed")
async def echoed(_: CurrentActor, idempotency_key: Annotated[str, Header()]) -> dict[str, str]:
    desk.made.append(idempotency_key)
    return {"key": idempotency_key}


CREATES = Access(None, Admission.READ, creates=True)
ROUTES = ("", "/{number}/lines", "/uploaded", "/slow", "/refused", "/large", "/waited", "/echoed")
ACCESS = {f"POST {PATH}{route}": CREATES for route in ROUTES} | {f"POST {PATH}/open": Access(PUBLIC, Admission.READ, creates=True)}
ORDERS = Module(name="orders", router=router, access=ACCESS)
MODULES = (auth, gateway, ORDERS)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
async def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    url = ask("postgres") if request.param == "postgres" else None
    settings = settings_in(tmp_path_factory.mktemp("data"), database_url=SecretStr(url) if url else None)
    await migrate(settings, MODULES)
    app = create_app(settings, MODULES)
    async with app.router.lifespan_context(app):
        calm(app)
        yield app
    if url:
        ask("drop", url.rpartition("/")[2])


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
def _fresh_desk() -> None:
    desk.__init__()  # type: ignore[misc]


def database(app: FastAPI) -> Database:
    found: Database = app.state.runtime.hosted["gateway"].database
    return found


def key() -> dict[str, str]:
    return {"idempotency-key": str(uuid4())}


async def test_the_same_request_again_is_answered_alike_and_done_once(aino: Person) -> None:
    headers = key()
    first = await aino.ask("POST", PATH, json={"item": "tuoli"}, headers=headers)
    again = await aino.ask("POST", PATH, json={"item": "tuoli"}, headers=headers)

    assert desk.made == ["tuoli"]
    assert (again.status_code, again.content) == (first.status_code, first.content) == (201, first.content)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert {name: again.headers[name] for name in ("location", "content-type")} == {
        name: first.headers[name] for name in ("location", "content-type")
    }
    assert again.headers["x-request-id"] != first.headers["x-request-id"]


async def test_another_request_under_the_key_is_refused(aino: Person) -> None:
    headers = key()
    await aino.ask("POST", PATH, json={"item": "tuoli"}, headers=headers)
    other = await aino.ask("POST", PATH, json={"item": "sohva"}, headers=headers)

    assert is_problem(other, 422, "gateway.idempotency_key_reused")
    assert desk.made == ["tuoli"]


async def test_the_same_route_for_another_thing_is_another_request(aino: Person) -> None:
    headers = key()
    answers = [await aino.ask("POST", f"{PATH}/{number}/lines", headers=headers) for number in (1, 2, 1)]

    assert [answer.status_code for answer in answers] == [200, 422, 200]
    assert answers[2].json() == answers[0].json()


async def test_a_request_that_is_still_worked_on_is_not_begun_again(aino: Person) -> None:
    headers = key()
    first = asyncio.create_task(aino.ask("POST", f"{PATH}/slow", headers=headers))
    await desk.arrived.wait()
    busy = await aino.ask("POST", f"{PATH}/slow", headers=headers)
    desk.go_on.set()

    assert is_problem(busy, 409, "gateway.idempotency_key_in_progress")
    assert int(busy.headers["retry-after"]) >= 1
    assert (await first).status_code == 200
    assert (await aino.ask("POST", f"{PATH}/slow", headers=headers)).json() == {"number": 1}


async def test_of_many_at_once_one_is_done(aino: Person) -> None:
    headers = key()
    answers = await asyncio.gather(*(aino.ask("POST", PATH, json={"item": "pöytä"}, headers=headers) for _ in range(10)))

    assert desk.made == ["pöytä"]
    assert {answer.status_code for answer in answers} <= {201, 409}


async def test_a_key_is_the_principals_own_and_the_routes(aino: Person, boris: Person) -> None:
    headers = key()
    answers = [await person.ask("POST", PATH, json={"item": "tuoli"}, headers=headers) for person in (aino, boris)]
    answers.append(await aino.ask("POST", f"{PATH}/3/lines", headers=headers))

    assert [answer.status_code for answer in answers] == [201, 201, 200]
    assert desk.made == ["tuoli", "tuoli", "3"]


async def test_a_module_is_told_a_key_that_is_the_principals_own(aino: Person, boris: Person) -> None:
    headers = key()
    for person in (aino, boris, aino):
        await person.ask("POST", f"{PATH}/echoed", headers=headers)

    assert len({headers["idempotency-key"], *desk.made}) == 3
    assert {len(made) for made in desk.made} == {64}


async def test_a_key_outlives_the_token_that_it_came_with(aino: Person) -> None:
    headers = key()
    first = await aino.ask("POST", PATH, json={"item": "lamppu"}, headers=headers)
    refreshed = await aino.http.post("/auth/refresh", json={"refresh_token": aino.signed_in["refresh_token"]})
    again = await Person(aino.http, aino.email, refreshed.json()).ask("POST", PATH, json={"item": "lamppu"}, headers=headers)

    assert again.content == first.content
    assert desk.made == ["lamppu"]


async def test_an_upload_is_known_by_its_content_and_not_by_its_boundary(aino: Person) -> None:
    headers = key()

    async def upload(content: bytes, boundary: str) -> httpx2.Response:
        disposition = b'content-disposition: form-data; name="file"; filename="a.png"'
        line = boundary.encode()
        body = b"--" + line + b"\r\n" + disposition + b"\r\ncontent-type: image/png\r\n\r\n" + content + b"\r\n--" + line + b"--\r\n"
        sent = {"content-type": f"multipart/form-data; boundary={boundary}", **headers}
        return await aino.ask("POST", f"{PATH}/uploaded", content=body, headers=sent)

    first, again, other = [await upload(*given) for given in ((b"abc" * 99_999, "one"), (b"abc" * 99_999, "two"), (b"abd" * 99_999, "one"))]
    assert (first.status_code, again.content) == (200, first.content)
    assert is_problem(other, 422, "gateway.idempotency_key_reused")
    assert desk.made == ["a.png"]


@pytest.mark.parametrize("status", [409, 500])
async def test_after_a_refusal_the_key_is_free(aino: Person, status: int) -> None:
    headers = key()
    answers = [await aino.ask("POST", f"{PATH}/refused?status={status}", headers=headers) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [status, status]
    assert desk.made == ["tried", "tried"]


async def test_where_it_is_not_known_whether_it_was_done_the_key_is_free_after_its_lease(app: FastAPI, aino: Person) -> None:
    headers = key()
    answers = [await aino.ask("POST", f"{PATH}/refused?status=504", headers=headers) for _ in range(2)]
    await _pass(app, LEASE_S)
    answers.append(await aino.ask("POST", f"{PATH}/refused?status=504", headers=headers))

    assert [answer.status_code for answer in answers] == [504, 409, 504]
    assert desk.made == ["tried", "tried"]


async def test_the_key_of_a_process_that_died_is_free_after_its_lease(app: FastAPI, aino: Person) -> None:
    headers = key()
    dying = asyncio.create_task(aino.ask("POST", f"{PATH}/slow", headers=headers))
    await desk.arrived.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    busy = await aino.ask("POST", f"{PATH}/slow", headers=headers)
    await _pass(app, LEASE_S)
    desk.go_on.set()

    assert busy.status_code == 409
    assert (await aino.ask("POST", f"{PATH}/slow", headers=headers)).json() == {"number": 1}


async def test_an_answer_is_kept_for_a_day(app: FastAPI, aino: Person) -> None:
    headers = key()
    await aino.ask("POST", PATH, json={"item": "tuoli"}, headers=headers)
    await _pass(app, 86_400)
    after = await aino.ask("POST", PATH, json={"item": "tuoli"}, headers=headers)

    assert "idempotent-replayed" not in after.headers
    assert desk.made == ["tuoli", "tuoli"]


async def test_keys_whose_time_is_over_are_forgotten(app: FastAPI, aino: Person) -> None:
    for _ in range(3):
        await aino.ask("POST", PATH, json={"item": "tuoli"}, headers=key())
    await _pass(app, 86_400)
    fresh = key()
    await aino.ask("POST", PATH, json={"item": "tuoli"}, headers=fresh)

    await app.state.runtime.hosted["gateway"].service.forget_old(at_once=2)

    async with database(app).across_tenants.reading() as session:
        assert len((await session.scalars(select(IdempotencyKeyRow))).all()) == 1


async def test_an_answer_too_large_to_keep_is_not_given_again_and_the_work_not_done_again(aino: Person) -> None:
    headers = key()
    answers = [await aino.ask("POST", f"{PATH}/large", headers=headers) for _ in range(2)]

    assert (answers[0].status_code, len(answers[0].json()["text"])) == (200, 300_000)
    assert is_problem(answers[1], 409, "gateway.answer_not_kept")
    assert desk.made == ["large"]


async def test_an_answer_that_says_only_how_far_it_has_come_is_not_kept(aino: Person) -> None:
    headers = {**key(), "prefer": "wait=1"}
    answers = [await aino.ask("POST", f"{PATH}/waited", headers=headers) for _ in range(2)]

    assert [answer.json() for answer in answers] == [{"number": 1}, {"number": 2}]


async def test_nothing_of_a_request_or_its_answer_can_be_read_in_the_table(app: FastAPI, aino: Person) -> None:
    headers = key()
    await aino.ask("POST", PATH, json={"item": "salainen-tuoli"}, headers=headers)

    async with database(app).across_tenants.reading() as session:
        rows = (await session.scalars(select(IdempotencyKeyRow))).all()
    kept = b"".join(row.digest + (row.payload or b"") + (row.answer or b"") for row in rows)
    assert rows
    assert not any(word.encode() in kept for word in (SECRET, "tuoli", headers["idempotency-key"]))


async def test_who_has_not_signed_in_may_repeat_too(http: httpx2.AsyncClient) -> None:
    headers = key()
    answers = [await http.post(f"{PATH}/open", json={"item": item}, headers=headers) for item in ("a", "a", "b")]

    assert [answer.status_code for answer in answers] == [200, 200, 422]
    assert desk.made == ["a"]


@pytest.mark.parametrize("given", ["", " ", "x" * 256, "ä", "a\tb", "a\x7f"])
async def test_a_key_that_is_none_is_refused(aino: Person, given: str) -> None:
    sent: dict[str, Any] = {"idempotency-key": given.encode("latin-1")}
    answer = await aino.ask("POST", PATH, json={"item": "tuoli"}, headers=sent)
    assert is_problem(answer, 400, "gateway.bad_idempotency_key")


async def _pass(app: FastAPI, seconds: float) -> None:
    """Let so much time pass for every key."""
    async with database(app).across_tenants.writing() as session:
        for row in (await session.scalars(select(IdempotencyKeyRow))).all():
            row.until = row.until - timedelta(seconds=seconds)
