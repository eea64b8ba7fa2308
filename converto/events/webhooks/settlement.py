"""Writes down what came of attempts: a little later and together, and failures apart, so that those that were taken never wait for them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from converto.events.webhooks.figures import WebhookFigures
from converto.events.webhooks.queues import Claim, Failure, Queues
from converto.events.webhooks.repository import Deliveries
from converto.events.webhooks.schedule import pause_s
from converto.events.webhooks.sender import Answer
from converto.events.webhooks.settings import WebhooksSettings
from converto.events.webhooks.standing import Standing, after_failure
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database

log = structlog.get_logger()

SETTLED_WITHIN_S = 0.1
"""How long what came back waits for others. Nobody waits for it: a place is free as soon as a delivery was taken."""
FAILED_AT_ONCE = 32
"""The most failures that are settled in one transaction, so that however many endpoints are dead, nobody waits long for the database."""
AGAIN_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """A claim and what came of it."""

    claim: Claim
    answer: Answer
    at: datetime

    @property
    def is_taken(self) -> bool:
        """Whether the endpoint took the delivery."""
        return self.answer.error is None


class Settlement:
    """What came back and is not yet written down."""

    def __init__(self, database: Database, *, settings: WebhooksSettings, figures: WebhookFigures, changed: Callable[[], None]) -> None:
        self._database = database
        self._settings = settings
        self._figures = figures
        self._changed = changed
        self._taken: list[Outcome] = []
        self._failed: list[Outcome] = []
        self._came = asyncio.Event()
        self._is_stopping = False

    @property
    def failed(self) -> Sequence[Claim]:
        """Return what has failed and is not yet written down: until it is, its endpoint looks better than it is."""
        return [outcome.claim for outcome in self._failed]

    def add(self, outcome: Outcome) -> None:
        """Have an outcome written down soon."""
        (self._taken if outcome.is_taken else self._failed).append(outcome)
        self._came.set()

    async def run(self) -> None:
        """Go on until told to stop."""
        while not self._is_stopping:
            await self._came.wait()
            await asyncio.sleep(SETTLED_WITHIN_S)
            self._came.clear()
            try:
                await self.settle()
            except Exception as error:
                log.warning("webhooks.not_settled", exc_info=error)
                self._came.set()
                await asyncio.sleep(AGAIN_AFTER_S)

    def stop(self) -> None:
        """Have `run` come to its end. It is not cancelled: a transaction that is cut off may go on holding SQLite's lock for a while."""
        self._is_stopping = True
        self._came.set()

    async def settle(self) -> None:
        """Write down what has come back. What cannot be written is kept for the next time."""
        if taken := self._taken[:]:
            await self._settle_taken(taken)
            del self._taken[: len(taken)]
        while failed := self._failed[:FAILED_AT_ONCE]:
            await self._settle_failed(failed)
            del self._failed[: len(failed)]
            self._changed()

    async def _settle_taken(self, taken: Sequence[Outcome]) -> None:
        async with self._database.writing() as session:
            held = await Queues(session).delivered([outcome.claim for outcome in taken], at=now())
            await Deliveries(session).log([_row(outcome) for outcome in taken if outcome.claim.id in held])
        for outcome in taken:
            self._count(outcome)
        if any(outcome.claim.endpoint.failures for outcome in taken):
            self._changed()  # it has recovered

    async def _settle_failed(self, failed: Sequence[Outcome]) -> None:
        at = now()
        async with self._database.writing() as session:
            queues = Queues(session)
            held = await queues.failed([_failure(outcome, at) for outcome in failed])
            failures = [outcome for outcome in failed if outcome.claim.id in held]
            before = await queues.standings({outcome.claim.endpoint.key for outcome in failures})
            after = dict(before)
            for outcome in failures:
                if (key := outcome.claim.endpoint.key) in after:  # it may have been removed
                    after[key] = self._judged(after[key], outcome, at)
            await queues.stand({key: standing for key, standing in after.items() if standing != before[key]})
            await Deliveries(session).log([_row(outcome) for outcome in failures])
        for outcome in failed:
            self._count(outcome)
        for key, standing in after.items():
            if before[key].disabled_at is None and standing.disabled_because is not None:
                self._figures.disabled.labels(standing.disabled_because).inc()
                log.warning("webhooks.disabled", tenant_id=str(key[0]), webhook_id=str(key[1]), because=standing.disabled_because)

    def _judged(self, standing: Standing, outcome: Outcome, at: datetime) -> Standing:
        return after_failure(
            standing,
            outcome.answer,
            is_probe=outcome.claim.is_probe,
            at=at,
            breaker_failures=self._settings.breaker_failures,
            disable_after=timedelta(days=self._settings.disable_after_days),
        )

    def _count(self, outcome: Outcome) -> None:
        self._figures.attempts.labels("delivered" if outcome.is_taken else "failed").inc()
        if outcome.answer.status_code is not None:
            self._figures.seconds.observe(outcome.answer.latency_ms / 1000)


def _failure(outcome: Outcome, at: datetime) -> Failure:
    failures = outcome.claim.failures + 1
    wait_s = pause_s(failures, retry_after_s=outcome.answer.retry_after_s)
    return Failure(outcome.claim, None if failures >= outcome.claim.tries else at + timedelta(seconds=wait_s))


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
