"""Sends what is due: a queue for each endpoint, so that one which is dead delays nobody."""

import asyncio
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from converto.events.webhooks.figures import WebhookFigures
from converto.events.webhooks.interface import DisabledBecause
from converto.events.webhooks.places import Places
from converto.events.webhooks.queues import Claim, Endpoint, Queues
from converto.events.webhooks.repository import Deliveries
from converto.events.webhooks.schedule import break_s, pause_s
from converto.events.webhooks.seal import Seal, WrongKey
from converto.events.webhooks.sender import Answer, Sender
from converto.events.webhooks.settings import WebhooksSettings
from converto.events.webhooks.signature import signed_headers
from converto.kernel.bell import Bell
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database

log = structlog.get_logger()

POLL_S = 1.0
"""How often a process looks for what another one has queued, and for what has become due."""
SETTLED_WITHIN_S = 0.05
"""How long what came back waits for others, to be settled together, while there are places enough."""
GRACE_S = 3.0
GONE = 410
BUSY = (429, 503)
"""The answers whose `Retry-After` holds for the endpoint, not for one delivery."""
TIDY_EVERY_S = 600.0
TIDY_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """A claim and what came of it."""

    claim: Claim
    answer: Answer
    at: datetime


class Dispatcher:
    """One loop per process: each round settles what has come back and claims what is due, in one short transaction.

    After some failures in a row an endpoint is left in peace for a while, then probed with one delivery; how many may be under way to it
    otherwise is decided by `Places`.
    """

    def __init__(self, database: Database, sender: Sender, seal: Seal, *, settings: WebhooksSettings, figures: WebhookFigures) -> None:
        self._database = database
        self._sender = sender
        self._seal = seal
        self._settings = settings
        self._figures = figures
        self.bell = Bell()
        """Rung when something was queued, or has come back."""
        self._running: dict[asyncio.Task[Outcome], Claim] = {}
        self._back: list[Outcome] = []
        self._tidied_at = -math.inf
        self._is_stopping = False
        self._will_ring = False

    async def run(self) -> None:
        """Go on until told to stop; then let what is under way finish within the grace time, and hand the rest back."""
        seen = self.bell.rings
        while not self._is_stopping:
            await self.bell.beyond(seen, timeout_s=POLL_S)
            rung, seen = self.bell.rings > seen, self.bell.rings
            try:
                await self._round(rung=rung)
            except Exception as error:
                log.warning("webhooks.round_failed", exc_info=error)
                await asyncio.sleep(POLL_S)
        await self._end()

    def stop(self) -> None:
        """Have `run` come to its end. It is not cancelled: a transaction that is cut off may go on holding SQLite's lock for a while."""
        self._is_stopping = True
        self.bell.ring()

    async def _round(self, *, rung: bool) -> None:
        back, self._back = self._back, []
        try:
            if rung or back or await self._is_anything_due():
                async with self._database.writing() as session:
                    await self._settle(Queues(session), Deliveries(session), back)
                    claims = await self._claim(Queues(session))
                for claim in claims:
                    self._start(claim)
        except BaseException:
            self._back = back + self._back
            raise
        for outcome in back:
            self._count(outcome)
        if time.monotonic() - self._tidied_at > TIDY_EVERY_S:
            self._tidied_at = time.monotonic()
            await self._tidy()

    async def _is_anything_due(self) -> bool:
        async with self._database.reading() as session:
            return await Queues(session).is_anything_due(now())

    async def _claim(self, queues: Queues) -> Sequence[Claim]:
        """Claim what is due and has a place."""
        at = now()
        under_way = [*self._running.values(), *(outcome.claim for outcome in self._back)]
        places = Places(
            [claim.endpoint for claim in under_way],
            at_once=self._settings.at_once,
            per_endpoint=self._settings.at_once_per_endpoint,
        )
        endpoints = [] if places.is_full else list(await queues.waiting(at))
        random.shuffle(endpoints)  # so that none is always the last
        endpoints.sort(key=lambda endpoint: endpoint.failures > 0)
        claims: list[Claim] = []
        for endpoint in endpoints:
            limit = places.free(endpoint)
            if limit > 0:
                found = await queues.claim(endpoint, limit, at=at, lease_s=self._settings.lease_s, is_probe=self._is_probe(endpoint))
                places.take(endpoint, len(found))
                claims += found
        return claims

    def _is_probe(self, endpoint: Endpoint) -> bool:
        return endpoint.failures >= self._settings.breaker_failures

    def _start(self, claim: Claim) -> None:
        task = asyncio.create_task(self._deliver(claim))
        self._running[task] = claim
        task.add_done_callback(self._came_back)

    def _came_back(self, task: asyncio.Task[Outcome]) -> None:
        self._running.pop(task, None)
        if not task.cancelled():
            if (error := task.exception()) is None:
                self._back.append(task.result())
            else:
                log.error("webhooks.undelivered", exc_info=error)  # a defect of ours; the lease ends by itself
        if len(self._running) + len(self._back) >= self._settings.at_once_per_endpoint:
            self.bell.ring()  # perhaps somebody waits for this place
        elif not self._will_ring:
            self._will_ring = True
            asyncio.get_running_loop().call_later(SETTLED_WITHIN_S, self._ring)

    def _ring(self) -> None:
        self._will_ring = False
        self.bell.ring()

    async def _deliver(self, claim: Claim) -> Outcome:
        await self._seal.ready()
        at, body = now(), claim.body.encode()
        try:
            secrets = [self._seal.open(secret, of=str(claim.endpoint.id)) for secret in claim.endpoint.secrets]
        except WrongKey:
            log.warning("webhooks.secret_unreadable", webhook_id=str(claim.endpoint.id))
            return Outcome(claim, Answer(latency_ms=0, error="the signing secret cannot be read; rotate it"), at)
        headers = signed_headers(str(claim.event_id), int(at.timestamp()), body, secrets_in_force=secrets)
        return Outcome(claim, await self._sender.post(claim.endpoint.url, body, headers), at)

    async def _settle(self, queues: Queues, deliveries: Deliveries, back: Sequence[Outcome]) -> None:
        at = now()
        held = await queues.delivered([outcome.claim for outcome in back if outcome.answer.error is None], at=at)
        for outcome in back:
            if outcome.answer.error is not None and await self._failed(queues, outcome, at=at):
                held.add(outcome.claim.id)
        await deliveries.log([_row(outcome) for outcome in back if outcome.claim.id in held])

    async def _failed(self, queues: Queues, outcome: Outcome, *, at: datetime) -> bool:
        claim, answer = outcome.claim, outcome.answer
        wait_s = pause_s(claim.failures + 1, retry_after_s=answer.retry_after_s)
        is_last = claim.failures + 1 >= claim.tries
        if not await queues.failed(claim, due_at=None if is_last else at + timedelta(seconds=wait_s)):
            return False
        if answer.status_code == GONE:
            await self._disable(queues, claim.endpoint, DisabledBecause.GONE, at=at)
            return True
        standing = await queues.count_failure(claim, at=at)
        if standing is None:
            return True
        peace_s = break_s(standing.failures, threshold=self._settings.breaker_failures)
        if answer.status_code in BUSY and answer.retry_after_s is not None:
            peace_s = max(peace_s, answer.retry_after_s)
        if peace_s > 0 or claim.is_probe:
            await queues.pause(claim.endpoint, until=at + timedelta(seconds=peace_s))
        if at - standing.failing_since >= timedelta(days=self._settings.disable_after_days):
            await self._disable(queues, claim.endpoint, DisabledBecause.FAILING, at=at)
        return True

    async def _disable(self, queues: Queues, endpoint: Endpoint, because: DisabledBecause, *, at: datetime) -> None:
        await queues.disable(endpoint, because, at=at)
        self._figures.disabled.labels(because).inc()
        log.warning("webhooks.disabled", tenant_id=str(endpoint.tenant_id), webhook_id=str(endpoint.id), because=because)

    def _count(self, outcome: Outcome) -> None:
        answer = outcome.answer
        self._figures.attempts.labels("delivered" if answer.error is None else "failed").inc()
        if answer.status_code is not None:
            self._figures.seconds.observe(answer.latency_ms / 1000)

    async def _tidy(self) -> None:
        """Forget what is older than it need be, in slices, so that nobody waits long for the database."""
        before = now() - timedelta(days=self._settings.keep_days)
        removed = TIDY_AT_ONCE
        while removed == TIDY_AT_ONCE:
            async with self._database.writing() as session:
                removed = await Deliveries(session).remove_older(before, limit=TIDY_AT_ONCE)

    async def _end(self) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=GRACE_S)
        left = dict(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        back, self._back = self._back, []
        if not left and not back:
            return
        try:
            async with self._database.writing() as session:
                await self._settle(Queues(session), Deliveries(session), back)
                for claim in left.values():
                    await Queues(session).release(claim, at=now())
        except Exception as error:  # the leases end by themselves
            log.warning("webhooks.not_handed_back", exc_info=error)


def _row(outcome: Outcome) -> dict[str, object]:
    claim, answer = outcome.claim, outcome.answer
    return {
        "tenant_id": claim.endpoint.tenant_id,
        "id": new_id(),
        "delivery_id": claim.id,
        "number": claim.attempts + 1,
        "at": outcome.at,
        "status_code": answer.status_code,
        "latency_ms": answer.latency_ms,
        "answer": answer.text,
        "error": answer.error,
    }
