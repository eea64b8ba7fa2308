"""The ledger: what calls may take is kept back before they are made, and turned into what they took.

Whoever is at it at the same moment is written in one transaction: it costs about as much for fifty calls as for one.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from converto.ai.accounts import Account, Hold, Notice, Refusal, Settled, Standing, admit, notices, settle
from converto.ai.catalogue import Exchange, usd
from converto.ai.conversation import Outcome, UsageSource
from converto.ai.events import BudgetReached, CompletionFinished
from converto.ai.refusals import BudgetExceeded
from converto.ai.repository import Books
from converto.ai.uses import usage_settled
from converto.events.outbox import publish_all
from converto.kernel.bell import Bell
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database, Transaction
from converto.kernel.errors import Unavailable
from converto.kernel.event import Envelope, Event
from converto.kernel.pace import Gathering
from converto.kernel.upkeep import now_and_then

MOST_AT_ONCE = 200
LAPSED_AT_ONCE = 200
GATHER_S = 0.02
"""So long at most what is asked for waits for others to be written with it, while this process is busy anyway."""
SETTLE_WITHIN_S = 0.1
"""So long what is settled waits to be written with more of it, for nobody waits for it: reservations go before."""
TRY_AGAIN_S = 0.5
LONGEST_LINE = 20_000
"""More calls than that do not wait for a database that is away."""
TOLD = frozenset({Outcome.OK, Outcome.LEFT, Outcome.TRUNCATED})

log = structlog.get_logger()


class _Waiting:
    """A reservation that is asked for."""

    def __init__(self, hold: Hold) -> None:
        self.hold = hold
        self.answer: asyncio.Future[Refusal | bool] = asyncio.get_running_loop().create_future()


class Ledger:
    """Reserves and settles, in the order of asking; what is settled is written soon after, however often it takes."""

    def __init__(self, database: Database, exchange: Exchange, *, lease_s: float) -> None:
        self._database = database.across_tenants
        self._exchange = exchange
        self._lease = timedelta(seconds=lease_s)
        self._holder = new_id()
        self._asked: list[_Waiting] = []
        self._settled: list[Settled] = []
        self._settled_since = 0.0
        self._held: dict[object, None] = {}
        self._gathering = Gathering(lambda: max(len(self._asked), len(self._settled)), most=MOST_AT_ONCE, longest_s=GATHER_S)
        self._come = Bell()
        self._pressing = Bell()
        self._written = Bell()

    @property
    def unsettled(self) -> int:
        """How many calls are over whose cost is not in the database yet."""
        return len(self._settled)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write what comes while the block runs, and what is left at its end."""
        writing = asyncio.create_task(self._write_on(), name="ai ledger")
        every_s = self._lease.total_seconds() / 3
        try:
            async with now_and_then(self.look_after, name="ai.reservations", after_s=every_s, every_s=every_s):
                yield
        finally:
            async with asyncio.timeout(10):
                await self.flushed()
            writing.cancel()
            await asyncio.wait([writing])

    async def reserve(self, hold: Hold) -> bool:
        """Keep back what a call may take; returns whether a soft limit is reached already.

        Raises BudgetExceeded, or Unavailable where the database has been away for long.
        """
        if len(self._asked) + len(self._settled) > LONGEST_LINE:
            raise Unavailable(module="ai", retry_after_s=1)
        waiting = _Waiting(hold)
        self._asked.append(waiting)
        self._gathering.note()
        self._come.ring()
        self._pressing.ring()
        refusal = await waiting.answer
        if not isinstance(refusal, Refusal):
            self._held[hold.id] = None
            return refusal
        raise BudgetExceeded(
            needed_usd=usd(refusal.needed), left_usd=usd(refusal.left), subject=refusal.account.subject, period=refusal.account.period
        )

    def settle(self, settled: Settled) -> None:
        """Have what a call took written soon; returns at once, so that whoever went away holds nothing up."""
        if not self._settled:
            self._settled_since = asyncio.get_running_loop().time()
        self._settled.append(settled)
        self._held.pop(settled.hold.id, None)
        self._come.ring()
        if len(self._settled) >= MOST_AT_ONCE // 2:
            self._pressing.ring()

    async def flushed(self) -> None:
        """Wait until all that was settled by now is written."""
        while self._settled:
            self._pressing.ring()
            await self._written.beyond(self._written.rings, timeout_s=1)

    async def look_after(self) -> None:
        """Say that this process lives, and free what those that have died had reserved."""
        async with self._database.reading() as session:
            lapsed = await Books(session).lapsed(now(), limit=LAPSED_AT_ONCE)
        for hold in lapsed:
            self.settle(_lost(hold))
        if self._held:
            async with self._database.writing() as session:
                await Books(session).alive(self._holder, now() + self._lease)

    async def _write_on(self) -> None:
        seen = 0
        while True:
            pressed = self._pressing.rings
            if not self._asked and not self._settled:
                await self._come.beyond(seen, timeout_s=60)
            if not self._asked and len(self._settled) < MOST_AT_ONCE // 2:
                await self._pressing.beyond(pressed, timeout_s=SETTLE_WITHIN_S)
            await self._gathering.round()
            seen = self._come.rings
            try:
                await self._round(self._asked[:MOST_AT_ONCE])
            except Exception:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    return
                log.exception("ai.ledger_failed", waiting=len(self._asked), settled=len(self._settled))
                await asyncio.sleep(TRY_AGAIN_S)

    async def _round(self, asked: Sequence[_Waiting]) -> None:
        """Answer reservations, and write what is settled once it has waited for long enough; whom it may make room for waits for that."""
        waited_s = asyncio.get_running_loop().time() - self._settled_since
        is_due = not asked or waited_s >= SETTLE_WITHIN_S or len(self._settled) >= MOST_AT_ONCE // 2
        settled = self._settled[:MOST_AT_ONCE] if is_due else []
        answers = await self._post([waiting.hold for waiting in asked if not waiting.answer.done()], settled)
        if settled:
            del self._settled[: len(settled)]
            self._written.ring()
        may_have_room = bool(self._settled) and not is_due
        again = {waiting for waiting in asked if may_have_room and isinstance(answers.get(waiting.hold.id), Refusal)}
        if again:
            self._settled_since = -math.inf  # it is due now
        self._asked[: len(asked)] = [waiting for waiting in asked if waiting in again]
        self._tell([waiting for waiting in asked if waiting not in again], answers)

    def _tell(self, asked: Sequence[_Waiting], refusals: dict[object, Refusal | bool]) -> None:
        for waiting in asked:
            hold = waiting.hold
            if not waiting.answer.done():
                waiting.answer.set_result(refusals[hold.id])
            elif isinstance(refusals.get(hold.id), bool):
                self.settle(_unmade(hold))  # whoever asked went away meanwhile

    async def _post(self, holds: Sequence[Hold], settled: Sequence[Settled]) -> dict[object, Refusal | bool]:
        """Write reservations and settlements; returns by hold why it was refused, or whether a soft limit is reached."""
        wanted = sorted({account for hold in (*holds, *(one.hold for one in settled)) for account in hold.accounts})
        if not wanted:
            return {}
        async with self._database.writing(brief=True) as session:
            books = Books(session)
            standings = await books.standings(wanted)
            if settled:
                await self._settle(session, settled, standings)
            refusals: dict[object, Refusal | bool] = {hold.id: admit(hold, standings) for hold in holds}
            admitted = [hold for hold in holds if isinstance(refusals[hold.id], bool)]
            if admitted:
                await books.hold(admitted, holder=self._holder, until=now() + self._lease)
            if settled:
                over = _told(settled)
                finished = [self._finished(one) for one in over]
                await publish_all(session, [*finished, *usage_settled(over, self._exchange)], at_once=False)
                await publish_all(session, [self._reached(notice) for notice in notices(standings)])
            if settled or admitted:
                await books.write(standings)
        return refusals

    async def _settle(self, session: Transaction, settled: Sequence[Settled], standings: dict[Account, Standing]) -> None:
        books = Books(session)
        released = await books.release([one.hold for one in settled])
        # what was taken for lost in the meantime is not; what nobody holds any more, and is not lost either, has been settled before
        late = [one for one in settled if one.hold.id not in released and one.outcome is not Outcome.LOST]
        found = await books.forget_lost([one.hold for one in late]) if late else {}
        mine = [one for one in settled if one.hold.id in released or one.hold.id in found]
        for one in mine:
            settle(one, standings, released=released.get(one.hold.id, 0), corrected=found.get(one.hold.id, 0))
        rows = [one.row for one in mine if one.latency_ms >= 0]
        if rows:
            await books.enter(rows)

    def _finished(self, one: Settled) -> Envelope:
        hold = one.hold
        event = CompletionFinished(
            tenant_id=hold.tenant_id,
            completion_id=hold.completion_id,
            model=hold.model,
            provider=hold.provider,
            outcome=one.outcome.value,
            prompt_tokens=one.prompt,
            completion_tokens=one.completion,
            cached_tokens=one.cached,
            cost=self._exchange.euros(one.cost),
            cost_usd=usd(one.cost),
            usage_source=one.usage_source,
            user_id=hold.user_id,
            api_key_id=hold.api_key_id,
        )
        return Envelope.around(event, trace_parent=hold.trace_parent)

    def _reached(self, notice: Notice) -> Event:
        return BudgetReached(
            tenant_id=notice.account.tenant_id,
            subject=notice.account.subject,
            period=notice.account.period,
            limit="soft" if notice.limit == "soft" else "hard",
            spent=self._exchange.euros(notice.spent),
            amount=self._exchange.euros(notice.amount),
        )


def _told(settled: Sequence[Settled]) -> list[Settled]:
    return [one for one in settled if one.outcome in TOLD and one.latency_ms >= 0]


def _lost(hold: Hold) -> Settled:
    return Settled(hold, hold.floor, Outcome.LOST, UsageSource.ESTIMATED, 0, hold.floor_tokens)


def _unmade(hold: Hold) -> Settled:
    """Return the end of a reservation for a call that was never made: the ledger says nothing of it."""
    return Settled(hold, 0, Outcome.LEFT, UsageSource.PROVIDER, -1)
