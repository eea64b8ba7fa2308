"""A document's fields with what its answer keys tell, and findings where the page says otherwise."""

import datetime
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from converto.kernel.e_invoices.e_invoice import EInvoice, Item, Tax
from converto.kernel.money import Money
from converto.ocr.answer_keys.invoice_findings import findings_about
from converto.ocr.answer_keys.told import AnswerKeys, Told, told
from converto.ocr.document import Fields, Finding, Found, Kind, LineItem, Source, VatLine
from converto.ocr.understanding.alternatives import joined
from converto.ocr.understanding.confidence import document_confidence
from converto.ocr.understanding.currency import UNKNOWN_CURRENCY
from converto.ocr.understanding.dates import find_dates
from converto.ocr.understanding.extraction import Extracted, extract
from converto.ocr.words import Page

SURE = 0.99
_RF = re.compile(r"^rf\d\d(?=\d+$)")
# The page is plain too, and says otherwise: a person should look.
_DISPUTED = 0.9
_PLAIN = 0.9
_DOUBTED = 0.5
_NAMES = {Source.E_INVOICE: "e-invoice", Source.BARCODE: "bank barcode", Source.QR: "QR code"}
_MISMATCH = {Source.E_INVOICE: "e_invoice_mismatch", Source.BARCODE: "barcode_mismatch", Source.QR: "qr_mismatch"}
# Names and addresses are written in many ways, and how it was paid is told by no document in one word.
_NEVER_COMPARED = ("vendor", "address", "payment_method")
# So much of a number's end tells that it is the same: pages leave off what stands before it.
_TELLING = 6
_MONTHS = 12
_WHAT_WAS_READ = frozenset({"credit_note", "vat_table_missing", "sum_mismatch", "vat_off_tolerance", "vat_misread", "card_slip_only"})
_OF_ONE_VALUE = frozenset(
    {"unsure", "total_missing", "total_derived", "date_missing", "future_date", "card_date_mismatch", "due_before_date"}
    | {"currency_missing", "vendor_missing", "seller_id_missing", "seller_id_invalid"}
)


def with_answer_keys(read: Extracted, keys: AnswerKeys, pages: Sequence[Page], *, kind: Kind, today: datetime.date) -> Extracted:
    """Return what a document says, its answer keys before what was read; a value that they do not tell stays as it was read.

    `kind` is what was asked for: a document whose keys ask to be paid is understood as an invoice, whatever its words look like.
    """
    if not keys:
        return read
    if keys.kind(kind) not in (read.kind, Kind.AUTO):
        read = extract(pages, kind=keys.kind(kind), today=today)
    chosen: dict[str, Told] = {}
    disputes: list[Finding] = []
    loose = keys.invoice is not None and (keys.invoice.is_credit_note or (keys.invoice.total or 0) < 0)
    for entry in (_in_currency(entry, read.fields) for entry in told(keys)):
        winner = chosen.setdefault(entry.field, entry)
        if winner is not entry and not _agree(winner, entry.value, loose=loose) and not _is_payable(entry, keys.invoice):
            disputes.append(_dispute(winner, entry.value, f"the {_NAMES[entry.source]}", sure=True))
    seen = _without_another_day(read.fields, chosen.get("date"), pages)
    disputes += [finding for entry in chosen.values() if (finding := _page_disputes(entry, seen, loose=loose)) is not None]
    fields = read.fields.model_copy(update={entry.field: _found(entry, seen, loose=loose) for entry in chosen.values()})
    taxes, items = (keys.invoice.taxes, keys.invoice.items) if keys.invoice is not None else ((), ())
    kept = _kept(read.findings, read.fields, fields, rows_told=bool(taxes))
    return replace(
        read,
        fields=fields,
        alternatives=joined(fields, [(read.fields, read.alternatives)]),
        vat_lines=tuple(_vat_line(tax, read.vat_lines) for tax in taxes) or read.vat_lines,
        line_items=tuple(_line_item(item, read.line_items) for item in items) or read.line_items,
        findings=(*kept, *disputes, *findings_about(keys)),
        confidence=document_confidence(fields, [line for page in pages for line in page.lines]),
    )


def _in_currency(entry: Told, fields: Fields) -> Told:
    """Return an amount whose currency the e-invoice leaves out in the one that the page tells."""
    if not isinstance(entry.value, Money) or entry.value.currency != UNKNOWN_CURRENCY:
        return entry
    unit = fields.currency.value if fields.currency else fields.total.value.currency if fields.total else UNKNOWN_CURRENCY
    return replace(entry, value=entry.value.model_copy(update={"currency": unit}))


def _without_another_day(fields: Fields, day: Told | None, pages: Sequence[Page]) -> Fields:
    """Return what was read without the day that was taken for the document's, where the page bears the one that is told as well."""
    if day is None or not any(found.value == day.value for page in pages for line in page.lines for found in find_dates(line.text)):
        return fields
    return fields if fields.date is None or fields.date.value == day.value else fields.model_copy(update={"date": None})


def _found(entry: Told, fields: Fields, *, loose: bool) -> Found[Any]:
    """Return a field by its key: where the page says the same, its place on the page is told too."""
    read: Found[Any] | None = getattr(fields, entry.field)
    agreed = read is not None and _agree(entry, read.value, loose=loose)
    disputed = read is not None and not agreed and read.confidence >= _PLAIN and entry.field not in _NEVER_COMPARED
    page, box = entry.page, entry.box
    if box is None and read is not None and agreed:
        page, box = read.page, read.box
    return Found[Any](value=entry.value, confidence=_DISPUTED if disputed else SURE, page=page, box=box, source=entry.source)


def _page_disputes(entry: Told, fields: Fields, *, loose: bool) -> Finding | None:
    read: Found[Any] | None = getattr(fields, entry.field)
    if read is None or entry.field in _NEVER_COMPARED or _agree(entry, read.value, loose=loose):
        return None
    return _dispute(entry, read.value, "the page", sure=read.confidence >= _DOUBTED)


def _dispute(winner: Told, other: Any, who: str, *, sure: bool) -> Finding:
    name = _NAMES[winner.source]
    return Finding(
        code=_MISMATCH[winner.source],
        severity="warning" if sure else "info",
        field=winner.field,
        detail=f"The {name} says {_shown(winner.value)}, {who} {_shown(other)}; the {name} counts.",
        page=winner.page if winner.box is not None else None,
        boxes=(winner.box,) if winner.box is not None else (),
    )


def _agree(entry: Told, other: Any, *, loose: bool) -> bool:
    """Tell whether two say the same; with `loose` whatever the sign: some credit notes bear a minus on the page only."""
    value = entry.value
    if isinstance(value, Money) and isinstance(other, Money):
        return abs(value.amount) == abs(other.amount) if loose else value.amount == other.amount
    if isinstance(value, str) and isinstance(other, str):
        ends = entry.field == "receipt_number" and len(_plain(other)) >= _TELLING and _plain(value).endswith(_plain(other))
        return ends or _plain(value) == _plain(other)
    if isinstance(value, datetime.date) and isinstance(other, datetime.date):
        return other in (value, _turned(value))
    return bool(value == other)


def _turned(day: datetime.date) -> datetime.date:
    """Return a day as one reads it who takes its month for the day: 3/11 is written in both orders."""
    return day if day.day > _MONTHS else day.replace(month=day.day, day=day.month)


def _is_payable(entry: Told, invoice: EInvoice | None) -> bool:
    """Tell whether a code asks for what is left to pay of an invoice that was paid in part."""
    return entry.field == "total" and invoice is not None and entry.value.amount == invoice.payable


def _plain(text: str) -> str:
    """Return a text without marks and case, and an international reference as the national one that it holds."""
    return _RF.sub("", re.sub(r"[\W_]", "", text).casefold()).lstrip("0")


def _shown(value: Any) -> str:
    return f"{value.amount} {value.currency}" if isinstance(value, Money) else str(value)


def _kept(findings: Sequence[Finding], read: Fields, now: Fields, *, rows_told: bool) -> Iterator[Finding]:
    """Yield the findings that still hold: what was missing or doubted is told now."""
    for finding in findings:
        field = finding.field
        is_told = field is not None and getattr(now, field, None) is not None and getattr(now, field) is not getattr(read, field)
        seller_told = field == "business_id" and now.vat_id is not None and finding.code == "seller_id_missing"
        if (finding.code in _OF_ONE_VALUE and (is_told or seller_told)) or (finding.code in _WHAT_WAS_READ and rows_told):
            continue
        yield finding


def _vat_line(tax: Tax, read: Sequence[VatLine]) -> VatLine:
    """Return a row of the e-invoice, with its gross amount and its place where the page has the same row."""
    row = next((row for row in read if row.rate == tax.rate and (_same(row.vat, tax.tax) or _same(row.net, tax.net))), None)
    gross = row.gross if row is not None and _same(row.net, tax.net) and _same(row.vat, tax.tax) else None
    place: Mapping[str, Any] = {"page": row.page, "box": row.box} if row is not None else {}
    kind: Mapping[str, Any] = {"type_code": tax.type_code, "category": tax.category}
    return VatLine(rate=tax.rate, net=tax.net, vat=tax.tax, gross=gross, confidence=SURE, source=Source.E_INVOICE, **kind, **place)


def _line_item(item: Item, read: Sequence[LineItem]) -> LineItem:
    row = next((row for row in read if _same(row.total, item.total) and _plain(row.description)[:8] == _plain(item.description)[:8]), None)
    place: Mapping[str, Any] = {"page": row.page, "box": row.box} if row is not None else {}
    return LineItem(
        description=item.description,
        quantity=item.quantity,
        unit_price=item.unit_price,
        total=item.total,
        vat_rate=item.rate,
        confidence=SURE,
        source=Source.E_INVOICE,
        **place,
    )


def _same(first: Decimal | None, second: Decimal | None) -> bool:
    return first is not None and second is not None and abs(first) == abs(second)
