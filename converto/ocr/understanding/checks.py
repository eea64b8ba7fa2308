"""What a person should know about a document: sums that do not add up, what is missing, what cannot be."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from converto.ocr.interface import Fields, Finding, Kind
from converto.ocr.understanding.vat_table import VatTable, tolerance_holds
from converto.ocr.words import Line

_BUYER_NEEDED_OVER = Decimal(400)
_UNSURE = 0.5
ZERO = Decimal("0.00")


@dataclass(frozen=True)
class Evidence:
    """What the checks look at beside the fields."""

    kind: Kind
    lines: tuple[Line, ...]
    table: VatTable
    finnish: bool
    card_slip: bool
    card_date: datetime.date | None
    invalid_business_id: str | None
    business_ids: tuple[str, ...]
    total_derived: bool
    today: datetime.date


def find_findings(fields: Fields, seen: Evidence) -> tuple[Finding, ...]:
    """Return the findings of one document."""
    if seen.kind is Kind.TEXT:
        return tuple(_missing(seen))
    return (*_missing(seen), *_sums(fields, seen), *_seller(fields, seen), *_dates(fields, seen), *_doubts(fields, seen), *unsure(fields))


def _missing(seen: Evidence) -> Iterator[Finding]:
    if not seen.lines:
        yield _finding("no_text", "error", None, "No text was found; take a sharper picture, in good light and upright.")


def _sums(fields: Fields, seen: Evidence) -> Iterator[Finding]:
    total = fields.total.value.amount if fields.total else None
    grosses = seen.table.totals()
    if total is None:
        yield _finding("total_missing", "warning", "total", "No total was found; check that the whole document is in the picture.")
    elif grosses and total not in grosses and all(abs(gross - total) > Decimal("0.04") for gross in grosses):
        yield _finding("sum_mismatch", "warning", "vat_total", f"The VAT table adds up to {grosses[0]}, but the total is {total}.")
    yield from _rows(seen.table)
    if seen.card_slip:
        yield _finding(
            "card_slip_only",
            "warning",
            None,
            "This is a card terminal's slip, which is no receipt: ask the seller for the receipt with VAT.",
        )
    elif total is not None and not seen.table.rows:
        yield _finding("vat_table_missing", "warning", "vat_total", "No VAT table was found: without it the VAT cannot be deducted.")


def _rows(table: VatTable) -> Iterator[Finding]:
    for row in table.rows:
        if row.mended:
            yield _finding(
                "vat_misread", "info", "vat_total", f"An amount of the VAT row at {row.rate} % was misread and put right by its other two."
            )
        if row.rate is None or row.net is None or row.vat is None:
            continue
        if not tolerance_holds(row.rate, row.net, row.vat):
            yield _finding("vat_off_tolerance", "warning", "vat_total", f"{row.vat} is not {row.rate} % of {row.net}.")
        if row.gross is not None and row.net + row.vat != row.gross:
            yield _finding(
                "sum_mismatch", "warning", "vat_total", f"{row.net} and {row.vat} make {row.net + row.vat}, but {row.gross} is printed."
            )


def _seller(fields: Fields, seen: Evidence) -> Iterator[Finding]:
    if seen.invalid_business_id and not (fields.business_id and fields.business_id.confidence > _UNSURE):
        yield _finding(
            "seller_id_invalid",
            "warning",
            "business_id",
            f"The check digit of the business id {seen.invalid_business_id} is wrong; it may be misread.",
        )
    elif seen.finnish and fields.business_id is None and fields.vat_id is None:
        yield _finding("seller_id_missing", "warning", "business_id", "No business id of the seller was found.")
    if len(seen.business_ids) > 1:
        yield _finding("seller_id_several", "info", "business_id", f"Several business ids are printed: {', '.join(seen.business_ids)}.")
    if fields.vendor is None:
        yield _finding("vendor_missing", "warning", "vendor", "The seller's name was not found.")


def _dates(fields: Fields, seen: Evidence) -> Iterator[Finding]:
    if fields.date is None:
        yield _finding("date_missing", "warning", "date", "No date was found.")
        return
    date = fields.date.value
    if date > seen.today:
        yield _finding("future_date", "warning", "date", f"The date {date.isoformat()} has not come yet; it may be misread.")
    if seen.card_date is not None and seen.card_date != date:
        yield _finding(
            "card_date_mismatch", "warning", "date", f"The card terminal says {seen.card_date.isoformat()}, the receipt {date.isoformat()}."
        )
    if fields.due_date is not None and fields.due_date.value < date:
        yield _finding(
            "due_before_date",
            "warning",
            "due_date",
            f"It is due on {fields.due_date.value.isoformat()}, before its date {date.isoformat()}.",
        )


def _doubts(fields: Fields, seen: Evidence) -> Iterator[Finding]:
    if seen.total_derived:
        yield _finding(
            "total_derived", "info", "total", "The total itself could not be read; it is what was paid less what was given back."
        )
    if fields.currency is None and fields.total is not None:
        yield _finding("currency_missing", "info", "currency", "No currency is printed.")


def unsure(fields: Fields) -> Iterator[Finding]:
    """Yield which of the main fields are more likely wrong than right."""
    for name in ("total", "date"):
        found = getattr(fields, name)
        if found is not None and found.confidence < _UNSURE:
            yield _finding("unsure", "info", name, f"The {name} is not sure; compare it with the picture.")


def _finding(code: str, severity: str, field: str | None, detail: str) -> Finding:
    return Finding.model_validate({"code": code, "severity": severity, "field": field, "detail": detail})
