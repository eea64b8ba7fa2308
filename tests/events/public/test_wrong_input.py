"""Whatever comes in, the answer is never 5xx, and a refusal names the field and what to do."""

import random
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx2
import pytest

from converto.events.models import GroupRow
from converto.events.settings import EventsSettings
from tests.acceptance.people import Person
from tests.events.public.conftest import House
from tests.events.public.consumer import CLOUD, CLOUD_BATCH, cloud, consumer, started, tenant
from tests.events.public.nonsense import Nonsense

FIELDS = (
    *("event_type", "source_service", "tenant_id", "data", "specversion", "id", "source", "type", "time", "tenantid", "datacontenttype"),
    *(
        "stream_names",
        "consumer_group",
        "consumer_name",
        "event_types",
        "start",
        "lease_seconds",
        "ordered",
        "receipts",
        "delay_s",
        "reason",
    ),
)
UNKNOWN = "01900000-0000-7000-8000-000000000000"
SUBSCRIPTION: dict[str, Any] = {"stream_names": ["stream:ocr"], "consumer_group": "books", "consumer_name": "one"}


def is_told(answer: httpx2.Response) -> bool:
    """Tell whether an answer is a success, or a problem in every part that says what is wrong."""
    if answer.status_code < 400:
        return True
    told = answer.json()
    return (
        answer.status_code < 500
        and answer.headers["content-type"] == "application/problem+json"
        and all(told[name] for name in ("type", "title", "status", "detail", "code", "request_id"))
        and all(error["detail"] for error in told.get("errors", ()))
    )


def of(what: str) -> Any:
    """Return a good body that a test spoils."""
    return {
        "/events/publish": {"event_type": "ocr.started", "source_service": "ocr", "tenant_id": UNKNOWN, "data": {"scan_id": UNKNOWN}},
        "/events/subscribe": SUBSCRIPTION,
    }.get(what, {"receipts": ["x" * 64]})


@pytest.fixture(scope="module")
def seed() -> int:
    """Return a number of chance; a test that fails says which."""
    return random.randrange(10**6)  # noqa: S311 - to break things, not to keep a secret


async def test_no_body_breaks_a_route(somebody: Person, seed: int) -> None:
    nonsense = Nonsense(seed)
    group = f"/events/subscriptions/{UNKNOWN}"
    paths = ["/events/publish", "/events/subscribe", f"{group}/ack", f"{group}/nack", f"{group}/renew"]
    for _ in range(120):
        path = nonsense.one_of(paths)
        body = nonsense.one_of([of(path), {}]) | nonsense.fields(FIELDS)

        answer = await somebody.ask("POST", path, json=body)

        assert is_told(answer), (seed, path, body, answer.text)


async def test_no_cloud_event_breaks_a_route(somebody: Person, seed: int) -> None:
    nonsense = Nonsense(seed)
    for _ in range(80):
        told = cloud(**nonsense.fields(FIELDS))
        batch = nonsense.one_of([[told], [cloud(), told], nonsense.json()])

        one = await somebody.ask("POST", "/events/publish", json=told, headers={"content-type": CLOUD})
        many = await somebody.ask("POST", "/events/publish", json=batch, headers={"content-type": CLOUD_BATCH})

        assert is_told(one), (seed, told, one.text)
        assert is_told(many), (seed, batch, many.text)


async def test_no_data_breaks_an_event(somebody: Person, seed: int) -> None:
    nonsense = Nonsense(seed)
    types = {item["type"]: item["data_schema"]["properties"] for item in (await somebody.get("/events/types")).json()["items"]}
    for _ in range(120):
        event_type = nonsense.one_of(list(types))
        data = nonsense.one_of([nonsense.json(), {name: nonsense.json() for name in types[event_type]}])
        body = started(somebody, event_type=event_type, source_service=event_type.partition(".")[0], data=data)

        answer = await somebody.ask("POST", "/events/publish", json=body)

        assert is_told(answer), (seed, body, answer.text)


async def test_no_address_breaks_a_route(somebody: Person, seed: int) -> None:
    nonsense = Nonsense(seed)
    for _ in range(15):
        part, most, wait = (quote(nonsense.text(), safe="") for _ in range(3))
        for method, path in (
            ("GET", f"/events/subscriptions/{part}"),
            ("DELETE", f"/events/subscriptions/{part}"),
            ("POST", f"/events/subscriptions/{UNKNOWN}/consumers/{part}/receive?max={most}&wait={wait}"),
            ("GET", f"/events/dead?limit={most}&cursor={part}"),
            ("GET", f"/events/subscriptions?cursor={part}&limit=1"),
            ("POST", f"/events/dead/{part}/retry"),
            ("DELETE", f"/events/dead/{part}"),
            ("GET", f"/events/{part}"),
        ):
            answer = await somebody.ask(method, path)

            assert is_told(answer), (seed, path, answer.text)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no stream": ({"stream_names": []}, "/stream_names"),
    "an unknown stream": ({"stream_names": ["stream:ocr", "ocr"]}, "/stream_names/1"),
    "streams that are no list": ({"stream_names": "stream:ocr"}, "/stream_names"),
    "no group": ({"consumer_group": ""}, "/consumer_group"),
    "a group of strange letters": ({"consumer_group": "a/b"}, "/consumer_group"),
    "a consumer of strange letters": ({"consumer_name": "ä b"}, "/consumer_name"),
    "a type of another stream": ({"event_types": ["auth.user.login"]}, "/event_types/0"),
    "no types": ({"event_types": []}, "/event_types"),
    "a lease of nothing": ({"lease_seconds": 0}, "/lease_seconds"),
    "a lease of days": ({"lease_seconds": 86400}, "/lease_seconds"),
    "a start that is none": ({"start": "yesterday"}, "/start"),
    "an event that is not there": ({"start": UNKNOWN}, "/start"),
    "a field that is misspelt": ({"lease_secs": 5}, "/lease_secs"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_wrong_subscription_is_refused_with_the_field_and_what_there_is(somebody: Person, what: str) -> None:
    changed, pointer = WRONG[what]

    answer = await somebody.ask("POST", "/events/subscribe", json=SUBSCRIPTION | changed)

    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == pointer


async def test_an_unknown_stream_is_answered_with_those_there_are(somebody: Person) -> None:
    answer = await somebody.ask("POST", "/events/subscribe", json=SUBSCRIPTION | {"stream_names": ["ocr"]})

    for stream in ("stream:auth", "stream:ocr"):
        assert stream in answer.json()["detail"]


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"max": 0}, "/query/max"),
        ({"max": 501}, "/query/max"),
        ({"max": "all"}, "/query/max"),
        ({"wait": 26}, "/query/wait"),
        ({"wait": "nan"}, "/query/wait"),
        ({"wait": -1}, "/query/wait"),
    ],
)
async def test_wrong_limits_of_a_receive_are_refused(somebody: Person, params: dict[str, Any], pointer: str) -> None:
    answer = await (await consumer(somebody, consumer_group="limits")).ask("receive", params=params)

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/receipts"),
        ({"receipts": []}, "/receipts"),
        ({"receipts": "x"}, "/receipts"),
        ({"receipts": ["x", 7]}, "/receipts/1"),
        ({"receipts": ["x", "x" * 201]}, "/receipts/1"),
        ({"receipts": ["x"] * 501}, "/receipts"),
        ({"receipts": ["x"], "delay": 5}, "/delay"),
        ({"receipts": ["x"], "delay_s": -1}, "/delay_s"),
        ({"receipts": ["x"], "delay_s": 1e6}, "/delay_s"),
        ({"receipts": ["x"], "reason": "x" * 501}, "/reason"),
    ],
)
async def test_a_wrong_refusal_is_refused_field_by_field(somebody: Person, body: dict[str, Any], pointer: str) -> None:
    answer = await (await consumer(somebody, consumer_group="limits")).ask("nack", json=body)

    assert (answer.status_code, [error["pointer"] for error in answer.json()["errors"]]) == (422, [pointer])


@pytest.mark.parametrize("receipt", ["x", "x" * 64, "Ä" * 64, "=" * 64, "A" * 63 + "\n"])
async def test_what_is_no_receipt_is_refused_by_itself(somebody: Person, receipt: str) -> None:
    reader = await consumer(somebody, consumer_group="limits")

    answer = await reader.ask("ack", json={"receipts": [receipt]})

    assert (answer.status_code, answer.json()["accepted"], answer.json()["refused"]) == (200, 0, 1)


@pytest.mark.parametrize("last", ["x", "-1", str(2**63), "1.5", "9" * 40])
async def test_a_last_event_id_that_the_stream_never_gave_is_refused(somebody: Person, last: str) -> None:
    reader = await consumer(somebody, consumer_group="limits")

    answer = await somebody.get(reader.subscription["links"]["events"], headers={"last-event-id": last})

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/header/last-event-id")


async def test_more_groups_than_a_tenant_may_have_are_refused(house: House, aino: Person) -> None:
    async def join(name: str) -> httpx2.Response:
        return await aino.ask("POST", "/events/subscribe", json=SUBSCRIPTION | {"consumer_group": name})

    (first,) = [(await join("first")).json()]
    async with house.database("events").writing() as session:
        row = await session.get_one(GroupRow, (UUID(tenant(aino)), UUID(first["subscription_id"])))
        kept = {column.key: getattr(row, column.key) for column in GroupRow.__table__.columns}
        for number in range(EventsSettings().max_groups - 2):
            session.add(GroupRow(**kept | {"id": uuid4(), "name": f"g{number}"}))

    answers = [await join(name) for name in ("last", "one too many", "one-too-many", "first")]

    assert [answer.status_code for answer in answers] == [201, 422, 409, 200]
    assert answers[2].json()["code"] == "events.too_many_groups"


async def test_settling_a_thing_of_an_unknown_subscription_says_how_to_make_one(somebody: Person) -> None:
    answer = await somebody.ask("POST", f"/events/subscriptions/{uuid4()}/ack", json={"receipts": ["x"]})

    assert (answer.status_code, "POST /events/subscribe" in answer.json()["detail"]) == (404, True)


@pytest.mark.parametrize("path", ["/events/subscribe", *(f"/events/subscriptions/{UNKNOWN}/{how}" for how in ("ack", "nack", "renew"))])
async def test_a_body_that_does_not_say_that_it_is_json_is_refused_with_what_to_say(somebody: Person, path: str) -> None:
    answer = await somebody.ask("POST", path, content=b"{}", headers={"content-type": "application/x-www-form-urlencoded"})

    assert (answer.status_code, "application/json" in answer.json()["detail"]) == (415, True)
