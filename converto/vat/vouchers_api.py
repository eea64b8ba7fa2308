"""Vouchers over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from converto.kernel.paging import BadCursor, Page
from converto.kernel.web import CurrentActor, Cursor, Limit, problems, the
from converto.kernel.written import Day
from converto.vat.booking import BadLine
from converto.vat.e_invoices import NotAnEInvoice
from converto.vat.interface import AlreadyReversed, CannotBook, LockedPeriod, NoEInvoice, NotADraft, NotBooked, UnknownVoucher, Vat
from converto.vat.rates import NoRate
from converto.vat.vouchers import NewVoucher, Voucher, VoucherFilter, VoucherStatus

router = APIRouter(prefix="/vouchers")

TheVat = Annotated[Vat, Depends(the(Vat))]
VoucherId = Annotated[UUID, Path(description="The voucher.")]


class ToReverse(BaseModel):
    """Why a voucher is taken back."""

    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    on: Annotated[Day | None, Field(description="The day of the reversal; without it that of the voucher.")] = None


@router.get("", responses=problems(BadCursor))
async def vouchers(
    vat: TheVat,
    actor: CurrentActor,
    *,
    status: Annotated[VoucherStatus | None, Query()] = None,
    since: Annotated[Day | None, Query(alias="from", description="The first day, by the day that decides about the period.")] = None,
    until: Annotated[Day | None, Query(alias="to", description="The last day.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[Voucher]:
    """List vouchers, the newest first."""
    return await vat.vouchers(actor, VoucherFilter(status=status, since=since, until=until), limit=limit, cursor=cursor)


@router.post("", status_code=201, responses=problems(BadLine, CannotBook, LockedPeriod))
async def add_voucher(
    vat: TheVat,
    actor: CurrentActor,
    request: Request,
    response: Response,
    *,
    given: NewVoucher,
    draft: Annotated[bool, Query(description="Keep it as a draft instead of booking it.")] = False,
) -> Voucher:
    """Book a voucher, or keep it as a draft with its findings."""
    voucher = await vat.add_voucher(actor, given, draft=draft)
    response.headers["location"] = str(request.app.url_path_for("voucher", voucher_id=voucher.id))
    return voucher


@router.post(
    "/e-invoice",
    status_code=201,
    responses=problems(NotAnEInvoice, BadLine, NoRate),
    openapi_extra={"requestBody": {"required": True, "content": {"application/xml": {"schema": {"type": "string"}}}}},
)
async def take_e_invoice(vat: TheVat, actor: CurrentActor, request: Request) -> Voucher:
    """Keep a draft voucher of an e-invoice: Finvoice 1.3 to 3.0, EN 16931 as UBL or CII. One within a PDF is uploaded as a scan."""
    return await vat.take_e_invoice(actor, await request.body())


@router.get("/{voucher_id}/e-invoice", response_class=Response, responses=problems(UnknownVoucher, NoEInvoice))
async def e_invoice(vat: TheVat, actor: CurrentActor, voucher_id: VoucherId) -> Response:
    """Return the e-invoice that a voucher came from, unchanged."""
    file = await vat.e_invoice(actor, voucher_id)
    headers = {"content-disposition": f'attachment; filename="{file.filename}"'}
    return Response(file.content, media_type=file.media_type, headers=headers)


@router.get("/{voucher_id}", responses=problems(UnknownVoucher))
async def voucher(vat: TheVat, actor: CurrentActor, voucher_id: VoucherId) -> Voucher:
    """Return a voucher."""
    return await vat.voucher(actor, voucher_id)


@router.put("/{voucher_id}", responses=problems(UnknownVoucher, NotADraft, BadLine))
async def change_draft(vat: TheVat, actor: CurrentActor, voucher_id: VoucherId, *, given: NewVoucher) -> Voucher:
    """Put what is given in the place of a draft."""
    return await vat.change_draft(actor, voucher_id, given=given)


@router.delete("/{voucher_id}", status_code=204, responses=problems(UnknownVoucher, NotADraft))
async def discard(vat: TheVat, actor: CurrentActor, voucher_id: VoucherId) -> None:
    """Remove a draft."""
    await vat.discard(actor, voucher_id)


@router.post("/{voucher_id}/approve", responses=problems(UnknownVoucher, NotADraft, CannotBook, LockedPeriod))
async def approve(vat: TheVat, actor: CurrentActor, voucher_id: VoucherId) -> Voucher:
    """Book a draft: from then on nothing of it changes."""
    return await vat.approve(actor, voucher_id)


@router.post("/{voucher_id}/reverse", status_code=201, responses=problems(UnknownVoucher, NotBooked, AlreadyReversed, LockedPeriod))
async def reverse(vat: TheVat, actor: CurrentActor, voucher_id: VoucherId, *, wanted: ToReverse) -> Voucher:
    """Book a voucher that takes this one back."""
    return await vat.reverse(actor, voucher_id, reason=wanted.reason, on=wanted.on)
