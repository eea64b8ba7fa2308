"""How long healthy endpoints wait for their deliveries, alone and beside dead ones, measured in turns."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import accumulate, islice
from random import Random
from uuid import UUID

from converto.kernel.actor import Actor
from tests.webhooks.house import House, somebody, told
from tests.webhooks.receiver import Receiver, answers, receiving, refusing_url, says


@dataclass(frozen=True)
class Street:
    """A company's endpoints: one that is well, and some that are dead in each way there is."""

    house: House
    owner: Actor
    healthy: Receiver
    dead: Sequence[UUID]

    async def only_are_there(self, dead: Sequence[UUID]) -> None:
        """Have these of the dead ones, with a clean record, sent what comes; and the others not."""
        for webhook_id in self.dead:
            switch = self.house.webhooks.enable if webhook_id in dead else self.house.webhooks.disable
            await switch(self.owner, webhook_id)

    async def latencies_s(self, count: int, *, per_s: float, seed: int) -> Sequence[float]:
        """Tell so many facts, and return how long each took to the healthy endpoint, from when it was due to be told.

        They come by chance (Poisson), by the same chance for the same seed. Like a backend, hands over together what has come while the
        hand-over before it was under way.
        """
        self.healthy.posts.clear()
        chance = Random(seed)  # noqa: S311 - nothing secret
        moments = accumulate((chance.expovariate(per_s) for _ in range(count)), initial=time.monotonic())
        waiting = [(moment, told(self.owner.tenant_id)) for moment in islice(moments, 1, None)]
        due = {str(event.id): at for at, event in waiting}
        while waiting:
            await asyncio.sleep(max(0.0, waiting[0][0] - time.monotonic()))
            batch = [event for at, event in waiting if at <= time.monotonic()]
            await self.house.service.enqueue(batch)
            del waiting[: len(batch)]
        return [post.at - due[post.id] for post in await self.healthy.got(count)]


@asynccontextmanager
async def street(house: House) -> AsyncIterator[Street]:
    """Open a street: of the dead ones one refuses, one hangs, one answers slowly with 500, and one at once."""
    owner = somebody()
    async with AsyncExitStack() as stack:
        healthy = await stack.enter_async_context(receiving())
        sick = [await stack.enter_async_context(receiving(usual=usual)) for usual in (says(), answers(500, after_s=2), answers(500))]
        await house.endpoint(owner, healthy.url)
        urls = [refusing_url(), *(receiver.url for receiver in sick)]
        yield Street(house, owner, healthy, [(await house.endpoint(owner, url)).id for url in urls])


def p99(latencies_s: Sequence[float]) -> float:
    """Return what 99 of 100 stayed below."""
    return sorted(latencies_s)[int(len(latencies_s) * 0.99)]
