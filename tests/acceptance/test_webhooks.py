"""A company's own systems are told what happened, wherever the modules live."""

from collections.abc import AsyncIterator

import pytest

from tests.acceptance.people import Person, sample
from tests.webhooks.receiver import Receiver, receiving

ROUTE = "/events/webhooks"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Return a system of a company, on a socket of its own."""
    async with receiving() as receiver:
        yield receiver


@pytest.mark.in_processes
async def test_a_scan_is_told_of_from_its_request_to_its_end(aino: Person, receiver: Receiver) -> None:
    made = await aino.ask("POST", ROUTE, json={"url": receiver.url, "event_types": ["ocr.requested", "ocr.started", "ocr.completed"]})
    assert made.status_code == 201, made.text
    scan = await aino.read(sample("06-english.webp"))
    posts = await receiver.got(3)
    told = [post.verified(made.json()["secret"]) for post in posts]
    assert {payload["type"] for payload in told} == {"ocr.requested", "ocr.started", "ocr.completed"}
    assert {payload["data"]["scan_id"] for payload in told} == {scan["id"]}


async def test_an_address_inside_the_network_is_refused(aino: Person) -> None:
    answer = await aino.ask("POST", ROUTE, json={"url": "https://169.254.169.254/latest/meta-data/"})
    assert (answer.status_code, answer.json()["code"], answer.json()["errors"][0]["pointer"]) == (422, "events.bad_webhook_url", "/url")
