"""From what was read on a document to a draft voucher: figures as printed, evidence kept, and what is missing said."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from converto.kernel.e_invoices.e_invoice import VAT
from converto.ocr.interface import Kind, Scan, Source, VatLine
from converto.vat.boxes import Treatment
from converto.vat.card_slip import CardSlip, card_slip
from converto.vat.classification import Classified, classified
from converto.vat.findings import Noted, foreign_country
from converto.vat.plausibility import why_made_up
from converto.vat.rates import Rates
from converto.vat.today import finnish_day
from converto.vat.vouchers import Basis, Evidence, NewLine, NewVoucher, Place

HOME, REVERSED, WITHIN_EU = "FI", "AE", "K"
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
    seller_id = _cut(seller.value if seller is not None else slip.business_id if slip is not None else None)
    on = fields.date.value if fields.date is not None else finnish_day(scan.created_at)
    voucher = NewVoucher(
        supplier=_cut(fields.vendor.value if fields.vendor is not None else None),
        seller_id=seller_id,
        document_date=on,
        currency=fields.currency.value if fields.currency is not None else "EUR",
        total=_signed(fields.total.value.amount, scan) if fields.total is not None else None,
        receipt_number=_cut(fields.receipt_number.value if fields.receipt_number is not None else None),
        reference_number=_cut(fields.reference_number.value if fields.reference_number is not None else None),
        iban=_cut(fields.iban.value if fields.iban is not None else None),
        description=_cut("; ".join(known.reasons) or None),
        scan_id=scan.id,
        lines=tuple(_lines(scan, known, seller_id=seller_id, standard=_standard(rates, on))),
    )
    near = next((finding.scan_id for finding in scan.findings if finding.code == "near_duplicate"), None)
    return Drafted(voucher, tuple(_noted(scan, slip, rates)), _confidence(scan), twin=scan.duplicate_of, near=near)


def with_known_rates(found: Drafted, rates: Rates) -> Drafted:
    """Return what was drafted with each line whose rate was never one as a cost without any deduction, and a finding that says so.

    Where the seller is of another country it is that country's rate.
    """
    country = foreign_country(found.voucher.seller_id)
    on, lines, noted = found.voucher.supply_date or found.voucher.document_date, list[NewLine](), list(found.noted)
    for at, line in enumerate(found.voucher.lines, start=1):
        if rates.tier(line.rate, found.voucher.tax_date) is not None:
            lines.append(line)
            continue
        gross = line.gross if line.gross is not None else (line.net or Decimal(0)) + (line.vat or Decimal(0))
        changes = {"treatment": Treatment.EXEMPT_PURCHASE, "rate": Decimal(0), "net": None, "vat": None, "gross": gross}
        lines.append(line.model_copy(update=changes))
        if country is None:
            noted.append(Noted("rate_not_in_force", at, (("rate", f"{line.rate:f}"), ("on", on.isoformat()))))
        elif (abroad := Noted("foreign_vat", None, (("country", country),))) not in noted:
            noted.append(abroad)
    return replace(found, voucher=found.voucher.model_copy(update={"lines": tuple(lines)}), noted=tuple(noted))


def _confidence(scan: Scan) -> float:
    fields = scan.fields
    named = () if fields is None else (fields.total, fields.date, fields.business_id or fields.vat_id)
    figures = [line.confidence for line in scan.vat_lines] + [0.0 if field is None else field.confidence for field in named]
    return min(figures, default=0.0)


def treatment_of(rate: Decimal, category: str | None, *, country: str, is_vat: bool) -> Treatment:
    """Return how a row of an e-invoice is treated; tax of another country, or another tax, is a cost, and is not deducted here."""
    if not is_vat:
        return Treatment.EXEMPT_PURCHASE
    if rate:
        return Treatment.DOMESTIC_PURCHASE if country == HOME else Treatment.EXEMPT_PURCHASE
    if category == WITHIN_EU and country != HOME:
        return Treatment.EU_GOODS_PURCHASE
    if category == REVERSED:
        return Treatment.CONSTRUCTION_PURCHASE_RC if country == HOME else Treatment.EU_SERVICE_PURCHASE
    return Treatment.EXEMPT_PURCHASE


def _standard(rates: Rates, on: date) -> Decimal:
    """Return the standard rate of a day; zero before there was one."""
    return next((row.value for row in rates.in_force(on) if row.category == "standard"), Decimal(0))


def _lines(scan: Scan, known: Classified, *, seller_id: str | None, standard: Decimal) -> Iterator[NewLine]:
    told: dict[str, Any] = {"category": known.category, "deductible_share": known.deductible_share}
    country = foreign_country(seller_id) or HOME
    whole = [line for line in scan.vat_lines if line.vat is not None and (line.net is not None or line.gross is not None)]
    for line in whole:
        is_e_invoice = line.source is Source.E_INVOICE
        treatment = treatment_of(line.rate, line.category, country=country if is_e_invoice else HOME, is_vat=line.type_code == VAT)
        yield NewLine(
            treatment=treatment,
            **_figures(line, treatment, scan, standard=standard),
            items=_items(scan, line.rate),
            basis=Basis.E_INVOICE if is_e_invoice else Basis.PRINTED,
            evidence=_evidence(line, scan),
            **told,
        )
    total = scan.fields.total if scan.fields is not None else None
    if not whole:
        gross = Decimal(0) if total is None else _signed(total.value.amount, scan)
        yield NewLine(treatment=Treatment.EXEMPT_PURCHASE, gross=gross, category=known.category)


def _figures(line: VatLine, treatment: Treatment, scan: Scan, *, standard: Decimal) -> Mapping[str, Any]:
    """Return the rate and the amounts of a row by its treatment: as printed where its tax is deducted, in one where it is a cost."""
    net, vat, gross = (None if value is None else _signed(value, scan) for value in (line.net, line.vat, line.gross))
    match treatment:
        case Treatment.DOMESTIC_PURCHASE:
            # where the three do not add up, the net and the tax are taken as printed, and a finding says what they come to
            return {"rate": line.rate, "net": net, "vat": vat, "gross": None if _is_off(line) else gross}
        case Treatment.EXEMPT_PURCHASE if line.rate:
            return {"rate": Decimal(0), "gross": gross if gross is not None else (net or 0) + (vat or 0)}
        case Treatment.EXEMPT_PURCHASE:
            return {"rate": line.rate, "net": net, "gross": None if _is_off(line) else gross}
    return {"rate": standard, "net": net if net is not None else gross}  # the buyer works the tax out, by the standard rate of the day


def _items(scan: Scan, rate: Decimal) -> int | None:
    """Return how many things on a document may be of a rate: those whose rate is not printed may be of any."""
    return sum(item.vat_rate in (rate, None) for item in scan.line_items) or None


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
    yield from _abroad(scan)
    yield from _as_read(scan)
    why = why_made_up(scan, slip, rates=rates)
    if why:
        yield Noted("synthetic_suspect", None, (("why", ", ".join(why)),))


def _abroad(scan: Scan) -> Iterator[Noted]:
    """Yield what an e-invoice states that is no Finnish tax."""
    stated = [line for line in scan.vat_lines if line.source is Source.E_INVOICE and line.vat]
    seller = None if scan.fields is None else scan.fields.business_id or scan.fields.vat_id
    country = foreign_country(seller.value if seller is not None else None)
    if country is not None and any(line.type_code == VAT for line in stated):
        yield Noted("foreign_vat", None, (("country", country),))
    for other in sorted({line.type_code for line in stated} - {VAT}):
        yield Noted("not_vat", None, (("tax", other),))


def _as_read(scan: Scan) -> Iterator[Noted]:
    """Yield what the reader noticed that matters to who pays."""
    for finding in scan.findings:
        if finding.code in _TOLD_OTHERWISE and finding.severity != "info":  # where the page was hardly read, it says nothing else
            yield Noted("barcode_mismatch", None, (("field", finding.field or ""), ("detail", finding.detail)))
        elif finding.code == "seller_id_several":
            yield Noted("seller_id_several", None, (("ids", ", ".join(_BUSINESS_ID.findall(finding.detail))),))


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:200]
