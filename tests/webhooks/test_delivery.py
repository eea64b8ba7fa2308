"""What an endpoint is sent, and what comes of its answers."""

from datetime import timedelta

import pytest

from converto.events.webhooks.interface import DisabledBecause, WebhookStatus
from converto.kernel.clock import now
from tests.webhooks.house import DELIVERED, FAILED, PENDING, House, somebody, told
from tests.webhooks.receiver import Receiver, answers, receiving, refusing_url, says


async def test_an_event_is_posted_signed_to_the_endpoint_of_its_tenant(both: House, receiver: Receiver) -> None:
    aino = somebody()
    endpoint = await both.endpoint(aino, receiver.url)
    event = told(aino.tenant_id, scan_id="7")
    await both.service.enqueue([event])
    (post,) = await receiver.got()
    payload = post.verified(endpoint.secret)
    assert post.id == str(event.id)
    assert {key: payload[key] for key in ("type", "timestamp", "data")} == {
        "type": "ocr.completed",
        "timestamp": event.time.isoformat().replace("+00:00", "Z"),
        "data": {"scan_id": "7"},
    }
    delivery = await both.settled(aino, endpoint.id)
    assert (delivery.status, delivery.attempts[0].status_code, delivery.attempts[0].error) == (DELIVERED, 204, None)


async def test_an_event_heard_twice_is_posted_once(both: House, receiver: Receiver) -> None:
    aino = somebody()
    endpoint = await both.endpoint(aino, receiver.url)
    event = told(aino.tenant_id)
    await both.service.enqueue([event, event])
    await both.settled(aino, endpoint.id)
    await both.service.enqueue([event, told(aino.tenant_id)])
    await receiver.got(2)
    assert len({post.id for post in receiver.posts}) == len(receiver.posts) == 2


async def test_an_event_that_is_hard_to_write_down_is_posted_all_the_same(house: House, receiver: Receiver) -> None:
    aino = somebody()
    endpoint = await house.endpoint(aino, receiver.url)
    await house.service.enqueue([told(aino.tenant_id, half="\ud83d", large=2**70, dots="äö€")])
    (post,) = await receiver.got()
    assert post.verified(endpoint.secret)["data"] == {"half": "\ud83d", "large": 2**70, "dots": "äö€"}


async def test_another_tenants_events_are_not_heard(house: House, receiver: Receiver) -> None:
    aino, boris = somebody(), somebody()
    await house.endpoint(aino, receiver.url)
    mine = told(aino.tenant_id)
    await house.service.enqueue([told(boris.tenant_id), mine])
    assert [post.id for post in await receiver.got()] == [str(mine.id)]


async def test_only_the_types_asked_for_are_heard(house: House, receiver: Receiver) -> None:
    aino = somebody()
    await house.endpoint(aino, receiver.url, "ocr.*", "auth.user.login")
    kinds = ["vat.return.filed", "ocrs.completed", "ocr", "auth.user.registered", "ocr.completed", "auth.user.login"]
    await house.service.enqueue([told(aino.tenant_id, kind) for kind in kinds])
    posts = await receiver.got(2)
    assert {post.event["type"] for post in posts} == {"ocr.completed", "auth.user.login"}


async def test_what_is_not_taken_is_posted_again_under_the_same_id(both: House) -> None:
    aino = somebody()
    async with receiving(answers(500, body=b"out of order")) as receiver:
        endpoint = await both.endpoint(aino, receiver.url)
        await both.service.enqueue([told(aino.tenant_id)])
        first = await both.settled(aino, endpoint.id)
        await both.time_passes(minutes=1)
        second = await both.settled(aino, endpoint.id, attempts=2)
    assert (first.status, first.attempts[0].status_code, first.attempts[0].answer) == (PENDING, 500, "out of order")
    assert first.next_attempt_at is not None
    assert timedelta(seconds=3) < first.next_attempt_at - first.created_at < timedelta(seconds=15)
    assert (second.status, [attempt.number for attempt in second.attempts]) == (DELIVERED, [1, 2])
    assert len({post.id for post in receiver.posts}) == 1
    assert [bool(post.verified(endpoint.secret)) for post in receiver.posts] == [True, True]


async def test_after_ten_attempts_over_three_days_a_delivery_has_failed(house: House) -> None:
    aino, waited_h = somebody(), 0.0
    async with receiving(usual=answers(503)) as receiver:
        endpoint = await house.endpoint(aino, receiver.url)
        await house.service.enqueue([told(aino.tenant_id)])
        for attempt in range(1, 10):
            delivery = await house.settled(aino, endpoint.id, attempts=attempt)
            assert delivery.next_attempt_at is not None
            pause = delivery.next_attempt_at - now()
            waited_h += pause / timedelta(hours=1)
            await house.time_passes(seconds=pause.total_seconds())
        delivery = await house.settled(aino, endpoint.id, attempts=10)
    assert (delivery.status, delivery.next_attempt_at, len(receiver.posts)) == (FAILED, None, 10)
    assert 68 < waited_h < 84


async def test_a_redirect_is_not_followed(house: House, receiver: Receiver) -> None:
    aino = somebody()
    async with receiving(usual=answers(307, headers={"location": receiver.url})) as elsewhere:
        endpoint = await house.endpoint(aino, elsewhere.url)
        await house.service.enqueue([told(aino.tenant_id)])
        delivery = await house.settled(aino, endpoint.id)
    assert (delivery.status, delivery.attempts[0].error) == (PENDING, "answered 307; redirects are not followed")
    assert receiver.posts == []


async def test_410_disables_the_endpoint(both: House) -> None:
    aino = somebody()
    async with receiving(usual=answers(410)) as receiver:
        endpoint = await both.endpoint(aino, receiver.url)
        await both.service.enqueue([told(aino.tenant_id)])
        await both.settled(aino, endpoint.id)
        await both.service.enqueue([told(aino.tenant_id)])
        shown = await both.webhooks.webhook(aino, endpoint.id)
        await both.settled(aino, endpoint.id)
    assert (shown.status, shown.disabled_because) == (WebhookStatus.DISABLED, DisabledBecause.GONE)


async def test_retry_after_is_honoured(house: House) -> None:
    aino = somebody()
    async with receiving(usual=answers(429, headers={"retry-after": "3600"})) as receiver:
        endpoint = await house.endpoint(aino, receiver.url)
        await house.service.enqueue([told(aino.tenant_id)])
        delivery = await house.settled(aino, endpoint.id)
        shown = await house.webhooks.webhook(aino, endpoint.id)
    assert delivery.next_attempt_at is not None
    assert shown.paused_until is not None
    assert delivery.next_attempt_at - now() > timedelta(minutes=55)
    assert shown.paused_until - now() > timedelta(minutes=55)


HANGING = {"it hangs": says(), "half a head": says(b"HTTP/1.1 200 OK\r\nx: ")}
FAULTS = {
    "nobody listens": (None, "cannot connect: "),
    "no HTTP": (says(b"220 mail.example.com ESMTP\r\n\r\n"), "the connection broke: "),
    "an endless head": (says(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 100_000), "the connection broke: "),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_of_the_endpoint_is_noted_with_its_reason(house: House, fault: str) -> None:
    aino = somebody()
    behaviour, reason = FAULTS[fault]
    async with receiving(usual=behaviour) as receiver:
        endpoint = await house.endpoint(aino, receiver.url if behaviour else refusing_url())
        await house.service.enqueue([told(aino.tenant_id)])
        delivery = await house.settled(aino, endpoint.id)
    (attempt,) = delivery.attempts
    assert (delivery.status, attempt.status_code) == (PENDING, None)
    assert (attempt.error or "").startswith(reason)


@pytest.mark.parametrize("fault", HANGING)
async def test_who_does_not_answer_is_not_waited_for_any_longer(hasty: House, fault: str) -> None:
    aino = somebody()
    async with receiving(usual=HANGING[fault]) as receiver:
        endpoint = await hasty.endpoint(aino, receiver.url)
        await hasty.service.enqueue([told(aino.tenant_id)])
        delivery = await hasty.settled(aino, endpoint.id)
    assert [attempt.error for attempt in delivery.attempts] == ["no answer within 0.5 s"]


async def test_the_first_kibibyte_of_an_endless_answer_is_kept(both: House) -> None:
    aino = somebody()
    body = b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n" + b"\x00\xff\x1b[2J" + b"a" * 100_000
    async with receiving(says(body)) as receiver:
        endpoint = await both.endpoint(aino, receiver.url)
        await both.service.enqueue([told(aino.tenant_id)])
        delivery = await both.settled(aino, endpoint.id)
    assert delivery.status == DELIVERED
    assert delivery.attempts[0].answer == "\ufffd\ufffd\ufffd[2J" + "a" * 1018
