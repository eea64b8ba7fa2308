import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from converto.events.desk import GROUP
from converto.events.groups import REFUSALS, SILENCES
from converto.events.tables import inbox
from converto.kernel.clock import now
from tests.acceptance.people import Person, is_problem, register
from tests.events.public.conftest import House, apart
from tests.events.public.consumer import consumer, ids, publish, publish_many, started, subscribe, tenant


async def test_a_published_event_comes_to_a_group_as_a_cloud_event_and_is_settled(aino: Person) -> None:
    reader = await consumer(aino)
    scan = uuid4()

    answer = await aino.ask("POST", "/events/publish", json=started(aino, scan))
    (message,) = await reader.receive()
    settled = await reader.settle("ack", message)

    assert (answer.status_code, answer.json()["stream"]) == (202, "stream:ocr")
    event = message["event"]
    assert (message["stream"], message["delivery_count"]) == ("stream:ocr", 1)
    assert (event["id"], event["specversion"], event["source"]) == (answer.json()["event_id"], "1.0", "ocr")
    assert (event["type"], event["tenantid"], event["data"]) == ("ocr.started", tenant(aino), {"scan_id": str(scan)})
    assert settled == [(True, "acknowledged")]
    assert await reader.receive(wait=0) == []


async def test_what_a_module_tells_comes_to_a_group(aino: Person) -> None:
    reader = await consumer(aino, stream_names=["stream:auth"], event_types=["auth.user.registered"], start="earliest")

    (message,) = await reader.receive()

    assert (message["event"]["type"], message["event"]["data"]["email"]) == ("auth.user.registered", aino.email)


async def test_a_long_poll_is_answered_with_the_first_event(aino: Person) -> None:
    reader = await consumer(aino)
    waiting = asyncio.create_task(reader.receive(wait=25))
    await asyncio.sleep(0.05)

    (event_id,) = await publish(aino, uuid4())

    assert ids(await waiting) == [event_id]


async def test_consumers_of_a_group_share_its_events_and_groups_do_not(aino: Person) -> None:
    one = await consumer(aino, consumer_group="shared", consumer_name="one")
    two = await consumer(aino, consumer_group="shared", consumer_name="two")
    other = await consumer(aino, consumer_group="other")

    told = await publish_many(aino, 6)
    await other.receive_all(6)
    first, second = await one.receive(most=3), await two.receive(most=3)

    assert sorted(ids(first) + ids(second)) == sorted(told)


async def test_events_come_in_the_order_in_which_they_were_told(aino: Person) -> None:
    reader = await consumer(aino)

    told = await publish_many(aino, 20)

    assert ids(await reader.receive_all(20)) == told


async def test_a_stale_receipt_is_refused_and_the_event_is_settled_by_its_new_owner(aino: Person) -> None:
    slow = await consumer(aino, lease_seconds=1)
    await publish(aino, uuid4())
    (first,) = await slow.receive()
    (second,) = await slow.receive()  # waits for the lease to end

    assert ids([first]) == ids([second])
    assert second["delivery_count"] == 2
    assert await slow.settle("ack", first) == [(False, "refused")]
    assert await slow.settle("renew", first) == [(False, "refused")]
    assert await slow.settle("nack", first) == [(False, "refused")]
    assert await slow.settle("ack", second) == [(True, "acknowledged")]
    assert await slow.settle("ack", second) == [(False, "refused")]


async def test_a_renewed_event_stays_with_its_consumer(aino: Person) -> None:
    reader = await consumer(aino, lease_seconds=2)
    await publish(aino, uuid4())
    (message,) = await reader.receive()

    for _ in range(3):
        assert await reader.receive(wait=0.8) == []
        assert await reader.settle("renew", message) == [(True, "renewed")]

    assert await reader.settle("ack", message) == [(True, "acknowledged")]


async def test_a_refused_event_comes_again_and_dies_of_the_fifth_refusal(aino: Person) -> None:
    reader = await consumer(aino, consumer_group="tired")
    (event_id,) = await publish(aino, uuid4())

    outcomes = []
    for _ in range(REFUSALS):
        (message,) = await reader.receive()
        outcomes += await reader.settle("nack", message, delay_s=0, reason="the disk is full")

    assert outcomes == [(True, "delayed")] * (REFUSALS - 1) + [(True, "dead")]
    assert await reader.receive(wait=0) == []
    (letter,) = (await aino.get("/events/dead")).json()["items"]
    (given_up,) = letter["given_up_by"]
    assert (letter["id"], given_up["subscriber"], given_up["last_error"]) == (event_id, "tired", "the disk is full")
    assert (given_up["attempts"], (await reader.group())["dead"]) == (REFUSALS, 1)


async def test_a_refused_event_waits_as_long_as_it_was_told_to(aino: Person) -> None:
    reader = await consumer(aino)
    await publish(aino, uuid4())
    (message,) = await reader.receive()

    assert await reader.settle("nack", message, delay_s=600) == [(True, "delayed")]

    assert await reader.receive(wait=1.5) == []
    assert (await reader.group())["lag"] == 1


async def test_an_event_that_nobody_ever_answers_for_dies(house: House, aino: Person) -> None:
    reader = await consumer(aino)
    (event_id,) = await publish(aino, uuid4())
    await reader.receive()
    async with house.database("events").writing() as session:
        await session.execute(silent(event_id))

    assert await reader.receive(wait=0) == []

    (letter,) = (await aino.get("/events/dead")).json()["items"]
    assert (
        letter["given_up_by"][0]["last_error"]
        == f"It was delivered {SILENCES} times, and neither acknowledged nor refused within its lease."
    )


@pytest.mark.parametrize("ordered", [True, False])
async def test_a_group_that_asks_for_order_gets_one_event_of_a_subject_at_once(aino: Person, *, ordered: bool) -> None:
    one, other = uuid4(), uuid4()
    told = await publish(aino, one, one, other)
    await (await consumer(aino, start="earliest")).receive_all(3)  # all are in the log by now
    reader = await consumer(aino, ordered=ordered, start="earliest")

    first = await reader.receive()
    await reader.settle("ack", *first)
    rest = await reader.receive(wait=0)

    assert first[0]["event"]["subject"] == str(one)
    assert (ids(first), ids(rest)) == (([told[0], told[2]], [told[1]]) if ordered else (told, []))


async def test_a_group_begins_where_it_was_told_to(aino: Person) -> None:
    told = await publish_many(aino, 3)
    await (await consumer(aino, start="earliest")).receive_all(3)  # all are in the log by now

    new, after, all_of_them = [await consumer(aino, start=start) for start in ("new", told[0], "earliest")]

    assert (ids(await new.receive(wait=0)), ids(await after.receive()), ids(await all_of_them.receive())) == ([], told[1:], told)


async def test_a_group_hears_the_types_that_it_asked_for(aino: Person) -> None:
    reader = await consumer(aino, event_types=["ocr.requested"])
    await publish(aino, uuid4())
    wanted = await aino.ask("POST", "/events/publish", json=started(aino, event_type="ocr.requested"))

    assert ids(await reader.receive()) == [wanted.json()["event_id"]]


async def test_a_subscription_is_made_once_and_joined_afterwards(aino: Person) -> None:
    made, joined = [await subscribe(aino, consumer_group="books", consumer_name=name) for name in ("one", "two")]

    assert (made.status_code, joined.status_code) == (201, 200)
    assert made.json()["subscription_id"] == joined.json()["subscription_id"]
    assert made.headers["location"] == made.json()["links"]["self"]
    assert set(made.json()["links"]) == {"receive", "ack", "nack", "renew", "events", "self"}
    assert (made.json()["lease_seconds"], made.json()["consumer_name"], joined.json()["consumer_name"]) == (30, "one", "two")


async def test_two_who_subscribe_at_once_get_one_group(aino: Person) -> None:
    answers = await asyncio.gather(*(subscribe(aino, consumer_group="together") for _ in range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["subscription_id"] for answer in answers}) == 1


async def test_a_group_that_hears_something_else_is_not_joined(aino: Person) -> None:
    await subscribe(aino, consumer_group="books")

    answer = await subscribe(aino, consumer_group="books", stream_names=["stream:auth"], lease_seconds=5)

    assert is_problem(answer, 409, "events.group_differs")
    assert answer.json()["existing"]["stream_names"] == ["stream:ocr"]
    assert "stream_names and lease_seconds" in answer.json()["detail"]


async def test_a_removed_group_is_gone_with_what_waited_for_it(aino: Person) -> None:
    reader = await consumer(aino, consumer_group="books")
    await publish(aino, uuid4())
    (message,) = await reader.receive()

    removed = await aino.ask("DELETE", reader.subscription["links"]["self"])

    assert removed.status_code == 204
    for link in ("receive", "ack", "nack", "renew"):
        body = None if link == "receive" else {"receipts": [message["receipt"]]}
        assert is_problem(await reader.ask(link, json=body), 404, "events.unknown_subscription"), link
    again = await consumer(aino, consumer_group="books")
    assert again.subscription["subscription_id"] != reader.subscription["subscription_id"]
    assert await again.receive(wait=0) == []


async def test_who_waits_for_a_group_that_is_removed_is_told_so(aino: Person) -> None:
    reader = await consumer(aino)
    waiting = asyncio.create_task(reader.ask("receive", params={"wait": 25}))
    await asyncio.sleep(0.1)

    await aino.ask("DELETE", reader.subscription["links"]["self"])

    assert is_problem(await waiting, 404, "events.unknown_subscription")


async def test_who_waits_at_the_edge_is_answered_when_the_process_of_the_events_ends(tmp_path: Path) -> None:
    async with apart(tmp_path) as house:
        reader = await consumer(await register(house.http))
        waiting = asyncio.create_task(reader.receive(wait=25))
        await reader.receive(wait=1)  # so that the other one has come to its waiting

        house.apps["events"].state.runtime.drain.begin()

        async with asyncio.timeout(5):
            assert await waiting == []


async def test_groups_come_in_pages(aino: Person) -> None:
    made = [(await subscribe(aino)).json()["subscription_id"] for _ in range(3)]

    first = (await aino.get("/events/subscriptions?limit=2")).json()
    second = (await aino.get(f"/events/subscriptions?limit=2&cursor={first['next_cursor']}")).json()

    assert [item["subscription_id"] for item in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None


async def test_streams_tell_who_hears_them_and_how_far_behind(aino: Person) -> None:
    reader = await consumer(aino, consumer_group="books")
    await publish_many(aino, 5)
    held = await reader.receive(most=2)
    await reader.settle("nack", held[0], delay_s=600)

    streams = {item["name"]: item for item in (await aino.get("/events/streams")).json()["items"]}

    assert streams["stream:ocr"]["length"] == 5
    groups = {group["name"]: group for group in streams["stream:ocr"]["groups"]}
    assert (groups["books"]["lag"], groups["books"]["pending"], groups["books"]["kind"]) == (4, 1, "consumer_group")
    assert groups["ocr.read_scan"]["kind"] == "module"


def silent(event_id: str) -> Any:
    """Return the statement that has an event delivered so often that nobody will answer for it any more, and its lease over."""
    row = (inbox.c.event_id == UUID(event_id)) & inbox.c.subscriber.startswith(GROUP)
    return update(inbox).where(row).values(attempts=SILENCES, leased_until=now() - timedelta(seconds=1))
