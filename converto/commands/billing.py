"""`converto billing`: the plans, what companies use, and whether everything adds up."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

from converto.billing.interface import Reconciled
from converto.billing.module import module
from converto.billing.payments import NotSold
from converto.billing.plans import MICROS_PER_EURO, Feature, Interval, on_sale
from converto.billing.repository import Accounts, Drift, Usages
from converto.billing.service import BillingService
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.config import Settings
from converto.kernel.database import Database
from converto.kernel.errors import Error
from converto.kernel.metrics import new_registry
from converto.kernel.money import Money
from converto.kernel.runtime import Runtime

YES_OR_NO = frozenset({Feature.API_ACCESS, Feature.ANALYTICS})


def plans() -> None:
    """Print the plans on sale, side by side, and what they hold."""
    sold = on_sale(now().date())
    _row("", *(plan.title for plan in sold))
    for interval in Interval:
        _row(f"a {interval}", *(f"{Money.of_cents(plan.cents[interval]).amount} EUR" for plan in sold))
    for feature in Feature:
        _row(feature, *(_so_much(feature, plan.limits[feature].value) for plan in sold))


def usage(settings: Settings, company: UUID) -> None:
    """Print what a company may do, and what of it is used."""
    held = asyncio.run(_entitlements(settings, company))
    print(f"{company}: {held.plan}, {held.status}, from {held.period_start:%Y-%m-%d} up to {held.period_end:%Y-%m-%d %H:%M} UTC")
    _row("", "used", "held", "limit")
    for one in held.features:
        used, reserved = ("" if amount is None else _so_much(one.feature, amount) for amount in (one.used, one.reserved))
        _row(one.feature, used, reserved, _so_much(one.feature, one.limit) + ("" if one.is_hard or one.limit is None else ", told only"))


def _row(name: str, *cells: str) -> None:
    print(f"{name:28s}" + "".join(f"{cell:>18s}" for cell in cells))


def _so_much(feature: str, amount: int | None) -> str:
    """Return an amount of a feature as people read it."""
    if amount is None:
        return "without end"
    if feature == Feature.AI_SPEND:
        return f"{Decimal(amount) / MICROS_PER_EURO:,.2f} EUR"
    if feature in YES_OR_NO:
        return "yes" if amount else "no"
    return f"{amount:,}"


def invariants(settings: Settings, *, repair: bool) -> int:
    """Compare every counter with its events, and print what differs; returns 1 where something did, and was not repaired."""
    drift, counters = asyncio.run(_drift(settings, repair=repair))
    for one in drift:
        (counted, counted_held), (used, held) = one.counted, one.true
        told = f"{counted} used and {counted_held} held are counted, {used} and {held} are true"
        print(f"{one.tenant_id} {one.feature} from {one.period_start:%Y-%m-%d}: {told}", file=sys.stderr)
    if not drift:
        print(f"all of {counters} counters are what their events add up to")
        return 0
    print(f"{len(drift)} of {counters} counters differ from their events{', and were made anew' if repair else ''}")
    return 1 if drift and not repair else 0


def reconcile(settings: Settings) -> int:
    """Compare every company that pays with the payment service, mend what is ours, and print what differed; returns the exit code."""
    try:
        found, paying = asyncio.run(_reconciled(settings))
    except Error as error:
        print(f"converto: {error.detail}", file=sys.stderr)
        return 2
    for company, drift in found:
        print(f"{company}  {drift.changed} differed: {', '.join(drift.details)}")
    print(f"{len(found)} of {paying} companies that pay differed, and were mended")
    return 0


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[tuple[BillingService, Database]]:
    runtime = Runtime(settings.model_copy(update={"modules": ("billing",), "remote": {}}), [module], metrics=new_registry())
    async with runtime.running():
        hosted = runtime.hosted["billing"]
        service: Any = hosted.service
        yield service, hosted.database.across_tenants


async def _entitlements(settings: Settings, company: UUID) -> Any:
    async with _opened(settings) as (service, _):
        return await service.entitlements(Actor.service(company, "billing:read"))


async def _drift(settings: Settings, *, repair: bool) -> tuple[list[Drift], int]:
    async with _opened(settings) as (_, database), database.writing() as session:
        usages = Usages(session)
        if repair:
            await usages.hold_still()
        drift = list(await usages.drift())
        if repair:
            await usages.repair(drift)
        return drift, await usages.counters()


async def _reconciled(settings: Settings) -> tuple[list[tuple[UUID, Reconciled]], int]:
    async with _opened(settings) as (service, database):
        if not service.sells:
            raise NotSold
        async with database.reading() as session:
            paying = len(await Accounts(session).paying())
        return list(await service.reconcile_all()), paying
