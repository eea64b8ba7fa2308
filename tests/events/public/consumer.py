"""A consumer outside, as the tests play it, and the events that they tell."""

import itertools
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx2

from tests.acceptance.people import Person

_numbers = itertools.count(1)
CLOUD, CLOUD_BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"


@dataclass(frozen=True)
class Consumer:
    """Somebody who consumes in the name of a group."""

    person: Person
    subscription: dict[str, Any]

    async def ask(self, link: str, json: Any = None, **given: Any) -> httpx2.Response:
        """Use one of the subscription's links."""
        return await self.person.ask("POST", self.subscription["links"][link], json=json, **given)

    async def receive(self, *, most: int = 100, wait: float = 20) -> list[dict[str, Any]]:
        """Return the next messages; it waits for the first one."""
        answer = await self.ask("receive", params={"max": most, "wait": wait})
        assert answer.status_code == 200, answer.text
        messages: list[dict[str, Any]] = answer.json()["messages"]
        return messages

    async def receive_all(self, count: int) -> list[dict[str, Any]]:
        """Return so many messages, however many answers they take."""
        messages: list[dict[str, Any]] = []
        while len(messages) < count:
            more = await self.receive()
            assert more, f"only {len(messages)} of {count} came"
            messages += more
        return messages

    async def settle(self, how: str, *messages: dict[str, Any], **more: Any) -> list[tuple[bool, str]]:
        """Acknowledge, refuse or renew; returns what became of each."""
        answer = await self.ask(how, json={"receipts": [message["receipt"] for message in messages], **more})
        assert answer.status_code == 200, answer.text
        return [(result["accepted"], result["outcome"]) for result in answer.json()["results"]]

    async def group(self) -> dict[str, Any]:
        """Return how the group stands."""
        found: dict[str, Any] = (await self.person.get(self.subscription["links"]["self"])).json()
        return found


async def subscribe(person: Person, **given: Any) -> httpx2.Response:
    """Ask for a subscription."""
    body = {"stream_names": ["stream:ocr"], "consumer_group": f"group-{next(_numbers)}", "consumer_name": "one", **given}
    return await person.ask("POST", "/events/subscribe", json=body)


async def consumer(person: Person, **given: Any) -> Consumer:
    """Return a consumer of a group."""
    answer = await subscribe(person, **given)
    assert answer.status_code in {200, 201}, answer.text
    return Consumer(person, answer.json())


def tenant(person: Person) -> str:
    """Return the id of a person's company."""
    return str(person.signed_in["tenant"]["id"])


def started(person: Person, scan_id: UUID | None = None, **changed: Any) -> dict[str, Any]:
    """Return the body that tells of a scan whose reading has begun."""
    data = {"scan_id": str(scan_id or uuid4())}
    return {"event_type": "ocr.started", "source_service": "ocr", "tenant_id": tenant(person), "data": data, **changed}


def cloud(**changed: Any) -> dict[str, Any]:
    """Return a CloudEvent of the same."""
    return {"specversion": "1.0", "id": str(uuid4()), "source": "ocr", "type": "ocr.started", "data": {"scan_id": str(uuid4())}, **changed}


async def publish(person: Person, *scan_ids: UUID) -> list[str]:
    """Tell of scans, and return the ids of the events."""
    answers = [await person.ask("POST", "/events/publish", json=started(person, scan_id)) for scan_id in scan_ids]
    assert {answer.status_code for answer in answers} <= {202}, answers[0].text
    return [answer.json()["event_id"] for answer in answers]


async def publish_many(person: Person, count: int) -> list[str]:
    """Tell of many scans at once, and return the ids of the events."""
    batch = [cloud() for _ in range(count)]
    answer = await person.ask("POST", "/events/publish", json=batch, headers={"content-type": CLOUD_BATCH})
    assert answer.status_code == 202, answer.text
    return [item["event_id"] for item in answer.json()["items"]]


def ids(messages: list[dict[str, Any]]) -> list[str]:
    """Return the ids of the events in messages."""
    return [message["event"]["id"] for message in messages]
