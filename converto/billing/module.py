"""The manifest of billing."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from converto.ai.events import UsageSettled
from converto.billing import events, handlers
from converto.billing.api import router
from converto.billing.figures import UsageFigures
from converto.billing.interface import Billing
from converto.billing.models import Base
from converto.billing.plans import TRIAL, UNLIMITED
from converto.billing.reporting import Reporting
from converto.billing.service import BillingService
from converto.billing.settings import BillingSettings
from converto.billing.stripe_client import StripeClient
from converto.billing.subscribing import Selling, Subscribing
from converto.billing.syncing import Syncing
from converto.billing.terms import Terms
from converto.kernel.config import CannotStart
from converto.kernel.event import hear
from converto.kernel.manifest import Module, Parts
from converto.kernel.upkeep import now_and_then
from converto.ocr.events import ScanCancelled, ScanCompleted, ScanFailed
from converto.vision.events import AnalysisCompleted, AnalysisFailed

EXPIRE_AFTER_S, EXPIRE_EVERY_S = 30.0, 60.0
RECONCILE_AFTER_S = 300.0
REPORT_AFTER_S, REPORT_EVERY_S = 20.0, 60.0
ATTEMPTS = 20
"""How often a look at the payment service may fail: with the pauses between, for hours; then reconciliation makes up for it."""


def service_of(parts: Parts) -> BillingService:
    """Return the service. Raises CannotStart where plans are sold, but nobody could say that one was paid."""
    settings: BillingSettings = parts.settings
    sells = settings.stripe_secret_key is not None
    terms = Terms(settings.default_plan or (TRIAL if sells else UNLIMITED), trial_days=settings.trial_days)
    selling = _selling(settings, parts.program.public_url)
    subscribing = None
    if selling is not None:
        syncing = Syncing(parts.database, selling.payments, grace_days=settings.grace_days)
        subscribing = Subscribing(parts.database, selling, syncing, terms=terms)
    reporting = Reporting(parts.database, selling.payments if selling is not None and settings.report_usage else None)
    return BillingService(
        parts.database,
        settings=settings,
        terms=terms,
        subscribing=subscribing,
        reporting=reporting,
        figures=UsageFigures(parts.metrics),
    )


def _selling(settings: BillingSettings, public_url: str) -> Selling | None:
    if settings.stripe_secret_key is None:
        return None
    secrets = tuple(secret.get_secret_value() for secret in settings.stripe_webhook_secrets)
    if not any(secrets):
        msg = "Plans are sold, but no webhook of Stripe could be believed: set CONVERTO_BILLING_STRIPE_WEBHOOK_SECRETS."
        raise CannotStart(msg)
    key, timeout_s = settings.stripe_secret_key.get_secret_value(), settings.stripe_timeout_s
    client = StripeClient(key, url=settings.stripe_url, timeout_s=timeout_s, retries=settings.stripe_retries)
    return Selling(client, secrets, public_url)


@asynccontextmanager
async def build(parts: Parts) -> AsyncIterator[BillingService]:
    """Open the service; while it is open, give back what has been held for too long, and compare with Stripe."""
    settings: BillingSettings = parts.settings
    service = service_of(parts)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(service.counting.finished)  # the last of all: what ends before it may still count
        expire = now_and_then(service.counting.expire, name="billing.expire", after_s=EXPIRE_AFTER_S, every_s=EXPIRE_EVERY_S)
        await stack.enter_async_context(expire)
        if settings.stripe_secret_key is not None:
            every_s = settings.reconcile_every_s
            reconcile = now_and_then(service.reconcile_all, name="billing.reconcile", after_s=RECONCILE_AFTER_S, every_s=every_s)
            await stack.enter_async_context(reconcile)
        if settings.report_usage:
            report = now_and_then(service.reporting.send, name="billing.report", after_s=REPORT_AFTER_S, every_s=REPORT_EVERY_S)
            await stack.enter_async_context(report)
        yield service


module = Module(
    name="billing",
    interface=Billing,
    build=build,
    settings=BillingSettings,
    tables=Base.metadata,
    router=router,
    events=(
        events.SubscriptionCreated,
        events.SubscriptionUpdated,
        events.SubscriptionCancelled,
        events.PaymentSucceeded,
        events.PaymentFailed,
        events.UsageRecorded,
        events.LimitNear,
        events.PaymentsSpoke,
    ),
    hears=(
        hear(ScanCompleted, handlers.count_scan),
        hear(ScanFailed, handlers.release_failed_scan),
        hear(ScanCancelled, handlers.release_cancelled_scan),
        hear(UsageSettled, handlers.count_answers),
        hear(AnalysisCompleted, handlers.count_analysis),
        hear(AnalysisFailed, handlers.release_failed_analysis),
        hear(events.PaymentsSpoke, handlers.take_in, ordered=True, attempts=ATTEMPTS),
        hear(events.UsageRecorded, handlers.note_report),
    ),
)
