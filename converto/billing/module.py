"""The manifest of billing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from converto.billing import handlers
from converto.billing.api import router
from converto.billing.events import LimitNear, UsageRecorded
from converto.billing.interface import Billing
from converto.billing.models import Base
from converto.billing.plans import UNLIMITED
from converto.billing.service import BillingService
from converto.billing.settings import BillingSettings
from converto.billing.terms import Terms
from converto.kernel.event import hear
from converto.kernel.manifest import Module, Parts
from converto.kernel.upkeep import now_and_then
from converto.ocr.events import ScanCancelled, ScanCompleted, ScanFailed

EXPIRE_AFTER_S = 30.0
EXPIRE_EVERY_S = 60.0


@asynccontextmanager
async def build(parts: Parts) -> AsyncIterator[BillingService]:
    """Open the service, and give back what has been held for too long while it is open."""
    settings: BillingSettings = parts.settings
    terms = Terms(settings.default_plan or UNLIMITED, trial_days=settings.trial_days)
    service = BillingService(parts.database, settings=settings, terms=terms)
    async with now_and_then(service.counting.expire, name="billing.expire", after_s=EXPIRE_AFTER_S, every_s=EXPIRE_EVERY_S):
        yield service


module = Module(
    name="billing",
    interface=Billing,
    build=build,
    settings=BillingSettings,
    tables=Base.metadata,
    router=router,
    events=(UsageRecorded, LimitNear),
    hears=(
        hear(ScanCompleted, handlers.count_scan),
        hear(ScanFailed, handlers.release_failed_scan),
        hear(ScanCancelled, handlers.release_cancelled_scan),
    ),
)
