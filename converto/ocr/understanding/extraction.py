"""From the lines of a document to its fields, VAT rows, items and findings."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from converto.kernel.money import Money
from converto.ocr.interface import Alternatives, Box, Fields, Finding, Found, Kind, LineItem, PaymentMethod, VatLine
from converto.ocr.understanding.alternatives import MOST, others
from converto.ocr.understanding.checks import Evidence, find_findings
from converto.ocr.understanding.confidence import document_confidence, total_confidence
from converto.ocr.understanding.credit_notes import CREDIT_NOTE, is_credit_note, unsigned
from converto.ocr.understanding.currency import find_currency, legal_tender
from converto.ocr.understanding.identifiers import find_business_ids, find_ibans, find_vat_ids
from converto.ocr.understanding.items import find_items, sum_of
from converto.ocr.understanding.kinds import decide_kind
from converto.ocr.understanding.money_lines import Label, MoneyLine, money_lines
from converto.ocr.understanding.payment import CardBlock, find_card_block, find_card_last4, find_category, find_method
from converto.ocr.understanding.references import (
    Placed,
    dates_of,
    find_date,
    find_due_date,
    find_number,
    find_receipt_number,
    find_reference_number,
    find_time,
)
from converto.ocr.understanding.totals import Part, TotalCandidate, derived_total, parts_of_total, total_candidates
from converto.ocr.understanding.vat_table import VatTable, read_vat_table, vat_lines, vat_total_line
from converto.ocr.understanding.vendor import Name, find_address, find_names
from converto.ocr.words import Line, Page, box_of

_FINNISH = re.compile(r"\balv\b|\byhteensa\b|\by ?- ?tun|\bkuitti\b|\blasku\b|\boyj?\b")
# A score under this is an amount without a label or any sum that speaks for it: better no total than that one.
_LEAST_SCORE = 1.0


@dataclass(frozen=True)
class Extracted:
    """What was found on a document."""

    kind: Kind
    fields: Fields
    vat_lines: tuple[VatLine, ...]
    line_items: tuple[LineItem, ...]
    findings: tuple[Finding, ...]
    confidence: float
    alternatives: Alternatives = field(default_factory=Alternatives)


@dataclass(frozen=True)
class _Document:
    lines: tuple[Line, ...]
    money: tuple[MoneyLine, ...]
    table: VatTable
    items: tuple[LineItem, ...]
    block: CardBlock | None
    names: Sequence[Name] = ()
    totals: Sequence[TotalCandidate] = ()


def extract(pages: Sequence[Page], *, kind: Kind, today: datetime.date) -> Extracted:
    """Return what a document says; with `Kind.TEXT` only its text is wanted, and no field is looked for."""
    lines = tuple(line for page in pages for line in page.lines)
    is_given_back = kind is not Kind.TEXT and is_credit_note(lines)
    if is_given_back:
        lines = unsigned(lines)
    money = tuple(money_lines(lines))
    if kind is Kind.AUTO:
        kind = Kind.INVOICE if is_given_back and money else decide_kind(lines, money)
    if kind is Kind.TEXT:
        document, fields = _Document(lines, money, VatTable(), (), None), Fields()
    else:
        table = read_vat_table(lines)
        items = find_items(lines, money, table.codes, table.rates)
        totals = total_candidates(money, vat_sums=table.totals(), item_sum=sum_of(items))
        document = _Document(lines, money, table, items, find_card_block(lines), find_names(lines), totals)
        fields = _fields(document, kind, today)
    findings = find_findings(fields, _evidence(document, fields, kind, today))
    return Extracted(
        kind=kind,
        fields=fields,
        vat_lines=vat_lines(document.table),
        line_items=document.items,
        findings=(*findings, CREDIT_NOTE) if is_given_back else findings,
        confidence=document_confidence(fields, lines),
        alternatives=_alternatives(document, fields, today) if kind is not Kind.TEXT else Alternatives(),
    )


def _fields(document: _Document, kind: Kind, today: datetime.date) -> Fields:
    lines, block = document.lines, document.block
    currency = find_currency(lines)
    unit = currency[0] if currency else legal_tender(lines)
    name = document.names[0] if document.names else None
    date = find_date(lines, today=today, card_date=block.date if block else None)
    card = find_card_last4(lines)
    return Fields(
        vendor=_named(name),
        address=_named(find_address(lines, name)),
        business_id=_business_id(document),
        vat_id=_holding(find_number(lines, find_vat_ids)),
        date=_placed(date),
        time=_placed(find_time(lines, date)),
        due_date=_placed(find_due_date(lines)),
        receipt_number=_placed(find_receipt_number(lines)),
        reference_number=_placed(find_reference_number(lines, card_block=block is not None)),
        iban=_placed(find_number(lines, find_ibans)),
        currency=_at(currency[0], currency[1], currency[2:], 0.95) if currency else None,
        card_last4=_at(card[0], card[1], card[2:], 0.95) if card else None,
        payment_method=_method(document, kind),
        category=_category(document),
        **_sums(document, unit),
    )


def _alternatives(document: _Document, fields: Fields, today: datetime.date) -> Alternatives:
    """Return the values that stand on the document beside those that were taken."""
    unit = fields.total.value.currency if fields.total is not None else legal_tender(document.lines)
    numbers = ((line, number) for line in document.lines for number in find_business_ids(line.columns) if number.valid)
    return Alternatives(
        vendor=others([found for name in document.names if (found := _named(name))], fields.vendor),
        business_id=others([_at(one.value, line, (one.start, one.end), 0.5) for line, one in numbers], fields.business_id),
        date=others([_placed(date) for date in dates_of(document.lines, today=today)], fields.date),
        total=others([_amount(one, document.totals[0], unit) for one in _likeliest(document.totals)], fields.total),
    )


def _likeliest(totals: Sequence[TotalCandidate]) -> Sequence[TotalCandidate]:
    """Return the surest candidates of different values: of the dozens on a long receipt no more is told than that."""
    surest = sorted(totals, key=lambda one: -total_confidence(one, totals[0]))
    likeliest: dict[Decimal, TotalCandidate] = {}
    for one in surest:
        if one.line is not None and one.value > 0:
            likeliest.setdefault(one.value, one)
    return list(likeliest.values())[: MOST + 1]  # one of them may be what was taken


def _amount(candidate: TotalCandidate, best: TotalCandidate, unit: str) -> Any:
    place = Line(()) if candidate.line is None else candidate.line
    span = (candidate.start, candidate.end)
    return _at(Money(amount=candidate.value, currency=unit), place, span, total_confidence(candidate, best))


def _business_id(document: _Document) -> Any:
    placed = find_number(document.lines, find_business_ids)
    block = document.block
    if block is not None and block.business_id is not None and (placed is None or placed.confidence < 0.5):
        return Found[str](value=block.business_id, confidence=0.85, page=block.line.page, box=block.line.box())
    if placed is not None and block is not None and placed.value == block.business_id:
        return _placed(Placed(placed.value, placed.line, placed.start, placed.end, 0.99))
    return _holding(placed)


def _holding(placed: Placed | None) -> Any:
    """Return a number whose check digit holds: one whose fails is misread or another number, a finding and never a value."""
    return _placed(placed) if placed is not None and placed.confidence > 0.5 else None


def _sums(document: _Document, unit: str) -> dict[str, Any]:
    candidates = document.totals
    best = candidates[0] if candidates and candidates[0].score >= _LEAST_SCORE else None
    parts = parts_of_total(document.money, best.value) if best is not None else None
    return {
        "total": _total(best, candidates, document, unit),
        "net_total": _from_table(document, "net", unit) or _part(parts, 0, unit),
        "vat_total": _from_table(document, "vat", unit, parts),
    }


def _part(parts: tuple[Part, Part] | None, which: int, unit: str) -> Any:
    if parts is None:
        return None
    part = parts[which]
    return _at(Money(amount=part.value, currency=unit), part.line, (part.start, part.end), 0.9)


def _total(best: TotalCandidate | None, candidates: Sequence[TotalCandidate], document: _Document, unit: str) -> Any:
    derived = derived_total(document.money)
    if derived is not None and (best is None or best.score < 2.0):
        return Found[Money](value=Money(amount=derived, currency=unit), confidence=0.55, page=document.money[-1].line.page)
    if best is None or best.line is None:
        return None
    confidence = total_confidence(best, candidates[1] if len(candidates) > 1 else None)
    return _at(Money(amount=best.value, currency=unit), best.line, (best.start, best.end), confidence)


def _from_table(document: _Document, part: str, unit: str, made_of: tuple[Part, Part] | None = None) -> Any:
    """Return the net or VAT sum as printed: the table's sum row, its only row, or a line that states it."""
    table = document.table
    row = table.sums if table.sums is not None else table.rows[0] if len(table.rows) == 1 else None
    value: Decimal | None = getattr(row, part) if row is not None else None
    if row is not None and value is not None:
        return Found[Money](
            value=Money(amount=value, currency=unit), confidence=0.9 if row.checked else 0.6, page=row.line.page, box=row.line.box()
        )
    if made_of is not None:
        return _part(made_of, 1, unit)
    stated = vat_total_line(document.money) if part == "vat" else None
    if stated is not None:
        amount = stated.amounts[-1]
        return _at(Money(amount=amount.value, currency=unit), stated.line, (amount.start, amount.end), 0.6)
    parts = [getattr(row, part) for row in table.rows]
    if parts and None not in parts and all(row.checked for row in table.rows):
        return Found[Money](value=Money(amount=sum(parts, Decimal("0.00")), currency=unit), confidence=0.75, page=table.rows[0].line.page)
    return None


def _method(document: _Document, kind: Kind) -> Found[PaymentMethod] | None:
    method = find_method(document.money, document.lines)
    if method is None and kind is Kind.INVOICE:
        asked = find_due_date(document.lines) or find_number(document.lines, find_ibans)
        method = (PaymentMethod.INVOICE, asked.line) if asked is not None else None
    return Found[PaymentMethod](value=method[0], confidence=0.85, page=method[1].page, box=method[1].box()) if method else None


def _category(document: _Document) -> Found[str] | None:
    category = find_category(document.block, document.lines)
    return Found[str](value=category[0], confidence=category[2], page=category[1].page, box=category[1].box()) if category else None


def _named(name: Name | None) -> Found[str] | None:
    if name is None:
        return None
    box: Box | None = box_of([word for line in name.lines for word in line.words])
    return Found[str](value=name.value, confidence=name.confidence, page=name.lines[0].page, box=box)


def _placed(placed: Placed | None) -> Any:
    return None if placed is None else _at(placed.value, placed.line, (placed.start, placed.end), placed.confidence)


def _at(value: Any, line: Line, span: tuple[int, ...], confidence: float) -> Any:
    """Return a value with its place; the caller's field gives it its type."""
    return Found[Any](value=value, confidence=round(confidence, 3), page=line.page, box=line.box(span[0], span[1]))


def _evidence(document: _Document, fields: Fields, kind: Kind, today: datetime.date) -> Evidence:
    numbers = [number for line in document.lines for number in find_business_ids(line.columns)]
    return Evidence(
        kind=kind,
        lines=document.lines,
        table=document.table,
        finnish=any(_FINNISH.search(line.folded) for line in document.lines),
        card_slip=_is_card_slip(document),
        card_date=document.block.date if document.block else None,
        invalid_business_id=next((number.value for number in numbers if not number.valid), None),
        business_ids=tuple(sorted({number.value for number in numbers if number.valid})),
        total_derived=fields.total is not None and fields.total.box is None,
        today=today,
    )


def _is_card_slip(document: _Document) -> bool:
    """Tell whether a document is only a card terminal's: its block, and neither items nor a labelled total."""
    terminal = document.block is not None or any(
        re.search(r"\bkorttitapahtuma|\bkauppiaan kuitti|\bkundenbeleg", line.folded) for line in document.lines
    )
    return terminal and not document.items and not document.table.rows and not any(row.label is Label.TOTAL for row in document.money)
