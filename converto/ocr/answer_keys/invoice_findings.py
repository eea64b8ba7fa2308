"""What a person should know about a document's answer keys themselves."""

from collections.abc import Iterator
from decimal import Decimal

from converto.kernel.e_invoices.e_invoice import VAT, EInvoice
from converto.kernel.identifiers.check_digits import is_iban
from converto.ocr.answer_keys.told import AnswerKeys
from converto.ocr.document import Finding
from converto.ocr.understanding.credit_notes import CREDIT_NOTE

_CENT = Decimal("0.01")


def findings_about(keys: AnswerKeys) -> Iterator[Finding]:
    """Yield what is wrong with the keys, or not plain from the fields."""
    if keys.unreadable is not None:
        detail = f"The e-invoice inside this PDF cannot be read ({keys.unreadable}); what is told here was read from its pages."
        yield Finding(code="e_invoice_unreadable", severity="warning", detail=detail)
    if len({payment.terms for payment in keys.payments}) > 1:
        yield from _several(keys)
    if keys.invoice is not None:
        yield from _sums(keys.invoice)
        yield from _terms(keys.invoice)


def _several(keys: AnswerKeys) -> Iterator[Finding]:
    told_by = {name: {getattr(payment, name) for payment in keys.payments} - {None} for name in ("iban", "amount", "due_date")}
    several = [name for name, values in told_by.items() if len(values) > 1]
    if several:
        amounts = ", ".join(str(amount) for amount in sorted(told_by["amount"]))
        detail = (
            f"The codes on this document ask for different payments ({amounts or 'to different accounts'}): compare them with its text."
        )
        yield Finding(code="payments_several", severity="warning", field="total" if amounts else "iban", detail=detail)


def _sums(invoice: EInvoice) -> Iterator[Finding]:
    net, vat, total = invoice.net_total, invoice.vat_total, invoice.total
    if net is not None and vat is not None and total is not None and abs(net + vat - total) > _CENT:
        detail = f"In the e-invoice {net} and {vat} make {net + vat}, but its total is {total}."
        yield Finding(code="sum_mismatch", severity="warning", field="total", detail=detail)
    taxes = [tax.tax for tax in invoice.taxes if tax.tax is not None]
    if taxes and vat is not None and abs(sum(taxes, Decimal("0.00")) - vat) > _CENT:
        detail = f"The e-invoice's VAT by rate adds up to {sum(taxes, Decimal('0.00'))}, but its VAT is {vat}."
        yield Finding(code="sum_mismatch", severity="warning", field="vat_total", detail=detail)
    others = sorted({tax.type_code for tax in invoice.taxes if tax.type_code != VAT})
    if others:
        detail = f"The e-invoice's tax is {', '.join(others)}, which is no VAT and cannot be deducted."
        yield Finding(code="not_vat", severity="warning", field="vat_total", detail=detail)


def _terms(invoice: EInvoice) -> Iterator[Finding]:
    if invoice.account and not is_iban(invoice.account.replace(" ", "").upper()):
        detail = f"The check digits of the account {invoice.account} in the e-invoice are wrong: ask the seller before paying."
        yield Finding(code="iban_invalid", severity="warning", field="iban", detail=detail)
    if invoice.is_credit_note:
        yield CREDIT_NOTE
    elif invoice.payable is not None and invoice.total is not None and invoice.payable != invoice.total:
        detail = f"Of the total of {invoice.total}, {invoice.payable} is to be paid."
        yield Finding(code="payable_differs", severity="info", field="total", detail=detail)
