"""Value added tax over HTTP."""

import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from converto.kernel.money import Amount
from converto.kernel.web import CurrentActor, problems, the
from converto.kernel.written import Day
from converto.vat.calculation import Calculation, Rounding, SoldLine
from converto.vat.exports_api import router as exports_router
from converto.vat.interface import RateList, Vat
from converto.vat.rates import NoRate, RateRow, UnknownCountry
from converto.vat.returns_api import router as returns_router
from converto.vat.rules_api import router as rules_router
from converto.vat.validation import Identifier, Verdict
from converto.vat.vouchers_api import router as vouchers_router

router = APIRouter(prefix="/vat", tags=["vat"])

TheVat = Annotated[Vat, Depends(the(Vat))]
Country = Annotated[str, Query(pattern="^[A-Z]{2}$", description="Two capital letters, such as FI.")]
Given = Annotated[str, StringConstraints(max_length=1000)]


class RateItem(BaseModel):
    """A rate of a category, from day to day, and who says so."""

    id: str
    country: str
    category: str
    rate: Amount
    tier: str
    valid_from: datetime.date
    valid_to: datetime.date | None
    source: str
    url: str
    checked_on: datetime.date
    note: str


class RatePage(BaseModel):
    """Rates, and the version of the rules that they are of."""

    items: list[RateItem]
    next_cursor: None = None
    on: datetime.date | None
    rules_version: str


class ToCalculate(BaseModel):
    """Lines to calculate the tax of."""

    lines: Annotated[list[SoldLine], Field(min_length=1, max_length=1000)]
    on: Annotated[Day | None, Field(description="The day of the sale; without it today in Finland.")] = None
    rounding: Rounding = Rounding.DOCUMENT


class ToValidate(BaseModel):
    """One identifier to check."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1, "maxProperties": 1})

    vat_id: Given = ""
    business_id: Given = ""
    iban: Given = ""
    bic: Given = ""
    reference_number: Given = ""
    barcode: Given = ""
    epc_qr: Given = ""
    ean: Given = ""

    @model_validator(mode="after")
    def _exactly_one(self) -> "ToValidate":
        if len(self.given) != 1:
            msg = f"give exactly one of {', '.join(Identifier)}"
            raise ValueError(msg)
        return self

    @property
    def given(self) -> dict[str, str]:
        """What was given, by its name."""
        return {kind: getattr(self, kind.value) for kind in Identifier if kind.value in self.model_fields_set}


@router.get("/rates", responses=problems(UnknownCountry))
async def rates(
    vat: TheVat,
    *,
    country: Country = "FI",
    on: Annotated[Day | None, Query(description="The day; without it today in Finland.")] = None,
) -> RatePage:
    """Return the rates in force on a day, each with its source."""
    return _page(await vat.rates(on=on, country=country))


@router.get("/rates/history", responses=problems(UnknownCountry))
async def rate_history(vat: TheVat, *, country: Country = "FI") -> RatePage:
    """Return every rate that is known, by category and day."""
    return _page(await vat.rate_history(country=country))


@router.post("/calculate", responses=problems(NoRate))
async def calculate(vat: TheVat, actor: CurrentActor, *, wanted: ToCalculate) -> Calculation:
    """Return net, tax and gross of lines, for each rate and together."""
    return await vat.calculate(actor, wanted.lines, on=wanted.on, rounding=wanted.rounding)


@router.post("/validate")
async def validate(vat: TheVat, actor: CurrentActor, *, wanted: ToValidate) -> Verdict:
    """Return whether an identifier holds, what is wrong with it, and how it is written."""
    ((kind, value),) = wanted.given.items()
    return await vat.validate(actor, Identifier(kind), value=value)


def _page(found: RateList) -> RatePage:
    return RatePage(items=[_item(row, found.country) for row in found.rows], on=found.on, rules_version=found.rules_version)


def _item(row: RateRow, country: str) -> RateItem:
    return RateItem(country=country, rate=row.value, **row.model_dump(exclude={"value"}))


router.include_router(vouchers_router)
router.include_router(rules_router)
router.include_router(returns_router)
router.include_router(exports_router)
