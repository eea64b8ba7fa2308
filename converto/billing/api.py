"""Billing over HTTP."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import AwareDatetime, Field

from converto.billing import corrections_api
from converto.billing.interface import (
    AlreadySubscribed,
    BadMoment,
    BadSpan,
    Billing,
    Change,
    CountedFeature,
    Entitlements,
    FeatureUsage,
    ForeignUsage,
    Invoice,
    KeyReused,
    LimitReached,
    NewSubscription,
    NoSubscription,
    Payment,
    Plan,
    Preview,
    Recorded,
    SamePlan,
    Subscribed,
    Subscription,
    Usage,
)
from converto.billing.paying import IntervalName, PlanName
from converto.billing.payments import CardDeclined, NotSold, PaymentRefused, PaymentsAway
from converto.billing.tax import BadVatId
from converto.billing.webhook_signature import LONGEST_HEADER, BadSignature
from converto.kernel.interface import Value
from converto.kernel.paging import Page
from converto.kernel.paid_work import LARGEST_QUANTITY
from converto.kernel.web import CurrentActor, Limit, problems, the
from converto.kernel.written import WHOLE, WRITTEN_MOMENT, Day

router = APIRouter(prefix="/billing", tags=["billing"])
FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
TheBilling = Annotated[Billing, Depends(the(Billing))]


class UsageBody(Value):
    """Something that was used."""

    tenant_id: UUID | None = Field(default=None, description="Your own company, which it is without it as well.")
    feature: CountedFeature
    quantity: Annotated[int, Field(ge=1, le=LARGEST_QUANTITY), WHOLE]
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=150, description="What comes again counts once.")
    occurred_at: Annotated[AwareDatetime, WRITTEN_MOMENT] | None = Field(default=None, description="Of the last 35 days.")


class ChangeBody(Value):
    """Another plan, or another rhythm of paying."""

    plan: PlanName
    interval: IntervalName = "month"
    at: Annotated[AwareDatetime, Field(ge=FIRST, le=LAST), WRITTEN_MOMENT] | None = Field(
        default=None, description="As the preview had it."
    )


class PortalPage(Value):
    """Where somebody changes the card."""

    url: str


SELLING = (NotSold, PaymentsAway, CardDeclined, PaymentRefused)


@router.get("/plans")
async def plans(billing: TheBilling) -> Page[Plan]:
    """List the plans on sale, the cheapest first."""
    return Page[Plan](items=await billing.plans())


@router.get("/entitlements")
async def entitlements(billing: TheBilling, actor: CurrentActor) -> Entitlements:
    """Return what your company may do now, and what of it is used."""
    return await billing.entitlements(actor)


@router.post("/usage", responses=problems(LimitReached, ForeignUsage, KeyReused, BadMoment))
async def record(billing: TheBilling, actor: CurrentActor, body: UsageBody) -> Recorded:
    """Count something that was used; over a hard limit it is refused with 402."""
    usage = Usage.model_validate(body.model_dump(exclude={"tenant_id"}))
    return await billing.record(actor, usage, tenant_id=body.tenant_id)


@router.get("/usage", responses=problems(BadSpan))
async def usage(
    billing: TheBilling,
    actor: CurrentActor,
    *,
    feature: Annotated[CountedFeature | None, Query()] = None,
    since: Annotated[Day | None, Query(alias="from", description="The first day, UTC.")] = None,
    until: Annotated[Day | None, Query(alias="to", description="The last day, UTC.")] = None,
) -> Page[FeatureUsage]:
    """Return what was used by feature and day; of the last 31 days unless said otherwise."""
    return Page[FeatureUsage](items=await billing.usage(actor, feature=feature, since=since, until=until))


@router.get("/subscription", responses=problems(NoSubscription, NotSold))
async def subscription(billing: TheBilling, actor: CurrentActor) -> Subscription:
    """Return what your company has subscribed to, also where it has ended."""
    return await billing.subscription(actor)


@router.post("/subscription", responses=problems(AlreadySubscribed, BadVatId, *SELLING))
async def subscribe(billing: TheBilling, actor: CurrentActor, body: NewSubscription) -> Subscribed:
    """Open a page where your company subscribes; the subscription begins once the payment service says so."""
    return await billing.subscribe(actor, body)


@router.get("/subscription/preview", responses=problems(NoSubscription, SamePlan, *SELLING))
async def preview(
    billing: TheBilling,
    actor: CurrentActor,
    *,
    plan: Annotated[PlanName, Query()],
    interval: Annotated[IntervalName, Query()] = "month",
) -> Preview:
    """Return what a change of plan costs; with its `at`, PATCH makes this very invoice."""
    return await billing.preview(actor, Change(plan=plan, interval=interval))


@router.patch("/subscription", responses=problems(NoSubscription, SamePlan, *SELLING))
async def change(billing: TheBilling, actor: CurrentActor, body: ChangeBody) -> Subscription:
    """Change the plan at once; what is left of the old one is reckoned against the new one."""
    return await billing.change(actor, Change.model_validate(body.model_dump()))


@router.delete("/subscription", responses=problems(NoSubscription, *SELLING))
async def cancel(
    billing: TheBilling, actor: CurrentActor, *, at_once: Annotated[bool, Query(description="Not at the end of what is paid.")] = False
) -> Subscription:
    """End the subscription with what is paid, or at once."""
    return await billing.cancel(actor, at_once=at_once)


@router.post("/subscription/resume", responses=problems(NoSubscription, *SELLING))
async def resume(billing: TheBilling, actor: CurrentActor) -> Subscription:
    """Let a subscription go on that was to end."""
    return await billing.resume(actor)


@router.post("/portal", responses=problems(NoSubscription, *SELLING))
async def portal(billing: TheBilling, actor: CurrentActor) -> PortalPage:
    """Open a page where your company changes its card."""
    return PortalPage(url=await billing.portal(actor))


@router.get("/invoices")
async def invoices(billing: TheBilling, actor: CurrentActor, limit: Limit = 50) -> Page[Invoice]:
    """List the newest invoices."""
    return Page[Invoice](items=await billing.invoices(actor, limit=limit))


@router.get("/payments")
async def payments(billing: TheBilling, actor: CurrentActor, limit: Limit = 50) -> Page[Payment]:
    """List the newest payments, also those that failed."""
    return Page[Payment](items=await billing.payments(actor, limit=limit))


@router.post("/webhooks/stripe", responses=problems(BadSignature, NotSold))
async def stripe_webhook(
    billing: TheBilling, request: Request, *, stripe_signature: Annotated[str, Header(max_length=LONGEST_HEADER)] = ""
) -> dict[str, bool]:
    """Keep what Stripe says, where it is Stripe that says it."""
    await billing.receive_webhook(await request.body(), stripe_signature)
    return {"received": True}


router.include_router(corrections_api.router)
