"""Webhooks of the fake: signed as Stripe signs them, and shuffled, doubled or delayed where a test wants that."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import orjson

from converto.billing.fake_stripe.records import Records
from converto.billing.webhook_signature import signed

TRIES = 12
TIMEOUT_S = 10.0


class Hooks:
    """Posts what has happened to one address, again until it is taken."""

    def __init__(self, records: Records, secret: str, url: str | None) -> None:
        self.url = url
        self.is_shuffled = False
        self.copies = 1
        self.delay_s = 0.0
        self._records = records
        self._secret = secret
        self._told = 0
        self._queue: list[bytes] = []
        self._bell = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many are not delivered yet."""
        return len(self._queue)

    def take(self) -> None:
        """Queue what has happened since the last time."""
        new, self._told = self._records.events[self._told :], len(self._records.events)
        self._queue += [orjson.dumps(event) for event in new] * self.copies
        if self.is_shuffled:
            random.shuffle(self._queue)
        self._bell.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver while the block runs."""
        async with httpx2.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
            task = asyncio.create_task(self._deliver(client))
            try:
                yield
            finally:
                task.cancel()
                await asyncio.wait([task])

    async def _deliver(self, client: httpx2.AsyncClient) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            while self._queue:
                await asyncio.sleep(self.delay_s)
                if self.url is None or await self._post(client, self._queue[0]):
                    self._queue.pop(0)

    async def _post(self, client: httpx2.AsyncClient, payload: bytes) -> bool:
        for tried in range(TRIES):
            at_s = int(time.time())
            headers = {"stripe-signature": f"t={at_s},v1={signed(payload, self._secret, at_s)}", "content-type": "application/json"}
            try:
                if (await client.post(self.url or "", content=payload, headers=headers)).is_success:
                    return True
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(min(2.0, 0.05 * 2**tried))
        return True  # Stripe gives up as well, after days: reconciliation finds what was missed
