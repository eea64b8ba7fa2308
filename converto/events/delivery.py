"""Delivery: one event to one handler, at least once; and the loop that does so for all that a subscriber was told."""

import asyncio
import time
from collections.abc import Sequence

import structlog

from converto.events.backend import Subscriber
from converto.events.inbox import Delivery, Inbox
from converto.kernel.clock import now
from converto.kernel.context import Context, new_trace_parent, within
from converto.kernel.errors import Internal
from converto.kernel.metrics import EventFigures

log = structlog.get_logger()

LEASE_S = 15.0
POLL_S = 1.0
LONGEST_PAUSE_S = 300.0


class DiedEachTime(Internal):
    """A handler whose process ended before it did, as often as it may be tried."""

    code = "events.died_each_time"
    message = "The process ended in the middle of this {attempts} times."


def pause_s(attempt: int) -> float:
    """Return how long to wait after a failed attempt: 1, 4, 16 ... seconds."""
    return float(min(4.0 ** (attempt - 1), LONGEST_PAUSE_S))


class Consumer:
    """Handles what a subscriber was told, up to its concurrency at once.

    An event is leased while its handler runs, and the lease is renewed by a heartbeat: a job may take as long as it likes, and one
    whose process has died is free again within a lease. Whoever lost a lease cannot settle the event any more.
    """

    def __init__(self, subscriber: Subscriber, figures: EventFigures, *, lease_s: float = LEASE_S) -> None:
        self._subscriber = subscriber
        self._figures = figures
        self._lease_s = lease_s
        self._running: dict[asyncio.Task[None], Delivery] = {}

    async def run(self, *, grace_s: float = 3.0) -> None:
        """Go on until cancelled; then let handlers finish within the grace time, and hand the rest back."""
        heartbeat = asyncio.create_task(self._heartbeat())
        try:
            while True:
                await self._round()
        finally:
            await self._stop(grace_s)
            heartbeat.cancel()

    async def _round(self) -> None:
        bell = self._subscriber.database.received
        seen = bell.rings
        free = self._subscriber.subscription.concurrency - len(self._running)
        claimed = await self._claim(free) if free else ()
        for delivery in claimed:
            task = asyncio.create_task(self._handle(delivery))
            self._running[task] = delivery
            task.add_done_callback(self._done)
        if not claimed or len(claimed) == free:
            await bell.beyond(seen, timeout_s=POLL_S)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        self._subscriber.database.received.ring()  # a place is free
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("events.unsettled", subscriber=self._subscriber.name, exc_info=error)

    async def _claim(self, limit: int) -> Sequence[Delivery]:
        async with self._subscriber.database.reading() as session:
            if not await Inbox(session).has_due(self._subscriber.name):
                return ()
        async with self._subscriber.database.writing() as session:
            return await Inbox(session).claim(self._subscriber.name, limit, lease_s=self._lease_s)

    async def _handle(self, delivery: Delivery) -> None:
        subscription, envelope = self._subscriber.subscription, delivery.envelope
        self._figures.lag.labels(subscription.name).observe(max(0.0, (now() - envelope.time).total_seconds()))
        start = time.perf_counter()
        with within(Context(request_id=str(envelope.id), trace_parent=new_trace_parent(envelope.trace_parent))):
            try:
                await self._attempt(delivery)
            except Exception as error:  # noqa: BLE001 - whatever a handler raises is noted with the event
                await self._failed(delivery, error)
            else:
                async with self._subscriber.database.writing() as session:
                    kept = await Inbox(session).handled(delivery)
                self._count("handled" if kept else "lost")
            finally:
                self._figures.seconds.labels(subscription.name).observe(time.perf_counter() - start)

    async def _attempt(self, delivery: Delivery) -> None:
        subscription = self._subscriber.subscription
        if delivery.attempt > subscription.attempts:
            raise DiedEachTime(attempts=subscription.attempts)
        await subscription.handler(delivery.envelope.open(subscription.event), self._subscriber.service)

    async def _failed(self, delivery: Delivery, error: Exception) -> None:
        subscription = self._subscriber.subscription
        last = delivery.attempt >= subscription.attempts
        reason = f"{type(error).__name__}: {error}"[:2000]
        facts = {"subscriber": self._subscriber.name, "event_id": str(delivery.envelope.id), "attempt": delivery.attempt}
        log.warning("events.handler_failed", **facts, last=last, exc_info=error)
        if last:
            reason += await self._give_up(delivery, reason)
        async with self._subscriber.database.writing() as session:
            if last:
                await Inbox(session).bury(delivery, reason)
            else:
                await Inbox(session).retry(delivery, reason, delay_s=pause_s(delivery.attempt))
        self._count("dead" if last else "failed")

    async def _give_up(self, delivery: Delivery, reason: str) -> str:
        """Tell the module that an event is given up on; returns what went wrong in that, so that it is buried all the same."""
        subscription = self._subscriber.subscription
        if subscription.given_up is None:
            return ""
        try:
            await subscription.given_up(delivery.envelope.open(subscription.event), self._subscriber.service, reason)
        except Exception as error:
            log.exception("events.giving_up_failed", subscriber=self._subscriber.name, event_id=str(delivery.envelope.id))
            return f"; giving up failed too: {type(error).__name__}: {error}"[:2000]
        return ""

    def _count(self, outcome: str) -> None:
        self._figures.handled.labels(self._subscriber.name, outcome).inc()

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 3)
            if self._running:
                try:
                    async with self._subscriber.database.writing() as session:
                        await Inbox(session).renew(list(self._running.values()), lease_s=self._lease_s)
                except Exception as error:
                    log.warning("events.heartbeat_failed", subscriber=self._subscriber.name, exc_info=error)

    async def _stop(self, grace_s: float) -> None:
        if not self._running:
            return
        await asyncio.wait(self._running, timeout=grace_s)
        left = dict(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        async with self._subscriber.database.writing() as session:
            for delivery in left.values():
                await Inbox(session).release(delivery)
