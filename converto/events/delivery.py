"""Delivery: the loop that has all handled that a subscriber was told, each event at least once."""

import asyncio
import time
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import structlog

from converto.events.backend import Subscriber
from converto.events.inbox import Delivery, Held, Inbox
from converto.events.pauses import POLL_S, ROUNDS_A_SECOND, ROUNDS_AT_ONCE, pause_s
from converto.events.spans import heard
from converto.kernel.clock import now
from converto.kernel.context import Context, new_trace_parent, within
from converto.kernel.errors import Internal
from converto.kernel.metrics import EventFigures
from converto.kernel.pace import Pace
from converto.kernel.tracing import is_told, tell

log = structlog.get_logger()

LEASE_S = 15.0
AHEAD_S = 0.1
"""Short work is claimed ahead: as much as is done within this time. A job that takes longer is claimed when a place is free for it."""
MOST_AHEAD = 200
KEEPS_ONE_FROM = 4
"""Of so many places, and of more, one tenant's events take all but the last."""
ALONE_AFTER_DEATHS = 3
"""What has died so often is claimed with no other beside it: so the one that kills its process is found, and it alone is buried."""


class DiedEachTime(Internal):
    """A handler whose process ended before it did, as often as that may happen."""

    code = "events.died_each_time"
    message = "The process ended in the middle of this {times} times."


@dataclass(frozen=True, slots=True)
class Failed:
    """A handler raised: its reason, and whether that was the last try."""

    reason: str
    last: bool
    failures: int


Outcome = Failed | None
"""What came of a handler; None is success."""


class _Work(NamedTuple):
    tenant_id: UUID
    task: asyncio.Task[None]


class Consumer:
    """Handles what a subscriber was told, up to its concurrency at once.

    An event is leased while its handler runs, and the lease is renewed by a heartbeat: a job may take as long as it likes, and one
    whose process has died is free again within a lease. Whoever lost a lease cannot settle the event any more, and its handler is
    cancelled. Handlers that end while a transaction commits are settled together in the next one, which claims the next events too.
    """

    def __init__(self, subscriber: Subscriber, figures: EventFigures, *, lease_s: float = LEASE_S, poll_s: float = POLL_S) -> None:
        """Take the subscriber, how long an event is its handler's own, and how often to look without being rung for."""
        self._subscriber = subscriber
        self._database = subscriber.database.across_tenants
        self._bell = self._database.received.of(subscriber.name)
        self._pace = Pace(a_second=ROUNDS_A_SECOND, at_once=ROUNDS_AT_ONCE)
        self._figures = figures
        self._lease_s = lease_s
        self._poll_s = poll_s
        self._ready: deque[Delivery] = deque()
        self._running: dict[Held, _Work] = {}
        self._outcomes: dict[Held, Outcome] = {}
        self._suspect: Held | None = None
        self._stopping = False
        self._seconds = AHEAD_S  # that a handler takes: a mean over the last few

    async def run(self, *, grace_s: float = 3.0) -> None:
        """Go on until cancelled; then let handlers finish within the grace time, and hand the rest back."""
        self._stopping = False
        self._ready.clear()
        self._running.clear()
        self._outcomes.clear()
        self._suspect = None
        rounds = asyncio.create_task(self._rounds())
        heartbeat = asyncio.create_task(self._heartbeat())
        try:
            await asyncio.shield(rounds)
        finally:
            self._stopping = True
            self._bell.ring()
            await asyncio.gather(rounds, return_exceptions=True)  # never in the middle of a claim, whose events nobody would have
            try:
                await self._stop(grace_s)
            finally:  # also where the database is away: a heartbeat that went on would hold events that nobody handles
                heartbeat.cancel()

    async def _rounds(self) -> None:
        bell = self._bell
        well_at = time.monotonic()
        while not self._stopping:
            seen = bell.rings
            ended = len(self._outcomes)
            try:
                claimed = await self._turn_over()
            except Exception as error:
                if time.monotonic() - well_at > self._lease_s:  # what is running is lost by now
                    raise
                log.warning("events.database_failed", subscriber=self._subscriber.name, exc_info=error)
                await asyncio.sleep(POLL_S)
                continue
            well_at = time.monotonic()
            self._take(claimed)
            self._start()
            if claimed or ended:
                await self._pace.kept(ended + len(claimed))
            if not self._outcomes:
                # who holds events has to notice a database that is away
                await bell.beyond(seen, timeout_s=min(POLL_S, self._poll_s) if self._running else self._poll_s)

    def _take(self, claimed: Sequence[Delivery]) -> None:
        self._ready += claimed
        self._suspect = next((delivery.held for delivery in claimed if delivery.deaths >= ALONE_AFTER_DEATHS), self._suspect)

    def _start(self) -> None:
        """Have handlers take what is ready, where places are free."""
        while self._ready and len(self._running) - len(self._outcomes) < self._subscriber.subscription.concurrency:
            delivery = self._ready.popleft()
            self._running[delivery.held] = _Work(delivery.envelope.tenant_id, asyncio.create_task(self._handle(delivery)))

    def _room(self, settling: int) -> int:
        """Return how many events to claim: for the places that are free, and for those that will be in a moment."""
        if self._suspect is not None and self._suspect not in self._outcomes:
            return 0
        concurrency = self._subscriber.subscription.concurrency
        free = concurrency - len(self._running) + settling
        ahead = min(MOST_AHEAD, int(concurrency * (AHEAD_S / self._seconds - 1)))
        return max(0, free + max(0, ahead) - len(self._ready))

    def _wanted(self, settling: Collection[Held]) -> tuple[int, UUID | None]:
        """Return how many events to claim, and of which tenant none.

        Of several places the last is kept for another tenant than the one that holds the rest: who comes then waits for no place.
        """
        room, places = self._room(len(settling)), self._subscriber.subscription.concurrency
        held = {work.tenant_id for held, work in self._running.items() if held not in settling}
        held |= {delivery.envelope.tenant_id for delivery in self._ready}
        if places < KEEPS_ONE_FROM or room > places or len(held) > 1:
            return room, None
        return (room - 1, None) if room > 1 else (room, next(iter(held), None))

    async def _turn_over(self) -> Sequence[Delivery]:
        """Settle what has finished and claim as many events as places are free, in one transaction."""
        outcomes = dict(self._outcomes)
        room, but_of = self._wanted(outcomes)
        if not outcomes:
            if not room:
                return ()
            async with self._database.reading(brief=True) as session:
                if not await Inbox(session).has_due(self._subscriber.name, but_of=but_of):
                    return ()
        async with self._database.writing(brief=True) as session:
            inbox = Inbox(session)
            lost = await self._settle(inbox, outcomes)
            subscription = self._subscriber.subscription
            claimed: Sequence[Delivery] = ()
            if room:
                claimed = await inbox.claim(
                    subscription.name,
                    room,
                    lease_s=self._lease_s,
                    ordered=subscription.ordered,
                    alone_after=ALONE_AFTER_DEATHS,
                    but_of=but_of,
                )
        self._settled(outcomes, lost)
        return claimed

    async def _settle(self, inbox: Inbox, outcomes: dict[Held, Outcome]) -> set[Held]:
        lost = await inbox.handled(*[held for held, outcome in outcomes.items() if outcome is None])
        for held, outcome in outcomes.items():
            if outcome is None:
                continue
            if outcome.last:
                kept = await inbox.bury(held, outcome.reason)
            else:
                kept = await inbox.retry(held, outcome.reason, delay_s=pause_s(outcome.failures))
            if not kept:
                lost.add(held)
        return lost

    def _settled(self, outcomes: dict[Held, Outcome], lost: set[Held]) -> None:
        for held, outcome in outcomes.items():
            self._outcomes.pop(held, None)
            self._running.pop(held, None)
            self._suspect = None if self._suspect == held else self._suspect
            if held in lost:
                self._count("lost")
            else:
                self._count("handled" if outcome is None else "dead" if outcome.last else "failed")

    async def _handle(self, delivery: Delivery) -> None:
        subscription, envelope = self._subscriber.subscription, delivery.envelope
        self._figures.lag.labels(subscription.name).observe(max(0.0, (now() - envelope.time).total_seconds()))
        start = time.perf_counter()
        outcome: Outcome = None
        told_in = Context(request_id=str(envelope.id), trace_parent=new_trace_parent(envelope.trace_parent), tenant_id=envelope.tenant_id)
        start_ns = time.time_ns()
        with within(told_in):
            try:
                await self._attempt(delivery)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever a handler raises is noted with the event
                _end_if_cancelled()
                outcome = await self._failed(delivery, error)
        if is_told():
            failure = None if outcome is None else outcome.reason.partition(":")[0]
            more = {"converto.failures": delivery.failures}
            tell(heard(envelope, subscription.name, trace_parent=told_in.trace_parent, start_ns=start_ns, more=more, failure=failure))
        seconds = time.perf_counter() - start
        self._figures.seconds.labels(subscription.name).observe(seconds)
        self._seconds = max(1e-4, self._seconds + 0.2 * (seconds - self._seconds))
        self._outcomes[delivery.held] = outcome
        self._start()
        self._bell.ring()  # it is to be settled

    async def _attempt(self, delivery: Delivery) -> None:
        subscription = self._subscriber.subscription
        if delivery.deaths >= subscription.deaths:
            raise DiedEachTime(times=delivery.deaths)
        await subscription.handler(delivery.envelope.open(subscription.event), self._subscriber.service)

    async def _failed(self, delivery: Delivery, error: BaseException) -> Failed:
        failures = delivery.failures + 1
        last = failures >= self._subscriber.subscription.attempts or isinstance(error, DiedEachTime)
        reason = f"{type(error).__name__}: {error}"[:2000]
        facts = {"subscriber": self._subscriber.name, "event_id": str(delivery.envelope.id), "failures": failures}
        log.warning("events.handler_failed", **facts, last=last, exc_info=error)
        if last:
            reason += await self._give_up(delivery, reason)
        return Failed(reason=reason, last=last, failures=failures)

    async def _give_up(self, delivery: Delivery, reason: str) -> str:
        """Tell the module that an event is given up on; returns what went wrong in that, so that it is buried all the same."""
        subscription = self._subscriber.subscription
        if subscription.given_up is None:
            return ""
        try:
            async with self._database.writing() as session:
                if await Inbox(session).renew([delivery.held], lease_s=self._lease_s):
                    return ""  # it was cancelled, or another handles it by now: who comes late gives nothing up
            await subscription.given_up(delivery.envelope.open(subscription.event), self._subscriber.service, reason)
        except (Exception, asyncio.CancelledError) as error:
            _end_if_cancelled()
            log.exception("events.giving_up_failed", subscriber=self._subscriber.name, event_id=str(delivery.envelope.id))
            return f"; giving up failed too: {type(error).__name__}: {error}"[:2000]
        return ""

    def _count(self, outcome: str) -> None:
        self._figures.handled.labels(self._subscriber.name, outcome).inc()

    async def _heartbeat(self) -> None:
        """Renew the leases, and at once when something was cancelled: what is lost is worked on no longer."""
        bell = self._database.cancelled
        seen = bell.rings
        while True:
            await bell.beyond(seen, timeout_s=self._lease_s / 3)
            seen = bell.rings
            working = [held for held in self._running if held not in self._outcomes] + [delivery.held for delivery in self._ready]
            if not working:
                continue
            try:
                async with self._database.writing() as session:
                    lost = await Inbox(session).renew(working, lease_s=self._lease_s)
            except Exception as error:
                log.warning("events.heartbeat_failed", subscriber=self._subscriber.name, exc_info=error)
                continue
            for held in lost:
                self._abandon(held)

    def _abandon(self, held: Held) -> None:
        self._ready = deque(delivery for delivery in self._ready if delivery.held != held)
        if self._suspect == held and held not in self._outcomes:
            self._suspect = None
        work = self._running.get(held)
        if work is not None and held not in self._outcomes:
            log.warning("events.lease_lost", subscriber=held.subscriber, event_id=str(held.event_id))
            work.task.cancel()
            del self._running[held]
            self._count("lost")
            self._bell.ring()

    async def _stop(self, grace_s: float) -> None:
        left = [delivery.held for delivery in self._ready]
        self._ready.clear()
        working = [work.task for work in self._running.values() if not work.task.done()]
        if working:
            await asyncio.wait(working, timeout=grace_s)
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        outcomes = dict(self._outcomes)
        left += [held for held in self._running if held not in outcomes]
        if outcomes or left:
            async with self._database.writing() as session:
                inbox = Inbox(session)
                lost = await self._settle(inbox, outcomes)
                await inbox.release(*left)
            self._settled(outcomes, lost)
        self._running.clear()


def _end_if_cancelled() -> None:
    """Raise CancelledError if this task was told to end; otherwise it only awaited something that was."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
