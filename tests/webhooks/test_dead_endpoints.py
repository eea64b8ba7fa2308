"""What becomes of an endpoint that fails, and of its neighbours."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from converto.events.webhooks.interface import DisabledBecause, WebhookChanges, WebhookStatus
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from tests.webhooks.house import House, eventually, opened, somebody, told
from tests.webhooks.receiver import answers, receiving, says

HANGING = 12


async def test_endpoints_that_hang_keep_no_other_waiting(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVERTO_WEBHOOKS_AT_ONCE", "16")  # fewer than those that hang could take
    aino, boris = somebody(), somebody()
    async with AsyncExitStack() as stack:
        house = await stack.enter_async_context(opened(data_dir))
        well = await stack.enter_async_context(receiving())
        hanging = [await stack.enter_async_context(receiving(usual=says())) for _ in range(HANGING)]
        dead = [await house.endpoint(aino, receiver.url) for receiver in hanging]
        await house.endpoint(boris, well.url)
        await house.service.enqueue([told(aino.tenant_id) for _ in range(10)])
        await asyncio.gather(*(receiver.got(1) for receiver in hanging[:2]))
        await house.service.enqueue([told(boris.tenant_id) for _ in range(50)])
        await well.got(50)
        tried = [delivery.attempt_count for one in dead for delivery in (await house.webhooks.deliveries(aino, one.id)).items]
    assert tried == [0] * 10 * HANGING  # none of them has timed out yet


async def test_one_endpoint_has_so_many_under_way_and_no_more(house: House) -> None:
    aino = somebody()
    async with receiving(usual=says()) as slow, receiving() as well:
        await house.endpoint(aino, slow.url, "ocr.*")
        await house.endpoint(aino, well.url, "vat.*")
        await house.service.enqueue([told(aino.tenant_id) for _ in range(30)])
        await slow.got(8)
        await house.service.enqueue([told(aino.tenant_id, "vat.return.filed") for _ in range(30)])
        await well.got(30)
        assert len(slow.posts) == 8


async def test_after_five_failures_in_a_row_an_endpoint_is_left_in_peace_then_probed(both: House) -> None:
    aino = somebody()
    async with receiving(usual=answers(500)) as receiver:
        endpoint = await both.endpoint(aino, receiver.url)
        for count in range(1, 6):  # one after another: eight at once would all be under way before the first has failed
            await both.service.enqueue([told(aino.tenant_id)])
            await receiver.got(count)
            await _failures(both, aino, endpoint.id, count)
        await both.service.enqueue([told(aino.tenant_id) for _ in range(20)])
        shown = await both.webhooks.webhook(aino, endpoint.id)
        assert shown.paused_until is not None
        assert timedelta(seconds=20) < shown.paused_until - now() <= timedelta(seconds=30)

        await both.time_passes(seconds=31)
        await _failures(both, aino, endpoint.id, 6)
        assert len(receiver.posts) == 6

        receiver.usual = answers(204)
        await both.time_passes(seconds=61)
        await receiver.got(6 + 25)
        ids = {post.id for post in receiver.posts}
        shown = await both.webhooks.webhook(aino, endpoint.id)
    assert (len(ids), shown.failures, shown.failing_since, shown.paused_until) == (25, 0, None, None)


async def test_an_endpoint_that_has_just_failed_is_sent_one_at_a_time(house: House) -> None:
    aino = somebody()
    async with receiving(answers(500), usual=says()) as receiver, receiving() as well:
        endpoint = await house.endpoint(aino, receiver.url, "ocr.*")
        await house.endpoint(aino, well.url, "vat.*")
        await house.service.enqueue([told(aino.tenant_id)])
        await _failures(house, aino, endpoint.id, 1)
        await house.service.enqueue([told(aino.tenant_id) for _ in range(20)])
        await receiver.got(2)
        await house.service.enqueue([told(aino.tenant_id, "vat.return.filed") for _ in range(20)])
        await well.got(20)
        assert len(receiver.posts) == 2


async def test_an_endpoint_that_takes_nothing_for_five_days_is_disabled(house: House) -> None:
    aino = somebody()
    async with receiving(usual=answers(500)) as receiver:
        endpoint = await house.endpoint(aino, receiver.url)
        await house.service.enqueue([told(aino.tenant_id)])
        await _failures(house, aino, endpoint.id, 1)
        await house.time_passes(days=5)
        await _failures(house, aino, endpoint.id, 2)
        shown = await house.webhooks.webhook(aino, endpoint.id)
        assert (shown.status, shown.disabled_because) == (WebhookStatus.DISABLED, DisabledBecause.FAILING)

        receiver.usual = answers(204)
        await house.time_passes(days=1)
        enabled = await house.webhooks.enable(aino, endpoint.id)
        await receiver.got(3)  # what waited is sent
    assert (enabled.status, enabled.failures, enabled.failing_since) == (WebhookStatus.ACTIVE, 0, None)


async def test_a_new_address_begins_with_a_clean_record(house: House) -> None:
    aino = somebody()
    async with receiving(usual=answers(500)) as broken, receiving() as mended:
        endpoint = await house.endpoint(aino, broken.url)
        await house.service.enqueue([told(aino.tenant_id)])
        await _failures(house, aino, endpoint.id, 1)
        changed = await house.webhooks.change(aino, endpoint.id, changes=WebhookChanges(url=mended.url))
        await house.time_passes(minutes=1)
        await mended.got(1)
    assert (changed.failures, changed.failing_since) == (0, None)


async def _failures(house: House, actor: Actor, webhook_id: UUID, count: int) -> None:
    """Return once an endpoint has failed so often in a row."""

    async def failed() -> bool | None:
        return True if (await house.webhooks.webhook(actor, webhook_id)).failures == count else None

    await eventually(failed)
