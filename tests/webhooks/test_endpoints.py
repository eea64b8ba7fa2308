"""What is kept of endpoints and deliveries, for how long, and who may ask."""

import base64
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, update
from standardwebhooks.webhooks import WebhookVerificationError

from converto.events.webhooks.interface import BadWebhookUrl, DeliveryTooLarge, NewWebhook, Replay, WebhookKeyReused
from converto.events.webhooks.models import AttemptRow, DeliveryRow, WebhookRow
from converto.events.webhooks.module import module
from converto.events.webhooks.settings import WebhooksSettings
from converto.kernel.clock import new_id, now
from converto.kernel.config import CannotStart, Environment, Settings
from converto.kernel.errors import Forbidden
from converto.kernel.metrics import new_registry
from converto.kernel.runtime import Runtime
from tests.webhooks.house import DELIVERED, FAILED, House, eventually, opened, somebody, told
from tests.webhooks.receiver import Receiver

EVER = Replay(since=datetime(2000, 1, 1, tzinfo=UTC), until=datetime(2200, 1, 1, tzinfo=UTC))


async def test_after_a_rotation_both_secrets_verify_and_later_the_new_one_alone(both: House, receiver: Receiver) -> None:
    aino = somebody()
    old = await both.endpoint(aino, receiver.url)
    new = await both.webhooks.rotate_secret(aino, old.id, overlap_s=3600)
    await both.service.enqueue([told(aino.tenant_id)])
    (during,) = await receiver.got(1)
    await both.time_passes(hours=2)
    await both.service.enqueue([told(aino.tenant_id)])
    later = (await receiver.got(2))[1]
    assert during.verified(old.secret) == during.verified(new.secret)
    assert later.verified(new.secret)
    with pytest.raises(WebhookVerificationError):
        later.verified(old.secret)


async def test_without_an_overlap_the_former_secret_ends_at_once(house: House, receiver: Receiver) -> None:
    aino = somebody()
    old = await house.endpoint(aino, receiver.url)
    new = await house.webhooks.rotate_secret(aino, old.id, overlap_s=0)
    await house.service.enqueue([told(aino.tenant_id)])
    (post,) = await receiver.got(1)
    assert (len(post.headers["webhook-signature"].split()), new.old_secret_until) == (1, None)
    assert post.verified(new.secret)


async def test_no_secret_stands_readable_in_the_database(house: House, receiver: Receiver, data_dir: Path) -> None:
    aino = somebody()
    made = [(await house.endpoint(aino, receiver.url)).secret]
    endpoint = (await house.webhooks.webhooks(aino)).items[0]
    made.append((await house.webhooks.rotate_secret(aino, endpoint.id)).secret)
    stored = b"".join(file.read_bytes() for file in data_dir.glob("webhooks.db*"))
    secrets = [part for secret in made for part in (secret.encode(), base64.b64decode(secret.removeprefix("whsec_")))]
    assert len(stored) > 0
    assert [secret for secret in secrets if secret in stored] == []


async def test_with_another_key_nothing_is_posted_until_the_secret_is_rotated(data_dir: Path, receiver: Receiver) -> None:
    aino = somebody()
    async with opened(data_dir) as house:
        endpoint = await house.endpoint(aino, receiver.url)
    (data_dir / "webhooks.secret").unlink()
    async with opened(data_dir) as house:
        await house.service.enqueue([told(aino.tenant_id)])
        delivery = await house.settled(aino, endpoint.id)
        rotated = await house.webhooks.rotate_secret(aino, endpoint.id, overlap_s=0)
        await house.time_passes(minutes=1)
        (post,) = await receiver.got(1)
    assert delivery.attempts[0].error == "the signing secret cannot be read; rotate it"
    assert post.verified(rotated.secret)


async def test_an_event_that_is_too_large_is_noted_and_not_posted(house: House, receiver: Receiver) -> None:
    aino = somebody()
    endpoint = await house.endpoint(aino, receiver.url)
    await house.service.enqueue([told(aino.tenant_id, text="ä" * 140_000)])
    delivery = await house.only(aino, endpoint.id)
    with pytest.raises(DeliveryTooLarge):
        await house.webhooks.replay(aino, endpoint.id, delivery_id=delivery.id)
    replayed = await house.webhooks.replay_range(aino, endpoint.id, wanted=EVER)
    assert (delivery.status, delivery.next_attempt_at, replayed.replayed, receiver.posts) == (FAILED, None, 0, [])


async def test_a_deleted_endpoint_leaves_nothing(both: House, receiver: Receiver) -> None:
    aino, boris = somebody(), somebody()
    endpoint, kept = await both.endpoint(aino, receiver.url), await both.endpoint(boris, receiver.url)
    await both.service.enqueue([told(tenant) for tenant in (aino.tenant_id, boris.tenant_id)])
    await both.settled(aino, endpoint.id)
    await both.settled(boris, kept.id)
    await both.webhooks.delete(aino, endpoint.id)
    async with both.database.reading() as session:
        tables = (WebhookRow, DeliveryRow, AttemptRow)
        left = [set(await session.scalars(select(table.tenant_id))) for table in tables]
    assert left == [{boris.tenant_id}] * 3


async def test_old_deliveries_are_forgotten(data_dir: Path, database_url: str | None, receiver: Receiver) -> None:
    aino = somebody()

    async def logged(house: House, count: int) -> bool | None:
        async with house.database.reading() as session:
            return True if await session.scalar(select(func.count()).select_from(AttemptRow)) == count else None

    async with opened(data_dir, database_url) as house:
        endpoint = await house.endpoint(aino, receiver.url)
        await house.service.enqueue([told(aino.tenant_id) for _ in range(3)])
        await eventually(lambda: logged(house, 3))
        newest = (await house.webhooks.deliveries(aino, endpoint.id, limit=1)).items[0]
        async with house.database.writing() as session:
            await session.execute(update(DeliveryRow).where(DeliveryRow.id != newest.id).values(created_at=now() - timedelta(days=31)))
    async with opened(data_dir, database_url) as house:
        await eventually(lambda: logged(house, 1))
        left = (await house.webhooks.deliveries(aino, endpoint.id)).items
    assert [delivery.id for delivery in left] == [newest.id]


async def test_deliveries_are_listed_by_status_in_pages(house: House, receiver: Receiver) -> None:
    aino = somebody()
    endpoint = await house.endpoint(aino, receiver.url)
    await house.service.enqueue([told(aino.tenant_id) for _ in range(5)])
    await receiver.got(5)

    async def delivered() -> int | None:
        found = (await house.webhooks.deliveries(aino, endpoint.id, status=DELIVERED)).items
        return len(found) if len(found) == 5 else None

    await eventually(delivered)
    first = await house.webhooks.deliveries(aino, endpoint.id, status=DELIVERED, limit=3)
    second = await house.webhooks.deliveries(aino, endpoint.id, status=DELIVERED, limit=3, cursor=first.next_cursor)
    ids = [delivery.id for delivery in (*first.items, *second.items)]
    assert (ids, second.next_cursor) == (sorted(ids, reverse=True), None)
    assert (await house.webhooks.deliveries(aino, endpoint.id, status=FAILED)).items == ()


async def test_who_may_only_read_changes_nothing(house: House) -> None:
    reader, writer, some_id = somebody("events:read"), somebody("events:write"), new_id()
    webhooks = house.webhooks
    refused = [
        webhooks.create(reader, NewWebhook(url="https://example.com/")),
        webhooks.delete(reader, some_id),
        webhooks.disable(reader, some_id),
        webhooks.enable(reader, some_id),
        webhooks.rotate_secret(reader, some_id),
        webhooks.test(reader, some_id),
        webhooks.replay(reader, some_id, delivery_id=some_id),
        webhooks.replay_range(reader, some_id, wanted=EVER),
        webhooks.webhooks(writer),
        webhooks.webhook(writer, some_id),
        webhooks.deliveries(writer, some_id),
        webhooks.delivery(writer, some_id, delivery_id=some_id),
    ]
    for asked in refused:
        with pytest.raises(Forbidden):
            await asked


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "https://localhost/", "http://[::1]/", "https://10.0.0.1/"])
async def test_without_a_setting_nothing_inside_may_be_an_endpoint(url: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONVERTO_WEBHOOKS_ALLOWED_NETWORKS")
    async with opened(data_dir) as house:
        with pytest.raises(BadWebhookUrl):
            await house.endpoint(somebody(), url)


async def test_an_endpoint_that_was_allowed_once_is_not_called_when_it_no_longer_is(
    data_dir: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    aino = somebody()
    async with opened(data_dir) as house:
        endpoint = await house.endpoint(aino, receiver.url)
    monkeypatch.delenv("CONVERTO_WEBHOOKS_ALLOWED_NETWORKS")
    async with opened(data_dir) as house:
        await house.service.enqueue([told(aino.tenant_id)])
        delivery = await house.settled(aino, endpoint.id)
    assert delivery.attempts[0].error == "127.0.0.1 is not a public address; only public addresses are sent to."
    assert receiver.connections == 0


def test_the_networks_that_are_allowed_are_given_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERTO_WEBHOOKS_ALLOWED_NETWORKS", "10.1.0.0/16, fd00:1::/64,")
    assert WebhooksSettings().allowed_networks == (ip_network("10.1.0.0/16"), ip_network("fd00:1::/64"))


def production(data_dir: Path) -> Runtime:
    settings = Settings(environment=Environment.PRODUCTION, data_dir=data_dir, modules=("webhooks",), rpc_secrets=(SecretStr("s" * 32),))
    return Runtime(settings, [module], metrics=new_registry())


async def test_production_does_not_start_without_a_good_secret(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERTO_WEBHOOKS_SECRET_KEY", "short")
    with pytest.raises(CannotStart, match="CONVERTO_WEBHOOKS_SECRET_KEY"):
        async with production(data_dir).running():
            pass


async def test_in_production_an_endpoint_is_https(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "a secret of the tests, long enough")
    runtime = production(data_dir)
    async with runtime.running():
        assert module.interface is not None
        with pytest.raises(BadWebhookUrl, match="begins with https://"):
            await runtime.interfaces[module.interface].create(somebody(), NewWebhook(url="http://example.com/"))  # type: ignore[attr-defined]


async def test_the_same_key_makes_one_endpoint_also_where_no_edge_has_kept_the_answer(house: House, receiver: Receiver) -> None:
    aino = somebody()
    made = [await house.webhooks.create(aino, NewWebhook(url=receiver.url), idempotency_key="one") for _ in range(2)]
    assert made[0] == made[1]
    with pytest.raises(WebhookKeyReused):
        await house.webhooks.create(aino, NewWebhook(url=f"{receiver.url}/other"), idempotency_key="one")
