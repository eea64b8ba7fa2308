"""Billing over HTTP for the operator of an installation: with a token of `converto billing token`."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, Field

from converto.billing.correcting import LARGEST_LIMIT, AgreedOverride, NewOverride, PastOverride, UnknownOverride
from converto.billing.interface import BadRefund, Billing, CountedFeature, FeatureName, Payment, Reconciled
from converto.billing.payments import CardDeclined, NotSold, PaymentRefused, PaymentsAway
from converto.kernel.interface import Value
from converto.kernel.paging import Page
from converto.kernel.web import CurrentActor, Limit, problems, the
from converto.kernel.written import WHOLE, WRITTEN_MOMENT

router = APIRouter(prefix="/companies/{company_id}")
LAST = datetime(2200, 1, 1, tzinfo=UTC)
TheBilling = Annotated[Billing, Depends(the(Billing))]
SELLING = (NotSold, PaymentsAway, CardDeclined, PaymentRefused)


class OverrideBody(Value):
    """What was agreed with one company for one feature, above its plan."""

    limit: Annotated[int | None, Field(ge=0, le=LARGEST_LIMIT), WHOLE] = Field(description="Null is without end.")
    is_hard: bool = Field(default=True, description="Whether what is beyond is refused; else it is only told.")
    until: Annotated[AwareDatetime | None, Field(le=LAST), WRITTEN_MOMENT] = Field(
        default=None, description="When the plan alone holds again; null is never."
    )
    reason: str = Field(min_length=1, max_length=200)


class RefundBody(Value):
    """Money to be given back."""

    payment_id: str = Field(min_length=1, max_length=255)
    amount: str = Field(pattern=r"^[0-9]{1,8}(\.[0-9]{1,2})?$", description="In euros: 12.34.")
    reference: str = Field(min_length=1, max_length=100, description="Yours: what comes again under it is given back once.")


class CorrectionBody(Value):
    """Usage to be counted back."""

    feature: CountedFeature
    key: str = Field(min_length=1, max_length=200, description="`ocr:<scan>`, `ai:<completion>`, `api:<idempotency key>`.")


@router.get("/overrides")
async def overrides(billing: TheBilling, actor: CurrentActor, company_id: UUID) -> Page[AgreedOverride]:
    """List what is agreed with a company above its plan."""
    return Page[AgreedOverride](items=await billing.overrides(actor, company_id))


@router.put("/overrides/{feature}", responses=problems(PastOverride))
async def override(
    billing: TheBilling, actor: CurrentActor, *, company_id: UUID, feature: FeatureName, body: OverrideBody
) -> AgreedOverride:
    """Agree something with a company for a feature, from now on."""
    return await billing.override(actor, company_id, feature=feature, agreed=NewOverride.model_validate(body.model_dump()))


@router.delete("/overrides/{feature}", status_code=204, responses=problems(UnknownOverride))
async def withdraw_override(billing: TheBilling, actor: CurrentActor, *, company_id: UUID, feature: FeatureName) -> None:
    """Have the plan alone hold again for a feature."""
    await billing.withdraw_override(actor, company_id, feature=feature)


@router.get("/payments")
async def payments(billing: TheBilling, actor: CurrentActor, company_id: UUID, limit: Limit = 50) -> Page[Payment]:
    """List a company's newest payments, also those that failed."""
    return Page[Payment](items=await billing.payments(actor, limit=limit, tenant_id=company_id))


@router.post("/refunds", responses=problems(BadRefund, *SELLING))
async def refund(billing: TheBilling, actor: CurrentActor, company_id: UUID, body: RefundBody) -> Payment:
    """Give a payment back, or a part of it; returns the payment as it is then."""
    cents = int(Decimal(body.amount).scaleb(2))
    await billing.refund(actor, body.payment_id, cents=cents, reference=body.reference, tenant_id=company_id)
    return await billing.payment(actor, body.payment_id, tenant_id=company_id)


@router.post("/corrections", status_code=204)
async def correct(billing: TheBilling, actor: CurrentActor, company_id: UUID, body: CorrectionBody) -> None:
    """Count what is under a key back, once, by an entry of its own in the same period."""
    await billing.correct(actor, body.feature, key=body.key, tenant_id=company_id)


@router.post("/reconcile", responses=problems(*SELLING))
async def reconcile(billing: TheBilling, actor: CurrentActor, company_id: UUID) -> Reconciled:
    """Compare a company with what the payment service has, and mend what is ours."""
    return await billing.reconcile(actor, tenant_id=company_id)
