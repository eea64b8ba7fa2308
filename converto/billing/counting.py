"""Counting, exact and fast: whatever waits is decided in order and written in one transaction, and only then answered.

While one batch is written the next one gathers, and for as long as this process is busy with what brings more of it. One hot company would
otherwise have each of its events wait for the commit of the one before, for they all change the same counter.
"""

import asyncio
import contextvars
from collections.abc import Sequence

import structlog

from converto.billing.entitlements import Status
from converto.billing.events import LimitNear, UsageRecorded
from converto.billing.figures import UsageFigures
from converto.billing.ledger import Act, Asked, Counted, CounterKey, Decided, EventKey, Grants, Ledger
from converto.billing.periods import period_of
from converto.billing.repository import CountersMissing, Raced, Usages
from converto.billing.terms import Terms
from converto.events.outbox import publish
from converto.kernel.clock import now
from converto.kernel.database import Database, Transaction
from converto.kernel.errors import Error, Unavailable
from converto.kernel.pace import Gathering
from converto.kernel.paid_work import LimitReached, Use

AT_ONCE = 300
"""The most requests of one transaction."""
USES_AT_ONCE = 1000
"""No further request goes into a transaction that is about as much: a statement takes only so many values."""
GATHER_S = 0.02
"""So long at most a request waits for others to be written with it, while this process is busy anyway."""
TRIES = 8
"""How often a batch is decided anew because another process was faster."""
log = structlog.get_logger()


class _CountersWanted(Exception):
    """An event was counted in another period than the running one: that one has to be locked as well."""

    def __init__(self, counters: set[CounterKey]) -> None:
        self.counters = counters


class Counting:
    """Counts what is used; any number of processes may do so at once."""

    def __init__(self, database: Database, terms: Terms, *, figures: UsageFigures, at_once: int = AT_ONCE) -> None:
        self._database = database.across_tenants
        self._terms = terms
        self._figures = figures
        self._at_once = at_once
        self._waiting: list[tuple[Asked, asyncio.Future[list[Counted]]]] = []
        self._gathering = Gathering(lambda: len(self._waiting), most=at_once, longest_s=GATHER_S)
        self._working: asyncio.Task[None] | None = None

    async def count(self, asked: Asked) -> list[Counted]:
        """Count one request, all of it or nothing; what is answered is committed. Raises LimitReached, KeyReused."""
        answer: asyncio.Future[list[Counted]] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        self._gathering.note()
        if self._working is None or self._working.done():
            # in a context of its own: a batch is nobody's request
            self._working = asyncio.create_task(self._work_off(), name="billing.counting", context=contextvars.Context())
        return await answer

    async def finished(self) -> None:
        """Wait until all that was asked for is decided and written."""
        while self._working is not None and not self._working.done():
            await asyncio.wait([self._working])

    async def expire(self) -> int:
        """Give back what has been held for too long; returns how much of it there was."""
        moment = now()
        async with self._database.reading() as session:
            keys = await Usages(session).expired(moment, limit=1000)
        for key in keys:
            use = Use(feature=key.feature, key=key.key, quantity=0)
            await self.count(Asked(key.tenant_id, Act.EXPIRE, (use,), moment, moment))
        return len(keys)

    async def _work_off(self) -> None:
        while self._waiting:
            await self._gathering.round()
            batch = self._next()
            try:
                decided = await self._batch([asked for asked, _ in batch])
            except Exception as error:
                log.exception("billing.not_counted", requests=len(batch))
                failure = error if isinstance(error, Error) else Unavailable(module="billing", retry_after_s=1)
                decided = [failure] * len(batch)
            for (asked, answer), outcome in zip(batch, decided, strict=True):
                if isinstance(outcome, LimitReached):
                    self._figures.refused({use.feature for use in asked.uses})
                if answer.done():  # whoever asked has left
                    continue
                if isinstance(outcome, Error):
                    answer.set_exception(outcome)
                else:
                    answer.set_result(outcome)

    def _next(self) -> list[tuple[Asked, asyncio.Future[list[Counted]]]]:
        count = uses = 0
        while count < min(len(self._waiting), self._at_once) and uses < USES_AT_ONCE:
            uses += len(self._waiting[count][0].uses)
            count += 1
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        return batch

    async def _batch(self, batch: Sequence[Asked]) -> Sequence[Decided]:
        more: set[CounterKey] = set()
        for _ in range(TRIES):
            counters: set[CounterKey] = set()
            try:
                async with self._database.writing(brief=True) as session:
                    decided, ledger = await self._decide(session, batch, counters, more)
            except CountersMissing:
                async with self._database.writing() as session:
                    await Usages(session).make_counters(counters)
            except _CountersWanted as wanted:
                more |= wanted.counters
            except Raced:
                continue
            else:
                self._figures.counted(ledger.counters)
                return decided
        raise Unavailable(module="billing", retry_after_s=1)

    async def _decide(
        self, session: Transaction, batch: Sequence[Asked], counters: set[CounterKey], more: set[CounterKey]
    ) -> tuple[Sequence[Decided], Ledger]:
        grants = await self._terms.granted(session, {asked.tenant_id for asked in batch}, at=now())
        keys: set[EventKey] = set()
        for asked in batch:
            start = period_of(grants[asked.tenant_id].anchor, asked.at).start
            about = asked.events()
            keys.update(about)
            counters.update(CounterKey(key.tenant_id, key.feature, start) for key in about)
        counters |= more
        ledger = await Usages(session).ledger(keys, counters)
        elsewhere = {CounterKey(key.tenant_id, key.feature, entry.period.start) for key, entry in ledger.entries.items()} - counters
        if elsewhere:
            raise _CountersWanted(elsewhere)
        decided = [_decided(ledger, asked, grants) for asked in batch]
        await Usages(session).write(ledger)
        await _tell(session, ledger, grants)
        return decided, ledger


def _decided(ledger: Ledger, asked: Asked, grants: Grants) -> Decided:
    try:
        return ledger.decide(asked, grants[asked.tenant_id])
    except Error as refusal:
        return refusal


async def _tell(session: Transaction, ledger: Ledger, grants: Grants) -> None:
    """Tell what the batch has added up to; where nobody sells anything there is nobody to tell."""
    for key, counter in ledger.counters.items():
        if counter.end is None or grants[key.tenant_id].status is Status.UNMETERED:
            continue
        about = {"tenant_id": key.tenant_id, "feature": key.feature.value, "used": counter.used, "period_start": key.start}
        if counter.recorded:
            await publish(session, UsageRecorded(**about, quantity=counter.recorded, limit=counter.limit, period_end=counter.end))
        for percent in counter.crossed:
            await publish(session, LimitNear(**about, percent=percent, limit=counter.limit or 0, resets_at=counter.end))
