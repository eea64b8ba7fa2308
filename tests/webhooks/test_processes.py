"""Several senders on one database, and senders that end in the middle of their work."""

import asyncio
from collections import Counter
from pathlib import Path

import httpx2
import pytest

from converto.events.webhooks.interface import DeliveryStatus
from tests.acceptance.people import register
from tests.acceptance.processes import Server
from tests.webhooks.house import House, eventually, opened, somebody, told
from tests.webhooks.receiver import answers, receiving, says


async def test_two_senders_on_one_database_post_each_event_once(data_dir: Path, database_url: str | None) -> None:
    aino = somebody()
    async with opened(data_dir, database_url) as one, opened(data_dir, database_url) as other, receiving() as receiver:
        await one.endpoint(aino, receiver.url)
        events = [told(aino.tenant_id) for _ in range(100)]
        await asyncio.gather(*(house.service.enqueue(events[start : start + 10]) for start in range(0, 100, 10) for house in (one, other)))
        await receiver.got(100)
    assert Counter(post.id for post in receiver.posts) == Counter(str(event.id) for event in events)


async def test_who_lost_the_lease_settles_nothing(data_dir: Path, database_url: str | None) -> None:
    aino = somebody()
    async with opened(data_dir, database_url) as house, receiving(answers(500, after_s=1.5)) as receiver:
        endpoint = await house.endpoint(aino, receiver.url)
        await house.service.enqueue([told(aino.tenant_id)])
        await receiver.got(1)
        await house.time_passes(minutes=1)  # as if the first sender had been held up for longer than its lease
        delivery = await house.settled(aino, endpoint.id)
        await eventually(lambda: _failed(house))
        later = await house.settled(aino, endpoint.id)
    assert (delivery.status, [attempt.status_code for attempt in delivery.attempts]) == (DeliveryStatus.DELIVERED, [204])
    assert later == delivery


async def _failed(house: House) -> bool | None:
    """Return True once an attempt has failed."""
    return True if house.counted("failed") else None


async def test_a_sender_that_stops_hands_back_what_is_under_way_and_counts_no_attempt(data_dir: Path) -> None:
    aino = somebody()
    async with receiving(says()) as receiver:
        async with opened(data_dir) as house:
            endpoint = await house.endpoint(aino, receiver.url)
            await house.service.enqueue([told(aino.tenant_id)])
            await receiver.got(1)
        async with opened(data_dir) as house:
            delivery = await house.settled(aino, endpoint.id)
    assert (delivery.status, delivery.attempt_count) == (DeliveryStatus.DELIVERED, 1)
    assert len({post.id for post in receiver.posts}) == 1


@pytest.mark.trials
async def test_what_a_killed_sender_had_under_way_is_posted_again_under_the_same_id(tmp_path: Path) -> None:
    settings = {
        "CONVERTO_MODULES": "auth,gateway,webhooks",
        "CONVERTO_WEBHOOKS_ALLOWED_NETWORKS": "127.0.0.0/8",
        "CONVERTO_WEBHOOKS_ENDPOINT_TIMEOUT_S": "1",
    }
    server = Server(tmp_path / "server", settings)
    async with receiving(says()) as receiver, httpx2.AsyncClient(base_url=server.url, trust_env=False, timeout=20) as http:
        try:
            await asyncio.to_thread(server.start)
            aino = await register(http)
            made = (await aino.ask("POST", "/events/webhooks", json={"url": receiver.url, "event_types": ["auth.session.revoked"]})).json()
            await aino.ask("POST", "/auth/logout")
            await receiver.got(1)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            await receiver.got(2)
        finally:
            await asyncio.to_thread(server.kill)
    assert len({post.id for post in receiver.posts}) == 1
    assert [post.verified(made["secret"])["type"] for post in receiver.posts] == ["auth.session.revoked"] * 2
