"""A tenant hears, sees and mends its own alone: asked from outside, over every route."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import select, update

from converto.auth.models import MembershipRow
from converto.events.inbox import Inbox
from converto.events.tables import inbox
from converto.kernel import service_token
from converto.kernel.clock import now
from converto.kernel.errors import Unavailable
from converto.kernel.event import Envelope
from converto.ocr.events import ScanRequested
from tests.acceptance.people import Person, is_problem
from tests.events.public.conftest import SECRETS, House
from tests.events.public.consumer import Consumer, consumer, ids, publish, publish_many, started, subscribe, tenant

READER, OUTSIDER = "ocr.read_scan", {"id": "01900000-0000-7000-8000-000000000000"}


@pytest.fixture
def service(house: House) -> Person:
    """Return a service of the operator's."""
    token = service_token.mint(SECRETS, "reporting", lasts=timedelta(minutes=5), at=now())
    return Person(house.http, "", {"access_token": token, "tenant": OUTSIDER})


async def bury(house: House, person: Person) -> str:
    """Let the reader give up on an event of a tenant's, and return its id."""
    event = ScanRequested(tenant_id=UUID(tenant(person)), scan_id=uuid4())
    async with house.database("ocr").writing() as session:
        await Inbox(session).accept(f"ocr.{event.id}", [Envelope.around(event)])
        (delivery,) = await Inbox(session).claim(f"ocr.{event.id}", 1, lease_s=60)
        await Inbox(session).bury(delivery.held, "OSError: /secret/path is full")
    return str(event.id)


async def refused_to_death(reader: Consumer) -> str:
    """Let a group give up on its next event, and return the event's id."""
    settled: list[tuple[bool, str]] = []
    while (True, "dead") not in settled:
        (message,) = await reader.receive(most=1)
        settled = await reader.settle("nack", message, delay_s=0)
    return str(message["event"]["id"])


async def test_a_group_of_every_stream_hears_its_own_tenant_alone(aino: Person, boris: Person) -> None:
    reader = await consumer(aino, stream_names=["stream:auth", "stream:ocr"], start="earliest")
    await publish_many(boris, 3)
    mine = await publish_many(aino, 3)

    heard = await reader.receive_all(4)

    assert {message["event"]["tenantid"] for message in heard} == {tenant(aino)}
    assert set(mine) <= set(ids(heard))
    assert await reader.receive(wait=1) == []


async def test_a_group_belongs_to_its_tenant(aino: Person, boris: Person) -> None:
    theirs = await consumer(aino, consumer_group="books")
    await publish(aino, uuid4())
    (message,) = await theirs.receive()
    held = {"receipts": [message["receipt"]]}
    links = theirs.subscription["links"]

    asked = [
        await boris.ask("POST", links["receive"]),
        *[await boris.ask("POST", links[link], json=held) for link in ("ack", "nack", "renew")],
        await boris.get(links["self"]),
        await boris.get(links["events"]),
        await boris.ask("DELETE", links["self"]),
    ]

    for answer in asked:
        assert is_problem(answer, 404, "events.unknown_subscription")
    assert await theirs.settle("ack", message) == [(True, "acknowledged")]


async def test_a_receipt_settles_nothing_in_another_tenants_group(aino: Person, boris: Person) -> None:
    theirs, own = await consumer(aino), await consumer(boris)
    await publish(aino, uuid4())
    (message,) = await theirs.receive()

    for how in ("ack", "nack", "renew"):
        assert await own.settle(how, message) == [(False, "refused")]

    assert await theirs.settle("ack", message) == [(True, "acknowledged")]


async def test_names_of_groups_are_the_tenants_own(aino: Person, boris: Person) -> None:
    answers = [await subscribe(person, consumer_group="books") for person in (aino, boris)]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert len({answer.json()["subscription_id"] for answer in answers}) == 2
    assert [item["consumer_group"] for item in (await boris.get("/events/subscriptions")).json()["items"]] == ["books"]


async def test_nobody_begins_after_another_tenants_event(aino: Person, boris: Person) -> None:
    reader = await consumer(aino)
    (event_id,) = await publish(aino, uuid4())
    await reader.receive()

    assert is_problem(await subscribe(boris, start=event_id), 422, "events.wrong_subscription")
    assert (await subscribe(aino, start=event_id)).status_code == 201


async def test_streams_count_the_tenants_own(aino: Person, boris: Person) -> None:
    reader = await consumer(aino, consumer_group="books")
    await publish_many(aino, 2)
    await reader.receive_all(2)

    streams = {item["name"]: item for item in (await boris.get("/events/streams")).json()["items"]}

    assert streams["stream:ocr"]["length"] == 0
    groups = streams["stream:ocr"]["groups"]
    assert READER in [group["name"] for group in groups]
    assert {group["kind"] for group in groups} == {"module"}


async def test_a_tenant_sees_and_mends_its_own_dead_events_alone(house: House, aino: Person, boris: Person) -> None:
    event_id = await bury(house, aino)
    reader = await consumer(aino)
    await publish(aino, uuid4())
    own = await refused_to_death(reader)

    asked = [
        await boris.ask(*what)
        for one in (event_id, own)
        for what in (("POST", f"/events/dead/{one}/retry"), ("DELETE", f"/events/dead/{one}"))
    ]

    for answer in asked:
        assert is_problem(answer, 404, "events.unknown_dead_event")
    assert (await boris.get("/events/dead")).json()["items"] == []
    assert {item["id"] for item in (await aino.get("/events/dead")).json()["items"]} == {event_id, own}


async def test_what_a_module_gave_up_on_is_tried_again_but_not_forgotten_by_a_tenant(house: House, aino: Person) -> None:
    event_id = await bury(house, aino)

    (letter,) = (await aino.get("/events/dead")).json()["items"]
    forgotten = await aino.ask("DELETE", f"/events/dead/{event_id}")
    again = await aino.ask("POST", f"/events/dead/{event_id}/retry")

    assert "/secret" not in str(letter)
    assert (letter["given_up_by"][0]["subscriber"], letter["stream"]) == (f"ocr.{event_id}", "stream:ocr")
    assert is_problem(forgotten, 404, "events.unknown_dead_event")
    assert (again.status_code, again.json()) == (200, {"changed": 1})
    async with house.database("ocr").reading() as session:
        row = (await session.execute(select(inbox).where(inbox.c.subscriber == f"ocr.{event_id}", inbox.c.dead_at.is_(None)))).first()
    assert row is not None


async def test_a_dead_event_of_a_group_comes_again_or_is_forgotten(aino: Person) -> None:
    reader = await consumer(aino)
    await publish(aino, uuid4())
    event_id = await refused_to_death(reader)

    again = await aino.ask("POST", f"/events/dead/{event_id}/retry")
    (message,) = await reader.receive()
    assert (again.json(), ids([message]), message["delivery_count"]) == ({"changed": 1}, [event_id], 1)

    await reader.settle("nack", message, delay_s=0)
    assert await refused_to_death(reader) == event_id
    gone = await aino.ask("DELETE", f"/events/dead/{event_id}")
    assert gone.status_code == 204
    assert (await aino.get("/events/dead")).json()["items"] == []
    assert is_problem(await aino.ask("DELETE", f"/events/dead/{event_id}"), 404, "events.unknown_dead_event")


async def test_dead_events_come_in_pages_newest_first(house: House, aino: Person) -> None:
    buried = [await bury(house, aino) for _ in range(3)]

    first = (await aino.get("/events/dead?limit=2")).json()
    second = (await aino.get(f"/events/dead?limit=2&cursor={first['next_cursor']}")).json()

    assert [item["id"] for item in first["items"] + second["items"]] == buried[::-1]
    assert (second["next_cursor"], second["unavailable"]) == (None, [])


async def test_a_module_that_cannot_be_asked_is_named(house: House, aino: Person) -> None:
    desks = house.service("events")._parts.overview._desks
    desk = desks.pop("ocr")
    try:
        answers = [(await aino.get(path)).json()["unavailable"] for path in ("/events/dead", "/events/streams")]
    finally:
        desks["ocr"] = desk

    assert answers == [["ocr"], ["ocr"]]


async def test_a_module_that_does_not_answer_is_named_and_may_hold_what_is_looked_for(house: House, aino: Person) -> None:
    desks = house.service("events")._parts.overview._desks
    desk, desks["ocr"] = desks["ocr"], Away()
    try:
        listed = (await aino.get("/events/dead")).json()
        retried = await aino.ask("POST", f"/events/dead/{OUTSIDER['id']}/retry")
    finally:
        desks["ocr"] = desk

    assert (listed["items"], listed["unavailable"]) == ([], ["ocr"])
    assert is_problem(retried, 503, "unavailable")


class Away:
    """A desk in a process that has gone."""

    async def dead(self, *_: object, **__: object) -> None:
        raise Unavailable(module="ocr", retry_after_s=1)

    queues = retry = purge = dead


async def test_a_service_hears_every_tenant_and_sees_the_reasons(house: House, aino: Person, boris: Person, service: Person) -> None:
    reader = await consumer(service)
    told = [*await publish_many(aino, 1), *await publish_many(boris, 1)]
    event_id = await bury(house, aino)

    heard = await reader.receive_all(2)
    dead = {item["id"]: item for item in (await service.get("/events/dead?limit=200")).json()["items"]}

    assert sorted(ids(heard)) == sorted(told)
    assert "/secret" in dead[event_id]["given_up_by"][0]["last_error"]
    assert (await service.ask("DELETE", f"/events/dead/{event_id}")).status_code == 204


async def test_a_tenant_does_not_see_what_a_service_gave_up_on(aino: Person, service: Person) -> None:
    reader = await consumer(service)
    await publish(aino, uuid4())

    event_id = await refused_to_death(reader)

    assert (await aino.get("/events/dead")).json()["items"] == []
    assert is_problem(await aino.ask("POST", f"/events/dead/{event_id}/retry"), 404, "events.unknown_dead_event")
    assert (await service.ask("DELETE", f"/events/dead/{event_id}")).status_code == 204


async def test_a_service_publishes_for_a_tenant_and_what_it_tells_reaches_the_modules(house: House, aino: Person, service: Person) -> None:
    answer = await service.ask("POST", "/events/publish", json=started(aino, event_type="ocr.requested"))
    reader = await consumer(aino, start="earliest")

    (message,) = await reader.receive()

    assert answer.status_code == 202
    assert message["event"]["tenantid"] == tenant(aino)
    async with house.database("ocr").reading() as session:
        heard = await session.execute(select(inbox.c.event_id).where(inbox.c.subscriber == READER))
    assert message["event"]["id"] in {str(row.event_id) for row in heard}


ROUTES: dict[str, tuple[str, str, Any]] = {
    "publish": ("POST", "/events/publish", {}),
    "subscribe": ("POST", "/events/subscribe", {"stream_names": ["stream:ocr"], "consumer_group": "a", "consumer_name": "b"}),
    "subscriptions": ("GET", "/events/subscriptions", None),
    "subscription": ("GET", f"/events/subscriptions/{OUTSIDER['id']}", None),
    "unsubscribe": ("DELETE", f"/events/subscriptions/{OUTSIDER['id']}", None),
    "receive": ("POST", f"/events/subscriptions/{OUTSIDER['id']}/consumers/one/receive", None),
    "ack": ("POST", f"/events/subscriptions/{OUTSIDER['id']}/ack", {"receipts": ["x"]}),
    "nack": ("POST", f"/events/subscriptions/{OUTSIDER['id']}/nack", {"receipts": ["x"]}),
    "renew": ("POST", f"/events/subscriptions/{OUTSIDER['id']}/renew", {"receipts": ["x"]}),
    "live view": ("GET", f"/events/subscriptions/{OUTSIDER['id']}/events", None),
    "streams": ("GET", "/events/streams", None),
    "types": ("GET", "/events/types", None),
    "dead": ("GET", "/events/dead", None),
    "retry": ("POST", f"/events/dead/{OUTSIDER['id']}/retry", None),
    "purge": ("DELETE", f"/events/dead/{OUTSIDER['id']}", None),
}
OPEN = {"/events/health"}


@pytest.mark.parametrize("route", ROUTES)
async def test_nobody_gets_in_without_a_token(house: House, route: str) -> None:
    method, path, body = ROUTES[route]

    assert is_problem(await house.http.request(method, path, json=body), 401, "unauthenticated")


OVER = service_token.mint(SECRETS, "reporting", lasts=timedelta(days=-1), at=now())


@pytest.mark.parametrize("token", ["converto-service.e30.x", "converto-service.", OVER], ids=["forged", "empty", "over"])
async def test_nobody_gets_in_by_a_bad_service_token(house: House, token: str) -> None:
    answer = await house.http.get("/events/streams", headers={"authorization": f"Bearer {token}"})

    assert is_problem(answer, 401, "service_token.bad")


async def test_every_route_is_asked_here(house: House) -> None:
    paths = (await house.http.get("/openapi.json")).json()["paths"]
    known = {(method.upper(), path) for path in paths if path.startswith("/events/") for method in paths[path]}

    asked = {(method, path.replace(OUTSIDER["id"], "{id}").replace("/one/", "/{name}/")) for method, path, _ in ROUTES.values()}
    shown = {(method, _bare(path)) for method, path in known if path not in OPEN and not path.startswith("/events/webhooks")}

    assert shown == asked


def _bare(path: str) -> str:
    for name in ("subscription_id", "event_id"):
        path = path.replace(f"{{{name}}}", "{id}")
    return path.replace("{consumer_name}", "{name}")


async def test_a_member_without_the_scope_is_told_which_one_is_missing(house: House, aino: Person) -> None:
    await demote(house, aino)

    answers: dict[str, httpx2.Response] = {
        name: await aino.ask(method, path, json=body) for name, (method, path, body) in ROUTES.items() if name != "publish"
    }
    answers["publish"] = await aino.ask("POST", "/events/publish", json=started(aino))

    for name, answer in answers.items():
        assert is_problem(answer, 403, "forbidden"), name
        assert "events:" in answer.json()["detail"], name


async def demote(house: House, person: Person) -> None:
    """Make a viewer of an owner."""
    async with house.database("auth").writing() as session:
        await session.execute(update(MembershipRow).where(MembershipRow.tenant_id == UUID(tenant(person))).values(role="viewer"))
