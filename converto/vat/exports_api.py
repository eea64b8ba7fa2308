"""Files for others, over HTTP."""

import datetime
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import StreamingResponse

from converto.kernel.context import within
from converto.kernel.web import CurrentActor, problems, the
from converto.kernel.written import Day
from converto.vat.calendar import BadPeriod
from converto.vat.export import ENDINGS, MEDIA_TYPES, LedgerFormat, NoBusinessId, ReturnFormat
from converto.vat.interface import Piece, Vat

router = APIRouter()

TheVat = Annotated[Vat, Depends(the(Vat))]
PeriodKey = Annotated[str, Path(max_length=20, description="2026-11, 2026-Q4 or 2026.")]
From = Annotated[Day, Query(alias="from", description="The first day, by the day that decides about the period.")]
To = Annotated[Day, Query(alias="to", description="The last day.")]
FILES: dict[int | str, dict[str, Any]] = {200: {"content": {kind: {} for kind in sorted(set(MEDIA_TYPES.values()))}}}
ARCHIVE: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}}}


@router.get("/returns/{period}/export", response_class=Response, responses={**FILES, **problems(BadPeriod, NoBusinessId)})
async def return_file(
    vat: TheVat,
    actor: CurrentActor,
    period: PeriodKey,
    *,
    format_: Annotated[ReturnFormat, Query(alias="format")] = ReturnFormat.PDF,
    business_id: Annotated[str | None, Query(pattern=r"^[0-9]{7}-[0-9]$", description="The company's, which a record names.")] = None,
) -> Response:
    """Return a period's return: a sheet to type into OmaVero from, or the record VSRALVKV."""
    file = await vat.return_file(actor, period, kind=format_, business_id=business_id)
    return Response(file.content, media_type=file.media_type, headers=_attached(file.filename))


@router.get("/exports/procountor", response_class=StreamingResponse, responses=FILES)
async def procountor(vat: TheVat, actor: CurrentActor, *, since: From, until: To) -> Response:
    """Return the booked vouchers of a time as a table for Procountor."""
    return await _ledger(vat, actor, LedgerFormat.PROCOUNTOR, since=since, until=until)


@router.get("/exports/netvisor", response_class=StreamingResponse, responses=FILES)
async def netvisor(vat: TheVat, actor: CurrentActor, *, since: From, until: To) -> Response:
    """Return the booked vouchers of a time as XML for Netvisor."""
    return await _ledger(vat, actor, LedgerFormat.NETVISOR, since=since, until=until)


@router.get("/exports/audit-pack", response_class=StreamingResponse, responses=ARCHIVE)
async def audit_pack(vat: TheVat, actor: CurrentActor, *, since: From, until: To) -> Response:
    """Return entries, vouchers, returns and originals of a time as a ZIP archive, with the hash of each file."""
    name = f"audit-{since.isoformat()}-{until.isoformat()}.zip"
    return await _streamed(vat.audit_pack(actor, since=since, until=until), media_type="application/zip", filename=name)


async def _ledger(vat: Vat, actor: CurrentActor, kind: LedgerFormat, *, since: datetime.date, until: datetime.date) -> Response:
    name = f"vouchers-{since.isoformat()}-{until.isoformat()}.{ENDINGS[kind]}"
    return await _streamed(vat.ledger(actor, kind, since=since, until=until), media_type=MEDIA_TYPES[kind], filename=name)


async def _streamed(pieces: AsyncIterator[Piece], *, media_type: str, filename: str) -> Response:
    first = await anext(pieces, None)  # what goes wrong at once is told as a problem
    return StreamingResponse(_contents(first, pieces), media_type=media_type, headers=_attached(filename))


async def _contents(first: Piece | None, rest: AsyncIterator[Piece]) -> AsyncIterator[bytes]:
    piece = first
    while piece is not None:
        yield piece.content
        # the deadline of the request is for its answer, which has begun
        with within(deadline=None):
            piece = await anext(rest, None)


def _attached(filename: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="{filename}"', "cache-control": "no-store"}
