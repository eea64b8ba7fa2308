"""Sends what is due: a queue for each endpoint, so that one which is dead delays nobody."""

import asyncio
import math
import random
import time
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import structlog

from converto.events.webhooks.figures import WebhookFigures
from converto.events.webhooks.places import Places
from converto.events.webhooks.queues import Claim, Endpoint, Queues
from converto.events.webhooks.repository import Deliveries
from converto.events.webhooks.seal import Seal, WrongKey
from converto.events.webhooks.sender import Answer, Sender
from converto.events.webhooks.settings import WebhooksSettings
from converto.events.webhooks.settlement import Outcome, Settlement
from converto.events.webhooks.signature import signed_headers
from converto.kernel.bell import Bell
from converto.kernel.clock import now
from converto.kernel.database import Database

log = structlog.get_logger()

POLL_S = 1.0
"""How often a process looks for what another one has queued, and for what has become due."""
GRACE_S = 3.0
TIDY_EVERY_S = 600.0
TIDY_AT_ONCE = 500


class Dispatcher:
    """One loop per process claims what is due and starts it; another, the settlement's, writes down what has come back.

    After some failures in a row an endpoint is left in peace for a while, then probed with one delivery; how many may be under way to it
    otherwise is decided by `Places`.
    """

    def __init__(self, database: Database, sender: Sender, seal: Seal, *, settings: WebhooksSettings, figures: WebhookFigures) -> None:
        self._database = database
        self._sender = sender
        self._seal = seal
        self._settings = settings
        self.bell = Bell()
        """Rung when something was queued, or may be claimed that could not be before."""
        self._settlement = Settlement(database, settings=settings, figures=figures, changed=self.bell.ring)
        self._running: dict[asyncio.Task[Outcome], Claim] = {}
        self._waiting: set[UUID] = set()
        """The endpoints to which more may be due than had a place when it was last looked."""
        self._are_places_shared_out = False
        self._returned: set[UUID] = set()
        """The endpoints that have taken something since a claim began."""
        self._tidied_at = -math.inf
        self._is_stopping = False

    async def run(self) -> None:
        """Go on until told to stop; then let what is under way finish within the grace time, and hand the rest back."""
        settling = asyncio.create_task(self._settlement.run())
        seen = self.bell.rings
        while not self._is_stopping:
            await self.bell.beyond(seen, timeout_s=POLL_S)
            rung, seen = self.bell.rings > seen, self.bell.rings
            try:
                await self._round(rung=rung)
            except Exception as error:
                log.warning("webhooks.round_failed", exc_info=error)
                await asyncio.sleep(POLL_S)
        await self._end(settling)

    def stop(self) -> None:
        """Have `run` come to its end. It is not cancelled: a transaction that is cut off may go on holding SQLite's lock for a while."""
        self._is_stopping = True
        self.bell.ring()

    async def _round(self, *, rung: bool) -> None:
        if rung or await self._is_anything_due():
            await self._claim()
        if time.monotonic() - self._tidied_at > TIDY_EVERY_S:
            self._tidied_at = time.monotonic()
            await self._tidy()

    async def _is_anything_due(self) -> bool:
        async with self._database.reading() as session:
            return await Queues(session).is_anything_due(now())

    async def _claim(self) -> None:
        """Claim what is due and has a place, and start it: first what goes to endpoints that are well."""
        self._returned.clear()
        under_way = [*self._running.values(), *self._settlement.failed]
        places = Places(
            [claim.endpoint for claim in under_way],
            at_once=self._settings.at_once,
            per_endpoint=self._settings.at_once_per_endpoint,
        )
        waiting: set[UUID] = set()
        async with self._database.writing() as session:
            endpoints = [] if places.is_full else list(await Queues(session).waiting(now()))
            random.shuffle(endpoints)  # so that none is always the last
            claims = await self._claim_of(
                [endpoint for endpoint in endpoints if not endpoint.failures], places, waiting, queues=Queues(session)
            )
        self._start(claims)
        failing = [endpoint for endpoint in endpoints if endpoint.failures and places.free(endpoint) > 0]
        if failing:
            async with self._database.writing() as session:
                claims = await self._claim_of(failing, places, waiting, queues=Queues(session))
            self._start(claims)
        self._waiting, self._are_places_shared_out = waiting, places.are_shared_out
        if any(self._is_waited_for(webhook_id) for webhook_id in self._returned):
            self.bell.ring()  # it came back meanwhile

    async def _claim_of(self, endpoints: Sequence[Endpoint], places: Places, waiting: set[UUID], *, queues: Queues) -> Sequence[Claim]:
        at = now()
        claims: list[Claim] = []
        for endpoint in endpoints:
            limit = places.free(endpoint)
            if limit > 0:
                found = await queues.claim(endpoint, limit, at=at, lease_s=self._settings.lease_s, is_probe=self._is_probe(endpoint))
                places.take(endpoint, len(found))
                claims += found
                limit -= len(found)
            if limit == 0:
                waiting.add(endpoint.id)
        return claims

    def _is_waited_for(self, webhook_id: UUID) -> bool:
        return self._are_places_shared_out or webhook_id in self._waiting

    def _is_probe(self, endpoint: Endpoint) -> bool:
        return endpoint.failures >= self._settings.breaker_failures

    def _start(self, claims: Sequence[Claim]) -> None:
        for claim in claims:
            task = asyncio.create_task(self._deliver(claim))
            self._running[task] = claim
            task.add_done_callback(self._came_back)

    def _came_back(self, task: asyncio.Task[Outcome]) -> None:
        claim = self._running.pop(task)
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            log.error("webhooks.undelivered", exc_info=error)  # a defect of ours; the lease ends by itself
            return
        outcome = task.result()
        self._settlement.add(outcome)
        if outcome.is_taken:  # one that failed keeps its place until it is written down
            self._returned.add(claim.endpoint.id)
            if self._is_waited_for(claim.endpoint.id):
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

    async def _tidy(self) -> None:
        """Forget what is older than it need be, in slices, so that nobody waits long for the database."""
        before = now() - timedelta(days=self._settings.keep_days)
        removed = TIDY_AT_ONCE
        while removed == TIDY_AT_ONCE:
            async with self._database.writing() as session:
                removed = await Deliveries(session).remove_older(before, limit=TIDY_AT_ONCE)

    async def _end(self, settling: asyncio.Task[None]) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=GRACE_S)
        left = dict(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._settlement.stop()
        await settling
        try:
            await self._settlement.settle()
            if left:
                async with self._database.writing() as session:
                    for claim in left.values():
                        await Queues(session).release(claim, at=now())
        except Exception as error:  # the leases end by themselves
            log.warning("webhooks.not_handed_back", exc_info=error)
