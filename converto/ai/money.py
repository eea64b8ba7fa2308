"""What was spent and what may be, as companies see it."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from converto.ai.accounts import Standing, month_of
from converto.ai.catalogue import Exchange, usd
from converto.ai.interface import Budget, BudgetChange, LoggedCall, UsageLine, UsageReport
from converto.ai.models import CallRow
from converto.ai.refusals import UnknownCurrency
from converto.ai.repository import Budgeting, Calls, Sums
from converto.kernel.clock import now
from converto.kernel.database import Database
from converto.kernel.money import Money


class Spending:
    """Tells what calls took, and keeps what they may take."""

    def __init__(self, database: Database, exchange: Exchange) -> None:
        self._database = database
        self._exchange = exchange

    async def usage(self, tenant_id: UUID, since: datetime.date, *, until: datetime.date, by: Sequence[str]) -> UsageReport:
        """Return what calls took."""
        async with self._database.reading() as session:
            lines = await Calls(session).sums(tenant_id, since, until=until, by=by)
            total = await Calls(session).sums(tenant_id, since, until=until, by=()) if by else lines
        items = tuple(self._line(sums) for sums in lines) if by else ()
        return UsageReport(since=since, until=until, by=tuple(by), items=items, total=self._line(total[0]))

    async def calls(self, tenant_id: UUID, *, limit: int, after: UUID | None) -> Sequence[LoggedCall]:
        """Return calls of providers, newest first."""
        async with self._database.reading() as session:
            rows = await Calls(session).page(tenant_id, limit=limit, after=after)
        return [self._call(row) for row in rows]

    async def budgets(self, tenant_id: UUID) -> tuple[Budget, ...]:
        """Return the company's budget, and those of members and keys that have one."""
        period = month_of(now())
        async with self._database.reading() as session:
            limits, spending = await Budgeting(session).of(tenant_id), await Budgeting(session).spending(tenant_id, period)
        subjects = ["tenant", *sorted(limits.keys() - {"tenant"})]
        return tuple(self._budget(subject, period, limits=limits, spending=spending) for subject in subjects)

    async def set_budget(self, tenant_id: UUID, change: BudgetChange) -> Budget:
        """Say what may be spent in a month. Raises UnknownCurrency."""
        period = month_of(now())
        soft, hard = self.nano(change.soft), self.nano(change.hard)
        async with self._database.writing() as session:
            await Budgeting(session).set(tenant_id, change.subject, soft=soft, hard=hard, period=period)
        return next(budget for budget in await self.budgets(tenant_id) if budget.subject == change.subject)

    def nano(self, money: Money | None) -> int | None:
        """Return an amount in nano-USD. Raises UnknownCurrency."""
        if money is None:
            return None
        amount = self._exchange.nano_usd(money)
        if amount is None:
            raise UnknownCurrency(currency=money.currency)
        return amount

    def _budget(
        self,
        subject: str,
        period: str,
        *,
        limits: Mapping[str, tuple[int | None, int | None]],
        spending: Mapping[str, Standing],
    ) -> Budget:
        soft, hard = limits.get(subject, (None, None))
        standing = spending.get(subject, Standing())
        remaining = None if hard is None else max(0, hard - standing.spent - standing.reserved)
        return Budget(
            subject=subject,
            period=period,
            soft=None if soft is None else self._exchange.euros(soft),
            hard=None if hard is None else self._exchange.euros(hard),
            spent=self._exchange.euros(standing.spent),
            reserved=self._exchange.euros(standing.reserved),
            remaining=None if remaining is None else self._exchange.euros(remaining),
        )

    def _line(self, sums: Sums) -> UsageLine:
        key: dict[str, Any] = dict(sums.key)
        return UsageLine(
            **key,
            calls=sums.calls,
            prompt_tokens=sums.prompt_tokens,
            completion_tokens=sums.completion_tokens,
            cached_tokens=sums.cached_tokens,
            cost=self._exchange.euros(sums.cost_nano),
            cost_usd=usd(sums.cost_nano),
            estimated_calls=sums.estimated_calls,
        )

    def _call(self, row: CallRow) -> LoggedCall:
        return LoggedCall(
            id=row.id,
            completion_id=row.completion_id,
            at=row.at,
            model=row.model,
            provider=row.provider,
            outcome=row.outcome,
            usage_source=row.usage_source,
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
            cached_tokens=row.cached_tokens,
            cost=self._exchange.euros(row.cost_nano),
            cost_usd=usd(row.cost_nano),
            price_version=row.price_version,
            latency_ms=row.latency_ms,
            streamed=row.streamed,
            member=row.user_id,
            api_key=row.api_key_id,
        )
