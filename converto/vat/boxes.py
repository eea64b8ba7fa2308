"""The lines of the VAT return, and where each treatment reports: dated data, as the rates are."""

import datetime
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from converto.kernel.interface import Value
from converto.vat.rates import BrokenRules, Tier, parsed, rule_file

PAYABLE: Final = "308"
DEDUCTION: Final = "307"
NO_ACTIVITY: Final = "056"
TIER: Final = "tier"
BoxId = Annotated[str, Field(pattern=r"^[0-9]{3}$")]


class Treatment(StrEnum):
    """How the tax of a line is treated."""

    DOMESTIC_SALE = "domestic_sale"
    MARGIN_SALE = "margin_sale"
    ZERO_RATED_SALE = "zero_rated_sale"
    EXPORT_SALE = "export_sale"
    EU_GOODS_SALE = "eu_goods_sale"
    EU_SERVICE_SALE = "eu_service_sale"
    NON_EU_SERVICE_SALE = "non_eu_service_sale"
    CONSTRUCTION_SALE_RC = "construction_sale_rc"
    EXEMPT_SALE = "exempt_sale"
    OWN_USE = "own_use"
    DOMESTIC_PURCHASE = "domestic_purchase"
    EU_GOODS_PURCHASE = "eu_goods_purchase"
    EU_SERVICE_PURCHASE = "eu_service_purchase"
    NON_EU_SERVICE_PURCHASE = "non_eu_service_purchase"
    IMPORT_GOODS = "import_goods"
    CONSTRUCTION_PURCHASE_RC = "construction_purchase_rc"
    EXEMPT_PURCHASE = "exempt_purchase"


class Names(Value):
    """The same in Finnish, Swedish and English."""

    fi: str
    sv: str
    en: str


class Box(Value):
    """One line of the return."""

    id: BoxId
    kind: Literal["tax", "deduction", "total", "base", "relief", "flag"]
    names: Names
    valid_from: datetime.date | None = None
    valid_to: datetime.date | None = None

    def holds(self, on: datetime.date) -> bool:
        """Tell whether a return of a day has it."""
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on <= self.valid_to)


class Reporting(Value):
    """Where a treatment reports."""

    base: BoxId | None = None
    zero_base: BoxId | None = None
    """Where its base goes when its rate is zero."""
    tax: BoxId | Literal["tier"] | None = None
    buyer_works_out: bool = Field(default=False, alias="self")
    deducts: bool = False
    turnover: bool = False
    """Whether its net counts towards the turnover of the calendar year."""


class _Payable(Value):
    plus: tuple[BoxId, ...]
    minus: tuple[BoxId, ...]


class Form(Value):
    """The return of a country, with what reports where."""

    country: str
    source: str
    url: str
    checked_on: datetime.date
    payable: _Payable
    tiers: Mapping[Tier, BoxId]
    treatments: Mapping[Treatment, Reporting]
    boxes: tuple[Box, ...]

    def of(self, on: datetime.date) -> Sequence[Box]:
        """Return the lines that a return of a day has."""
        return [box for box in self.boxes if box.holds(on)]

    def box(self, box_id: str) -> Box | None:
        """Return one line."""
        return next((box for box in self.boxes if box.id == box_id), None)

    def sum_due(self, amounts: Mapping[str, Decimal]) -> Decimal:
        """Return what is payable, negative where it is refundable: box 308."""
        zero = Decimal("0.00")
        return sum((amounts.get(box, zero) for box in self.payable.plus), zero) - sum(
            (amounts.get(box, zero) for box in self.payable.minus), zero
        )

    def tax_box(self, treatment: Treatment, tier: Tier | None) -> str | None:
        """Return where the tax of a treatment goes."""
        tax = self.treatments[treatment].tax
        if tax != TIER:
            return tax
        return None if tier is None else self.tiers.get(tier)

    def base_box(self, treatment: Treatment, tier: Tier | None) -> str | None:
        """Return where the base of a treatment goes."""
        reporting = self.treatments[treatment]
        return reporting.zero_base if tier is Tier.ZERO and reporting.zero_base else reporting.base


@cache
def installed_form(country: str = "FI") -> Form:
    """Return the return that ships. Raises BrokenRules."""
    try:
        form = Form.model_validate(parsed(rule_file(country, "boxes.yaml").read_text(encoding="utf-8")))
    except ValidationError as error:
        msg = f"boxes.yaml: {error.errors()[0]['loc']}: {error.errors()[0]['msg']}"
        raise BrokenRules(msg) from error
    known = {box.id for box in form.boxes}
    used = {box for one in form.treatments.values() for box in (one.base, one.zero_base, one.tax) if box and box != TIER}
    used |= {*form.payable.plus, *form.payable.minus, *form.tiers.values()}
    if not used <= known or set(form.treatments) != set(Treatment):
        msg = f"boxes.yaml: unknown boxes {sorted(used - known)}, treatments without a row {sorted(set(Treatment) - set(form.treatments))}"
        raise BrokenRules(msg)
    return form
