"""`converto billing`: the plans, what companies use, and whether everything adds up."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from converto.billing.interface import Reconciled
from converto.billing.module import module
from converto.billing.plans import Interval, on_sale
from converto.billing.repository import Drift, Usages
from converto.billing.service import BillingService
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.config import Settings
from converto.kernel.database import Database
from converto.kernel.errors import Error
from converto.kernel.metrics import new_registry
from converto.kernel.money import Money
from converto.kernel.runtime import Runtime


def plans() -> None:
    """Print the plans on sale, and what they hold."""
    for plan in on_sale(now().date()):
        prices = ", ".join(f"{Money.of_cents(plan.cents[one]).amount} EUR a {one}" for one in Interval)
        print(f"{plan.name:14s} {prices}")
        for feature, limit in plan.limits.items():
            print(f"    {feature:28s} {'without end' if limit.value is None else limit.value}")


def usage(settings: Settings, company: UUID) -> None:
    """Print what a company may do, and what of it is used."""
    held = asyncio.run(_entitlements(settings, company))
    print(f"{company}  {held.plan}, {held.status}; {held.period_start:%Y-%m-%d} to {held.period_end:%Y-%m-%d}")
    for one in held.features:
        limit = "without end" if one.limit is None else one.limit
        print(f"    {one.feature:28s} {'' if one.used is None else f'{one.used} of '}{limit}")


def invariants(settings: Settings, *, repair: bool) -> int:
    """Compare every counter with its events, and print what differs; returns 1 where something did, and was not repaired."""
    drift = asyncio.run(_drift(settings, repair=repair))
    for one in drift:
        print(f"{one.tenant_id} {one.feature} from {one.period_start:%Y-%m-%d}: counted {one.counted}, true {one.true}", file=sys.stderr)
    print(f"{len(drift)} counters differ from their events{', and were made anew' if drift and repair else ''}")
    return 1 if drift and not repair else 0


def reconcile(settings: Settings) -> int:
    """Compare every company that pays with the payment service, mend what is ours, and print what differed; returns the exit code."""
    try:
        found = asyncio.run(_reconciled(settings))
    except Error as error:
        print(f"converto: {error.detail}", file=sys.stderr)
        return 2
    for company, drift in found:
        print(f"{company}  {drift.changed} differed: {', '.join(drift.details)}")
    print(f"{len(found)} companies differed, and were mended")
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


async def _drift(settings: Settings, *, repair: bool) -> list[Drift]:
    async with _opened(settings) as (_, database), database.writing() as session:
        usages = Usages(session)
        if repair:
            await usages.hold_still()
        drift = list(await usages.drift())
        if repair:
            await usages.repair(drift)
        return drift


async def _reconciled(settings: Settings) -> list[tuple[UUID, Reconciled]]:
    async with _opened(settings) as (service, _):
        return list(await service.reconcile_all())
