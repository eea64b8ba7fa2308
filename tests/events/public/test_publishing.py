import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select

from converto.events.models import EventRow
from tests.acceptance.people import Person, is_problem
from tests.events.public.conftest import House
from tests.events.public.consumer import CLOUD, CLOUD_BATCH, cloud, consumer, ids, started, tenant

SOMEBODY_ELSE = "01900000-0000-7000-8000-000000000000"


async def send(person: Person, body: Any, content_type: str = "application/json", **headers: str) -> httpx2.Response:
    return await person.ask("POST", "/events/publish", json=body, headers={"content-type": content_type, **headers})


def pointers(answer: httpx2.Response) -> list[str]:
    return [error["pointer"] for error in answer.json()["errors"]]


async def test_a_cloud_event_is_published(aino: Person) -> None:
    reader = await consumer(aino)
    told = cloud(time="2026-11-20T09:00:00+02:00", tenantid=tenant(aino), comexampleextra="ignored")

    answer = await send(aino, told, CLOUD)
    (message,) = await reader.receive()

    assert answer.status_code == 202
    assert message["event"]["id"] == answer.json()["event_id"]
    assert (message["event"]["data"], message["event"]["time"]) == (told["data"], "2026-11-20T07:00:00Z")


async def test_a_batch_of_cloud_events_is_published_in_its_order(aino: Person) -> None:
    reader = await consumer(aino)

    answer = await send(aino, [cloud() for _ in range(5)], CLOUD_BATCH)

    assert ids(await reader.receive_all(5)) == [item["event_id"] for item in answer.json()["items"]]


async def test_what_a_tenant_publishes_reaches_no_handler_of_a_module(house: House, aino: Person) -> None:
    reader = await consumer(aino)

    await send(aino, started(aino, event_type="ocr.requested"))

    (message,) = await reader.receive()  # so it has been everywhere by now
    assert message["event"]["type"] == "ocr.requested"
    streams = {item["name"]: item for item in (await aino.get("/events/streams")).json()["items"]}
    modules = [group for group in streams["stream:ocr"]["groups"] if group["kind"] == "module"]
    assert [group["name"] for group in modules if group["lag"] + group["pending"] + group["dead"]] == []
    assert "ocr.read_scan" in [group["name"] for group in modules]
    async with house.database("events").reading() as session:
        wanted = select(EventRow.envelope).where(EventRow.event_id == UUID(message["event"]["id"]))
        envelope: dict[str, Any] = (await session.execute(wanted)).scalar_one()
    assert envelope["outside"] is True


@pytest.mark.parametrize("how", ["header", "cloud event", "batch"])
async def test_the_same_again_counts_once(aino: Person, how: str) -> None:
    reader = await consumer(aino)
    plain, told = started(aino), cloud()

    async def again() -> httpx2.Response:
        if how == "header":
            return await send(aino, plain, **{"idempotency-key": "scan 7"})
        return await send(aino, [told, told] if how == "batch" else told, CLOUD_BATCH if how == "batch" else CLOUD)

    first, *others = [await again() for _ in range(3)]
    at_once = await asyncio.gather(*(again() for _ in range(5)))

    assert {answer.status_code for answer in [first, *others, *at_once]} == {202}
    assert {answer.text for answer in [*others, *at_once]} == {first.text}
    assert len(await reader.receive()) == 1
    assert await reader.receive(wait=0) == []


async def test_many_who_publish_under_one_new_key_at_once_tell_one_event(aino: Person) -> None:
    reader = await consumer(aino)
    told = cloud()

    answers = await asyncio.gather(*(send(aino, told, CLOUD) for _ in range(10)))

    assert {answer.status_code for answer in answers} == {202}, [answer.text for answer in answers]
    assert len({answer.json()["event_id"] for answer in answers}) == 1
    assert len(await reader.receive()) == 1


@pytest.mark.parametrize("how", ["header", "cloud event", "within a batch"])
async def test_a_key_is_not_good_for_another_event(aino: Person, how: str) -> None:
    if how == "header":
        answers = [await send(aino, started(aino), **{"idempotency-key": "one"}) for _ in range(2)]
    elif how == "cloud event":
        answers = [await send(aino, cloud(id="one"), CLOUD) for _ in range(2)]
    else:
        answers = [await send(aino, [cloud(id="one"), cloud(id="one")], CLOUD_BATCH)]

    if how == "header":  # the edge knows it from its own table, and does not ask
        assert is_problem(answers[-1], 422, "gateway.idempotency_key_reused")
    else:
        assert is_problem(answers[-1], 422, "events.key_reused")
        assert "one" in answers[-1].json()["detail"]


async def test_a_key_is_the_tenants_own(aino: Person, boris: Person) -> None:
    answers = [await send(person, started(person), **{"idempotency-key": "one"}) for person in (aino, boris)]

    assert [answer.status_code for answer in answers] == [202, 202]


async def test_of_a_batch_with_one_wrong_event_nothing_is_told(aino: Person) -> None:
    reader = await consumer(aino)

    answer = await send(aino, [cloud(), cloud(data={"scan_id": "seven"})], CLOUD_BATCH)

    assert is_problem(answer, 422, "events.wrong_shape")
    assert pointers(answer) == ["/1/data/scan_id"]
    assert await reader.receive(wait=1) == []


async def test_an_unknown_type_is_refused_by_name(somebody: Person) -> None:
    answer = await send(somebody, started(somebody, event_type="ocr.done"))

    assert is_problem(answer, 422, "events.unknown_type")
    assert (pointers(answer), "'ocr.done'" in answer.json()["detail"]) == (["/event_type"], True)


async def test_an_unknown_type_in_a_cloud_event_is_refused_where_it_stands(somebody: Person) -> None:
    assert pointers(await send(somebody, [cloud(), cloud(type="ocr.done")], CLOUD_BATCH)) == ["/1/type"]


async def test_nobody_publishes_for_another_tenant(somebody: Person) -> None:
    plain = await send(somebody, started(somebody, tenant_id=SOMEBODY_ELSE))
    clouds = await send(somebody, cloud(tenantid=SOMEBODY_ELSE), CLOUD)

    assert is_problem(plain, 403, "events.foreign_tenant")
    assert is_problem(clouds, 403, "events.foreign_tenant")
    assert tenant(somebody) in plain.json()["detail"]


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "another module": ({"source_service": "auth"}, ["/source_service"]),
    "no data": ({"data": {}}, ["/data/scan_id"]),
    "data of another kind": ({"data": {"scan_id": 7}}, ["/data/scan_id"]),
    "an unknown field": ({"data": {"scan_id": SOMEBODY_ELSE, "more": 1}}, ["/data/more"]),
    "a field with a slash": ({"data": {"scan_id": SOMEBODY_ELSE, "a/b~c": 1}}, ["/data/a~1b~0c"]),
    "the id in the data": ({"data": {"scan_id": SOMEBODY_ELSE, "id": SOMEBODY_ELSE}}, ["/data/id"]),
    "several at once": ({"source_service": "", "data": {"x": 1}}, ["/source_service", "/data/x", "/data/scan_id"]),
    "data that is no object": ({"data": [1]}, ["/data"]),
    "a tenant that is no id": ({"tenant_id": "me"}, ["/tenant_id"]),
    "a field too many": ({"priority": 9}, ["/priority"]),
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_wrong_event_is_refused_field_by_field(somebody: Person, what: str) -> None:
    changed, wrong = WRONG[what]

    answer = await send(somebody, started(somebody, **changed))

    assert answer.status_code == 422
    assert pointers(answer) == wrong


WRONG_CLOUDS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "another version": ({"specversion": "0.3"}, ["/specversion"]),
    "an empty id": ({"id": ""}, ["/id"]),
    "an id that is too long": ({"id": "x" * 256}, ["/id"]),
    "a time without a zone": ({"time": "2026-11-23T09:00:00"}, ["/time"]),
    "a time to come": ({"time": datetime(2126, 1, 1, tzinfo=UTC).isoformat()}, ["/time"]),
    "the beginning of time": ({"time": "0001-01-01T00:00:00+14:00"}, ["/time"]),
    "the end of time": ({"time": "9999-12-31T23:59:59-14:00"}, ["/time"]),
    "data of another type": ({"datacontenttype": "text/xml"}, ["/datacontenttype"]),
    "another source": ({"source": "https://example.com"}, ["/source"]),
    "a tenant that is no id": ({"tenantid": "me"}, ["/tenantid"]),
}


@pytest.mark.parametrize("what", WRONG_CLOUDS)
async def test_a_wrong_cloud_event_is_refused_field_by_field(somebody: Person, what: str) -> None:
    changed, wrong = WRONG_CLOUDS[what]

    answer = await send(somebody, cloud(**changed), CLOUD)

    assert answer.status_code == 422
    assert pointers(answer) == wrong


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/cloudevents", "application/jsonx"]
)
async def test_another_kind_of_body_is_refused_with_what_is_taken(somebody: Person, content_type: str) -> None:
    answer = await send(somebody, cloud(), content_type)

    assert is_problem(answer, 415, "events.unsupported_body")
    assert "application/cloudevents+json" in answer.json()["detail"]


async def test_the_binary_mode_of_cloud_events_is_refused(somebody: Person) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "ocr", "ce-type": "ocr.started"}

    assert is_problem(await send(somebody, {"scan_id": SOMEBODY_ELSE}, **headers), 415, "events.unsupported_body")


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b"7", b'"text"', b"\xff\xfe"])
@pytest.mark.parametrize("content_type", ["application/json", CLOUD, CLOUD_BATCH])
async def test_a_body_that_is_no_event_is_refused(somebody: Person, content: bytes, content_type: str) -> None:
    answer = await somebody.ask("POST", "/events/publish", content=content, headers={"content-type": content_type})

    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_too_large_a_batch_is_refused(somebody: Person) -> None:
    answer = await send(somebody, [cloud() for _ in range(501)], CLOUD_BATCH)

    assert answer.status_code == 422
    assert "500" in answer.json()["errors"][0]["detail"]


async def test_every_kind_of_event_is_listed_with_its_shape(somebody: Person) -> None:
    items = {item["type"]: item for item in (await somebody.get("/events/types")).json()["items"]}

    requested = items["ocr.requested"]
    assert {"auth.user.registered", "ocr.completed", "ocr.failed"} <= set(items)
    assert (requested["stream"], requested["says"], requested["version"]) == ("stream:ocr", "A document waits to be read.", 1)
    assert requested["data_schema"]["required"] == ["scan_id"]
    assert not {"id", "time", "tenant_id"} & set(requested["data_schema"]["properties"])
