"""What a document is: a receipt, an invoice, or just text."""

import re
from collections.abc import Sequence

from converto.ocr.interface import Kind
from converto.ocr.understanding.identifiers import find_ibans
from converto.ocr.understanding.money_lines import Label, MoneyLine
from converto.ocr.words import Line

_INVOICE = re.compile(
    r"^lasku\b|\blasku ?(nro|numero|n:o)|\blaskun (nro|numero|pvm|paivays)"
    r"|\binvoice\b|\bfaktura\b|\brechnung\b|\bhyvityslasku\b|\bfacture\b|\bavoir\b"
)
_TO_BE_PAID = re.compile(
    r"\berapaiva|\bviitenumero|\bdue date|\bmaksuehto|\bpayment terms|\bforfall"
    r"|\bzahlbar|\bzahlungsziel|\bsaajan|\bbic\b|\bbankverbindung|\bbetalningsvillkor"
)
_PAID_THERE = re.compile(r"\bkuitti|\breceipt|\bkassa|\bcashier|\bkvitto|\bquittung|\bkassenbon|\btakaisin|\bchange\b|\btender")


def decide_kind(lines: Sequence[Line], money: Sequence[MoneyLine]) -> Kind:
    """Return what a document is: an invoice asks to be paid, a receipt tells a total, all else is text."""
    invoice = any(_INVOICE.search(line.folded) for line in lines)
    asked = any(_TO_BE_PAID.search(line.folded) for line in lines)
    account = any(find_ibans(line.columns) for line in lines)
    paid = any(row.label in (Label.PAID, Label.CHANGE) for row in money) or any(_PAID_THERE.search(line.folded) for line in lines)
    if money and ((asked and account) or (invoice and (asked or account))):
        return Kind.INVOICE
    if any(row.label in (Label.TOTAL, Label.PAID) for row in money) or (paid and money):
        return Kind.RECEIPT
    return Kind.INVOICE if invoice and money else Kind.TEXT
