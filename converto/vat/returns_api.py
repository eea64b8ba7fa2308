"""Returns, periods and what is due, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from converto.kernel.paging import BadCursor
from converto.kernel.web import CurrentActor, Cursor, Limit, problems, the
from converto.kernel.written import Day
from converto.vat.calendar import BadPeriod, BadStart, PeriodKind
from converto.vat.interface import AlreadyFiled, NotFiled, PeriodNotOver, UnknownBox, Vat
from converto.vat.returns import Explanation, FiledDiff, Obligations, PeriodStanding, Return

router = APIRouter()

TheVat = Annotated[Vat, Depends(the(Vat))]
PeriodKey = Annotated[str, Path(max_length=20, description="2026-11, 2026-Q4 or 2026.")]


BoxId = Annotated[str, Path(max_length=10, description="The number of the line, such as 301.")]


class PeriodList(BaseModel):
    """The periods of a company, the newest first."""

    items: list[PeriodStanding]
    next_cursor: None = None


class ReturnList(BaseModel):
    """What was filed for a period, the first first."""

    items: list[Return]
    next_cursor: None = None


class ToSetPeriods(BaseModel):
    """How long periods are from a day on."""

    kind: PeriodKind
    valid_from: Day


class ToReplace(BaseModel):
    """Why a filed return is replaced."""

    reason: Annotated[str, Field(min_length=1, max_length=1000)]


@router.get("/periods")
async def periods(vat: TheVat, actor: CurrentActor) -> PeriodList:
    """Return the periods of the company until today, the newest first."""
    return PeriodList(items=list(await vat.periods(actor)))


@router.put("/periods", responses=problems(AlreadyFiled, BadStart))
async def set_periods(vat: TheVat, actor: CurrentActor, *, wanted: ToSetPeriods) -> PeriodList:
    """Say how long periods are from a day on; the first time on the day when liability begins."""
    return PeriodList(items=list(await vat.set_periods(actor, wanted.kind, valid_from=wanted.valid_from)))


@router.get("/returns/{period}", responses=problems(BadPeriod))
async def tax_return(vat: TheVat, actor: CurrentActor, period: PeriodKey) -> Return:
    """Return a period's return: as filed, or as it stands now."""
    return await vat.tax_return(actor, period)


@router.get("/returns/{period}/boxes/{box}", responses=problems(BadPeriod, UnknownBox, BadCursor))
async def explain(
    vat: TheVat, actor: CurrentActor, period: PeriodKey, box: BoxId, *, limit: Limit = 50, cursor: Cursor = None
) -> Explanation:
    """Return the entries that a box is made of, down to voucher, page and rectangle."""
    return await vat.explain(actor, period, box=box, limit=limit, cursor=cursor)


@router.get("/returns/{period}/filed", responses=problems(BadPeriod))
async def filed_returns(vat: TheVat, actor: CurrentActor, period: PeriodKey) -> ReturnList:
    """Return all that was filed for a period, the first first."""
    return ReturnList(items=list(await vat.filed_returns(actor, period)))


@router.get("/returns/{period}/diff", responses=problems(BadPeriod, NotFiled))
async def filed_diff(vat: TheVat, actor: CurrentActor, period: PeriodKey) -> FiledDiff:
    """Return what a filed return would say now, beside what was filed."""
    return await vat.filed_diff(actor, period)


@router.post("/returns/{period}/file", status_code=201, responses=problems(BadPeriod, PeriodNotOver, AlreadyFiled))
async def file(vat: TheVat, actor: CurrentActor, period: PeriodKey) -> Return:
    """Freeze a period's return as filed; also the replacement that is being made."""
    return await vat.file(actor, period)


@router.post("/returns/{period}/replace", status_code=201, responses=problems(BadPeriod, NotFiled))
async def begin_replacement(vat: TheVat, actor: CurrentActor, period: PeriodKey, *, wanted: ToReplace) -> Return:
    """Let a filed period take entries until its replacement is filed."""
    return await vat.begin_replacement(actor, period, reason=wanted.reason)


@router.get("/obligations")
async def obligations(vat: TheVat, actor: CurrentActor) -> Obligations:
    """Return what is to be filed by when, what being late costs, and how near the turnover is to the limit of small businesses."""
    return await vat.obligations(actor)
