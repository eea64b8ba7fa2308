"""Billing over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, Field

from converto.billing.interface import (
    BadMoment,
    BadSpan,
    Billing,
    CountedFeature,
    Entitlements,
    FeatureUsage,
    ForeignUsage,
    KeyReused,
    LimitReached,
    Plan,
    Recorded,
    Usage,
)
from converto.kernel.interface import Value
from converto.kernel.paging import Page
from converto.kernel.paid_work import LARGEST_QUANTITY
from converto.kernel.web import CurrentActor, problems, the
from converto.kernel.written import WHOLE, WRITTEN_MOMENT, Day

router = APIRouter(prefix="/billing", tags=["billing"])
TheBilling = Annotated[Billing, Depends(the(Billing))]


class UsageBody(Value):
    """Something that was used."""

    tenant_id: UUID | None = Field(default=None, description="Your own company, which it is without it as well.")
    feature: CountedFeature
    quantity: Annotated[int, Field(ge=1, le=LARGEST_QUANTITY), WHOLE]
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=150, description="What comes again is counted once.")
    occurred_at: Annotated[AwareDatetime | None, WRITTEN_MOMENT] = Field(default=None, description="Of the last 35 days; now without it.")


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
