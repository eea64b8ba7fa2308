"""Billing: says what companies may do, and counts what they use."""

import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from converto.billing.counting import Counting
from converto.billing.entitlements import Granted, Override
from converto.billing.figures import UsageFigures
from converto.billing.interface import (
    AgreedOverride,
    Allowance,
    BadMoment,
    BadSpan,
    Billing,
    Change,
    CountedFeature,
    DayOfUsage,
    Entitlements,
    FeatureUsage,
    ForeignUsage,
    Invoice,
    NewOverride,
    NewSubscription,
    PastOverride,
    Payment,
    Plan,
    Preview,
    Reconciled,
    Recorded,
    Subscribed,
    Subscription,
    UnknownOverride,
    Usage,
    UsagePeriod,
    Use,
)
from converto.billing.ledger import Act, Asked, Counted, refusal
from converto.billing.models import OverrideRow
from converto.billing.payments import NotSold
from converto.billing.periods import period_of
from converto.billing.plans import MONTHLY, Feature, Interval, Limit, PlanVersion, on_sale
from converto.billing.reporting import Reporting
from converto.billing.repository import Accounts, Usages
from converto.billing.settings import BillingSettings
from converto.billing.subscribing import Subscribing, invoices, payment, payments
from converto.billing.terms import Terms
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database
from converto.kernel.errors import Error
from converto.kernel.money import Money

LATE_DAYS = 35
AHEAD = timedelta(minutes=5)
"""By so much somebody's clock may be ahead of ours."""
MOST_DAYS = 366
SHOWN_DAYS = 31
KNOWN_FOR_S = 5.0
"""For so long what a company may do is remembered where nothing is counted."""
MOST_KNOWN = 10_000


class BillingService(Billing):
    """Plans and usage, and having them paid."""

    def __init__(
        self,
        database: Database,
        *,
        settings: BillingSettings,
        terms: Terms,
        subscribing: Subscribing | None = None,
        reporting: Reporting,
        figures: UsageFigures,
    ) -> None:
        self._database = database
        self._subscribing = subscribing
        self.reporting = reporting
        self._figures = figures
        self._settings = settings
        self._terms = terms
        self.counting = Counting(database, terms, figures=figures)
        self._known: dict[UUID, tuple[Granted, float]] = {}

    async def plans(self) -> tuple[Plan, ...]:
        """See `Billing.plans`."""
        return tuple(_plan(plan, trial_days=self._settings.trial_days) for plan in on_sale(now().date()))

    async def entitlements(self, actor: Actor) -> Entitlements:
        """See `Billing.entitlements`."""
        actor.require("billing:read")
        moment = now()
        held = await self._granted(actor, moment)
        period = period_of(held.anchor, moment)
        async with self._database.reading(actor.tenant_id) as session:
            counted = await Usages(session).counted(actor.tenant_id, [period.start])
            row = await Accounts(session).get(actor.tenant_id)
        return Entitlements(
            plan=held.plan,
            status=held.status,
            version=held.version,
            period_start=period.start,
            period_end=period.end,
            trial_ends_at=None if row is None else row.trial_ends_at,
            paid_until=None if row is None else row.paid_until,
            grace_until=None if row is None else row.grace_until,
            features=tuple(_allowance(feature, held, counted.get(feature, (0, 0))) for feature in Feature),
        )

    async def record(self, actor: Actor, usage: Usage, *, tenant_id: UUID | None = None) -> Recorded:
        """See `Billing.record`."""
        actor.require("billing:write")
        if tenant_id is not None and tenant_id != actor.tenant_id:
            raise ForeignUsage
        moment = now()
        at = usage.occurred_at or moment
        if at > moment + AHEAD or at < moment - timedelta(days=LATE_DAYS):
            raise BadMoment(days=LATE_DAYS)
        use = Use(feature=usage.feature, key=f"api:{usage.idempotency_key or new_id()}", quantity=usage.quantity)
        (counted,) = await self.counting.count(Asked(actor.tenant_id, Act.RECORD, (use,), at, moment))
        return _recorded(counted)

    async def correct(self, actor: Actor, feature: CountedFeature, *, key: str, tenant_id: UUID | None = None) -> None:
        """See `Billing.correct`."""
        actor.require("billing:correct")
        await self._count(tenant_id or actor.tenant_id, Act.CORRECT, (Use(feature=feature, key=key),))

    async def usage(
        self, actor: Actor, *, feature: CountedFeature | None = None, since: date | None = None, until: date | None = None
    ) -> tuple[FeatureUsage, ...]:
        """See `Billing.usage`."""
        actor.require("billing:read")
        last = until or max(now().date(), since or date.min)
        first = since or last - timedelta(days=min(SHOWN_DAYS - 1, last.toordinal() - 1))
        if not 0 <= (last - first).days < MOST_DAYS:
            raise BadSpan(days=MOST_DAYS)
        async with self._database.reading(actor.tenant_id) as session:
            rows = await Usages(session).by_day(actor.tenant_id, since=first, until=last, feature=feature)
        days: dict[str, list[DayOfUsage]] = {}
        for row in rows:
            days.setdefault(row.feature, []).append(DayOfUsage(day=row.day, quantity=row.quantity))
        return tuple(
            FeatureUsage(feature=name, quantity=sum(one.quantity for one in used), days=tuple(used)) for name, used in days.items()
        )

    async def reserve(self, actor: Actor, uses: tuple[Use, ...]) -> None:
        """See `PaidWork.reserve`."""
        if self._terms.is_unlimited:  # there is no room to hold; what is done is counted all the same
            return
        await self._count(actor.tenant_id, Act.RESERVE, uses)

    async def confirm(self, actor: Actor, uses: tuple[Use, ...]) -> None:
        """See `PaidWork.confirm`."""
        await self._count(actor.tenant_id, Act.CONFIRM, uses)

    async def release(self, actor: Actor, uses: tuple[Use, ...]) -> None:
        """See `PaidWork.release`."""
        if self._terms.is_unlimited:
            return
        await self._count(actor.tenant_id, Act.RELEASE, uses)

    async def allow(self, actor: Actor, feature: str, *, level: int = 1) -> None:
        """See `PaidWork.allow`."""
        if self._terms.is_unlimited:
            return
        held = await self._remembered(actor)
        wanted = Feature(feature)
        limit = held.limits[wanted]
        if limit.is_hard and limit.value is not None and level > limit.value:
            raise refusal(wanted, held, used=level - 1, needed=level, period=None, at=now())

    async def plan_of(self, actor: Actor) -> str | None:
        """See `PaidWork.plan_of`."""
        return None if self._terms.is_unlimited else (await self._remembered(actor)).plan

    async def _count(self, tenant_id: UUID, act: Act, uses: Sequence[Use]) -> None:
        if uses:
            moment = now()
            await self.counting.count(Asked(tenant_id, act, tuple(uses), moment, moment))

    async def _remembered(self, actor: Actor) -> Granted:
        known = self._known.get(actor.tenant_id)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        held = await self._granted(actor, now())
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[actor.tenant_id] = (held, time.monotonic() + KNOWN_FOR_S)
        return held

    async def _granted(self, actor: Actor, at: datetime) -> Granted:
        tenant_id = actor.tenant_id
        async with self._database.reading(tenant_id) as session:
            known = tenant_id in await Accounts(session).known([tenant_id])
            if known or not self._terms.sells:
                return (await self._terms.granted(session, [tenant_id], at=at))[tenant_id]
        async with self._database.writing(tenant_id) as session:
            return (await self._terms.granted(session, [tenant_id], at=at))[tenant_id]

    def forget(self, tenant_id: UUID) -> None:
        """Look up anew what a company may do."""
        self._known.pop(tenant_id, None)

    @property
    def sells(self) -> bool:
        """Whether plans are sold here."""
        return self._subscribing is not None

    @property
    def _sold(self) -> Subscribing:
        """What has companies pay. Raises NotSold."""
        if self._subscribing is None:
            raise NotSold
        return self._subscribing

    async def subscription(self, actor: Actor) -> Subscription:
        """See `Paying.subscription`."""
        actor.require("billing:read")
        return await self._sold.current(actor.tenant_id)

    async def subscribe(self, actor: Actor, wanted: NewSubscription) -> Subscribed:
        """See `Paying.subscribe`."""
        actor.require("billing:write")
        return await self._sold.subscribe(actor.tenant_id, wanted)

    async def preview(self, actor: Actor, change: Change) -> Preview:
        """See `Paying.preview`."""
        actor.require("billing:read")
        return await self._sold.preview(actor.tenant_id, change)

    async def change(self, actor: Actor, change: Change) -> Subscription:
        """See `Paying.change`."""
        actor.require("billing:write")
        self.forget(actor.tenant_id)
        return await self._sold.change(actor.tenant_id, change)

    async def cancel(self, actor: Actor, *, at_once: bool = False) -> Subscription:
        """See `Paying.cancel`."""
        actor.require("billing:write")
        self.forget(actor.tenant_id)
        return await self._sold.cancel(actor.tenant_id, at_once=at_once)

    async def resume(self, actor: Actor) -> Subscription:
        """See `Paying.resume`."""
        actor.require("billing:write")
        return await self._sold.resume(actor.tenant_id)

    async def portal(self, actor: Actor) -> str:
        """See `Paying.portal`."""
        actor.require("billing:write")
        return await self._sold.portal(actor.tenant_id)

    async def invoices(self, actor: Actor, *, limit: int = 50) -> tuple[Invoice, ...]:
        """See `Paying.invoices`."""
        actor.require("billing:read")
        return tuple(await invoices(self._database, actor.tenant_id, limit=limit))

    async def payments(self, actor: Actor, *, limit: int = 50, tenant_id: UUID | None = None) -> tuple[Payment, ...]:
        """See `Paying.payments`."""
        actor.require("billing:read" if tenant_id is None else "billing:correct")
        return tuple(await payments(self._database, tenant_id or actor.tenant_id, limit=limit))

    async def payment(self, actor: Actor, payment_id: str, *, tenant_id: UUID | None = None) -> Payment:
        """See `Paying.payment`."""
        actor.require("billing:read" if tenant_id is None else "billing:correct")
        return await payment(self._database, tenant_id or actor.tenant_id, payment_id)

    async def refund(
        self, actor: Actor, payment_id: str, *, cents: int, reference: str | None = None, tenant_id: UUID | None = None
    ) -> None:
        """See `Paying.refund`."""
        actor.require("billing:correct")
        await self._sold.refund(tenant_id or actor.tenant_id, payment_id, cents=cents, reference=reference)

    async def overrides(self, actor: Actor, tenant_id: UUID) -> tuple[AgreedOverride, ...]:
        """See `Correcting.overrides`."""
        actor.require("billing:correct")
        async with self._database.reading(tenant_id) as session:
            return tuple(_agreed(row) for row in await Accounts(session).overrides(tenant_id))

    async def override(self, actor: Actor, tenant_id: UUID, *, feature: str, agreed: NewOverride) -> AgreedOverride:
        """See `Correcting.override`."""
        actor.require("billing:correct")
        moment = now()
        if agreed.until is not None and agreed.until <= moment:
            raise PastOverride
        override = Override(Feature(feature), Limit(agreed.limit, agreed.is_hard), moment, agreed.until)
        async with self._database.writing(tenant_id) as session:
            await Accounts(session).agree(tenant_id, override, reason=agreed.reason)
        self.forget(tenant_id)
        return AgreedOverride(**agreed.model_dump(), feature=feature, since=moment)

    async def withdraw_override(self, actor: Actor, tenant_id: UUID, *, feature: str) -> None:
        """See `Correcting.withdraw_override`."""
        actor.require("billing:correct")
        async with self._database.writing(tenant_id) as session:
            if not await Accounts(session).withdraw(tenant_id, Feature(feature)):
                raise UnknownOverride(feature=feature)
        self.forget(tenant_id)

    async def receive_webhook(self, payload: bytes, signature: str) -> None:
        """See `Paying.receive_webhook`."""
        try:
            await self._sold.receive(payload, signature)
        except Error as error:
            self._figures.heard(error.code)
            raise
        self._figures.heard("taken")

    async def reconcile(self, actor: Actor, *, tenant_id: UUID | None = None) -> Reconciled:
        """See `Paying.reconcile`."""
        actor.require("billing:correct")
        return await self.looked_at(tenant_id or actor.tenant_id)

    async def looked_at(self, tenant_id: UUID) -> Reconciled:
        """Take in what the payment service has of a company."""
        details = await self._sold.syncing.sync(tenant_id)
        self.forget(tenant_id)
        return Reconciled(changed=len(details), details=tuple(details))

    async def reconcile_all(self) -> Sequence[tuple[UUID, Reconciled]]:
        """Compare every company that pays with the payment service; returns those that were otherwise. Raises PaymentsAway."""
        async with self._database.across_tenants.reading() as session:
            paying = await Accounts(session).paying()
        found = [(one, await self.looked_at(one)) for one in paying]
        return [(one, drift) for one, drift in found if drift.changed]


def _plan(plan: PlanVersion, *, trial_days: int) -> Plan:
    return Plan(
        name=plan.name,
        title=plan.title,
        version=plan.version,
        monthly=Money.of_cents(plan.cents[Interval.MONTH]),
        yearly=Money.of_cents(plan.cents[Interval.YEAR]),
        trial_days=trial_days,
        limits={feature.value: limit.value for feature, limit in plan.limits.items()},
    )


def _agreed(row: OverrideRow) -> AgreedOverride:
    return AgreedOverride(
        feature=row.feature, limit=row.limit_value, is_hard=row.is_hard, since=row.since, until=row.until, reason=row.reason
    )


def _allowance(feature: Feature, held: Granted, counted: tuple[int, int]) -> Allowance:
    limit = held.limits[feature]
    if feature not in MONTHLY:
        return Allowance(feature=feature, limit=limit.value, is_hard=limit.is_hard)
    used, reserved = counted
    remaining = None if limit.value is None else max(0, limit.value - used - reserved)
    return Allowance(feature=feature, limit=limit.value, is_hard=limit.is_hard, used=used, reserved=reserved, remaining=remaining)


def _recorded(counted: Counted) -> Recorded:
    return Recorded(
        feature=counted.feature,
        used=counted.used,
        limit=counted.limit,
        remaining=None if counted.limit is None else max(0, counted.limit - counted.used - counted.reserved),
        period=UsagePeriod(start=counted.period.start, end=counted.period.end),
    )
