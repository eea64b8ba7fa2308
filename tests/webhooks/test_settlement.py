"""How outcomes are written down."""

import asyncio

from converto.events.webhooks.interface import DeliveryStatus
from tests.webhooks.house import House, eventually, somebody, told
from tests.webhooks.receiver import answers, receiving

SICK = 5


async def test_failures_of_several_endpoints_at_once_are_each_its_own(both: House) -> None:
    aino = somebody()
    async with receiving(usual=answers(500)) as receiver:
        sick = [await both.endpoint(aino, receiver.url) for _ in range(SICK)]
        await both.service.enqueue([told(aino.tenant_id) for _ in range(4)])
        await receiver.got(4 * SICK)

        async def written() -> bool | None:
            return True if both.counted("failed") == 4 * SICK else None

        await eventually(written)
        shown = [await both.webhooks.webhook(aino, endpoint.id) for endpoint in sick]
        kept = [await both.webhooks.deliveries(aino, endpoint.id) for endpoint in sick]
    assert [endpoint.failures for endpoint in shown] == [4] * SICK
    assert {(one.status, one.attempt_count, len(one.attempts)) for page in kept for one in page.items} == {(DeliveryStatus.PENDING, 1, 1)}


async def test_of_an_endpoint_that_was_removed_meanwhile_nothing_is_kept_and_the_others_are_settled(both: House) -> None:
    aino = somebody()
    async with receiving(usual=answers(500, after_s=0.3)) as slow:
        gone, stays = [await both.endpoint(aino, slow.url) for _ in range(2)]
        await both.service.enqueue([told(aino.tenant_id)])
        await slow.got(2)
        await both.webhooks.delete(aino, gone.id)
        tried = await asyncio.wait_for(both.settled(aino, stays.id), 10)
    assert (tried.attempt_count, (await both.webhooks.webhook(aino, stays.id)).failures) == (1, 1)
