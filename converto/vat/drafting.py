"""From what was read on a document to a draft voucher: figures as printed, evidence kept, and what is missing said."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from converto.ocr.interface import Kind, Scan, Source, VatLine
from converto.vat.boxes import Treatment
from converto.vat.card_slip import CardSlip, card_slip
from converto.vat.classification import Classified, classified
from converto.vat.findings import Noted
from converto.vat.plausibility import why_made_up
from converto.vat.rates import Rates
from converto.vat.today import finnish_day
from converto.vat.vouchers import Basis, Evidence, NewLine, NewVoucher, Place

_TERMINAL = re.compile(r"korttitapahtuma|debit/veloitus|credit/veloitus|asiakkaan kuitti|kauppiaan kuitti", re.IGNORECASE)
_BUSINESS_ID = re.compile(r"\d{7}-\d")
_TOLD_OTHERWISE = frozenset({"barcode_mismatch", "qr_mismatch", "e_invoice_mismatch"})


@dataclass(frozen=True)
class Drafted:
    """A voucher made of a document, and what is to be known of the document itself."""

    voucher: NewVoucher
    noted: tuple[Noted, ...]
    confidence: float = 1.0
    """That of the least sure figure that the voucher was made of; what is no reading is sure."""
    twin: UUID | None = None
    """The earlier scan of the very same bytes."""
    near: UUID | None = None
    """An earlier scan of about the same document."""


def drafted(scan: Scan, rates: Rates) -> Drafted | None:
    """Return the voucher of a document that was read; None for one that nothing is paid by."""
    fields, text = scan.fields, scan.text or ""
    if fields is None or scan.kind is Kind.TEXT or (fields.total is None and not scan.vat_lines):
        return None
    slip = card_slip(text)
    known = classified(text, slip)
    seller = fields.business_id or fields.vat_id
    day = fields.date.value if fields.date is not None else None
    voucher = NewVoucher(
        supplier=_cut(fields.vendor.value if fields.vendor is not None else None),
        seller_id=_cut(seller.value if seller is not None else slip.business_id if slip is not None else None),
        document_date=day or finnish_day(scan.created_at),
        currency=fields.currency.value if fields.currency is not None else "EUR",
        total=_signed(fields.total.value.amount, scan) if fields.total is not None else None,
        receipt_number=_cut(fields.receipt_number.value if fields.receipt_number is not None else None),
        reference_number=_cut(fields.reference_number.value if fields.reference_number is not None else None),
        iban=_cut(fields.iban.value if fields.iban is not None else None),
        description=_cut("; ".join(known.reasons) or None),
        scan_id=scan.id,
        lines=tuple(_lines(scan, known)),
    )
    near = next((finding.scan_id for finding in scan.findings if finding.code == "near_duplicate"), None)
    return Drafted(voucher, tuple(_noted(scan, slip, rates)), _confidence(scan), twin=scan.duplicate_of, near=near)


def with_known_rates(found: Drafted, rates: Rates) -> Drafted:
    """Return what was drafted with each line whose rate was never one as a cost without any deduction, and a finding that says so."""
    on, lines, noted = found.voucher.supply_date or found.voucher.document_date, list[NewLine](), list(found.noted)
    for at, line in enumerate(found.voucher.lines, start=1):
        if rates.tier(line.rate, found.voucher.tax_date) is not None:
            lines.append(line)
            continue
        gross = line.gross if line.gross is not None else (line.net or Decimal(0)) + (line.vat or Decimal(0))
        changes = {"treatment": Treatment.EXEMPT_PURCHASE, "rate": Decimal(0), "net": None, "vat": None, "gross": gross}
        lines.append(line.model_copy(update=changes))
        noted.append(Noted("rate_not_in_force", at, (("rate", f"{line.rate:f}"), ("on", on.isoformat()))))
    return replace(found, voucher=found.voucher.model_copy(update={"lines": tuple(lines)}), noted=tuple(noted))


def _confidence(scan: Scan) -> float:
    fields = scan.fields
    named = () if fields is None else (fields.total, fields.date, fields.business_id or fields.vat_id)
    figures = [line.confidence for line in scan.vat_lines] + [0.0 if field is None else field.confidence for field in named]
    return min(figures, default=0.0)


def _lines(scan: Scan, known: Classified) -> Iterator[NewLine]:
    told: dict[str, Any] = {"category": known.category, "deductible_share": known.deductible_share}
    whole = [line for line in scan.vat_lines if line.vat is not None and (line.net is not None or line.gross is not None)]
    for line in whole:
        treatment = Treatment.EXEMPT_PURCHASE if line.rate == 0 else Treatment.DOMESTIC_PURCHASE
        # where the three do not add up, the net and the tax are taken as printed, and a finding says what they come to
        printed = {"net": line.net, "vat": line.vat if line.rate else None, "gross": None if _is_off(line) else line.gross}
        printed = {name: None if value is None else _signed(value, scan) for name, value in printed.items()}
        yield NewLine(
            treatment=treatment,
            rate=line.rate,
            **printed,
            items=_items(scan, line.rate),
            basis=Basis.E_INVOICE if line.source is Source.E_INVOICE else Basis.PRINTED,
            evidence=_evidence(line, scan),
            **told,
        )
    total = scan.fields.total if scan.fields is not None else None
    if not whole:
        gross = Decimal(0) if total is None else _signed(total.value.amount, scan)
        yield NewLine(treatment=Treatment.EXEMPT_PURCHASE, gross=gross, category=known.category)


def _items(scan: Scan, rate: Decimal) -> int | None:
    """Return how many things of a rate are on a document; where their rates are not printed, how many there are."""
    rated = [item for item in scan.line_items if item.vat_rate is not None]
    return (sum(item.vat_rate == rate for item in rated) if rated else len(scan.line_items)) or None


def _signed(amount: Decimal, scan: Scan) -> Decimal:
    """Return an amount as it is booked: what a credit note gives back lessens what was bought."""
    total = scan.fields.total.value.amount if scan.fields is not None and scan.fields.total is not None else Decimal(0)
    is_given_back = total >= 0 and any(finding.code == "credit_note" for finding in scan.findings)
    return -amount if is_given_back else amount


def _is_off(line: VatLine) -> bool:
    return None not in (line.net, line.vat, line.gross) and (line.net or 0) + (line.vat or 0) != line.gross


def _evidence(line: VatLine, scan: Scan) -> Evidence:
    box = None if line.box is None else Place(x=line.box.x, y=line.box.y, width=line.box.width, height=line.box.height)
    return Evidence(page=line.page, box=box, engine=_cut(scan.engine), confidence=line.confidence)


def _noted(scan: Scan, slip: CardSlip | None, rates: Rates) -> Iterator[Noted]:
    fields, text = scan.fields, scan.text or ""
    if fields is None:
        return
    if fields.date is None:
        yield Noted("date_missing")
    elif slip is not None and slip.date is not None and slip.date != fields.date.value:
        details = (("card", slip.date.isoformat()), ("on", fields.date.value.isoformat()))
        yield Noted("card_date_mismatch", None, details)
    if not any(line.vat is not None for line in scan.vat_lines):
        yield Noted("card_slip_only" if _TERMINAL.search(text) and not scan.line_items else "vat_table_missing")
    for at, line in enumerate(scan.vat_lines, start=1):
        if _is_off(line):
            details = (("lines", f"{(line.net or 0) + (line.vat or 0):f}"), ("total", f"{line.gross:f}"))
            yield Noted("sum_mismatch", at, details)
    yield from _as_read(scan)
    why = why_made_up(scan, slip, rates=rates)
    if why:
        yield Noted("synthetic_suspect", None, (("why", ", ".join(why)),))


def _as_read(scan: Scan) -> Iterator[Noted]:
    """Yield what the reader noticed that matters to who pays."""
    for finding in scan.findings:
        if finding.code in _TOLD_OTHERWISE and finding.severity != "info":  # where the page was hardly read, it says nothing else
            yield Noted("barcode_mismatch", None, (("field", finding.field or ""), ("detail", finding.detail)))
        elif finding.code == "seller_id_several":
            yield Noted("seller_id_several", None, (("ids", ", ".join(_BUSINESS_ID.findall(finding.detail))),))


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:200]
