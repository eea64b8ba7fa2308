"""What answer keys tell of a document's fields, and which key counts where several tell of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from converto.kernel.e_invoices.e_invoice import EInvoice
from converto.kernel.identifiers.check_digits import is_iban
from converto.kernel.money import Money
from converto.ocr.answer_keys.payments import Payment
from converto.ocr.document import Box, Kind, PaymentMethod, Source
from converto.ocr.understanding.currency import UNKNOWN_CURRENCY

# UNTDID 4461: how an invoice is paid.
_METHODS = {
    **dict.fromkeys(("10",), PaymentMethod.CASH),
    **dict.fromkeys(("48", "54", "55"), PaymentMethod.CARD),
    **dict.fromkeys(("30", "31", "42", "49", "57", "58", "59"), PaymentMethod.INVOICE),
}


@dataclass(frozen=True)
class AnswerKeys:
    """What a document tells in forms that need no guessing; `unreadable` is why an e-invoice inside it could not be read."""

    invoice: EInvoice | None = None
    payments: tuple[Payment, ...] = ()
    unreadable: str | None = None

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return self.invoice is not None or bool(self.payments) or self.unreadable is not None

    def kind(self, asked: Kind) -> Kind:
        """Return what a document is to be understood as: one that asks for a payment by a key is an invoice, unless asked otherwise."""
        return Kind.INVOICE if asked is Kind.AUTO and (self.invoice is not None or self.payments) else asked


@dataclass(frozen=True)
class Told:
    """A field's value by an answer key, and where that stands."""

    field: str
    value: Any
    source: Source
    page: int = 1
    box: Box | None = None


def told(keys: AnswerKeys) -> Iterator[Told]:
    """Yield what the keys tell of each field, what counts more first: the e-invoice before a barcode, a barcode before a QR code.

    Where a document asks for several payments, only what they have in common is told of it. An amount whose currency the e-invoice
    does not tell is in UNKNOWN_CURRENCY.
    """
    if keys.invoice is not None:
        yield from _by_invoice(keys.invoice)
    for source in (Source.BARCODE, Source.QR):
        yield from _by_payments([payment for payment in keys.payments if payment.source is source])


def _by_payments(payments: Sequence[Payment]) -> Iterator[Told]:
    if not payments:
        return
    first = payments[0]
    values: dict[str, set[Any]] = {
        "iban": {payment.iban for payment in payments},
        "reference_number": {payment.reference for payment in payments},
        "due_date": {payment.due_date for payment in payments},
        "total": {payment.amount for payment in payments},
    }
    for field, told_by_all in values.items():
        value = next(iter(told_by_all))
        if len(told_by_all) == 1 and value is not None:
            yield Told(field, Money(amount=value, currency="EUR") if field == "total" else value, first.source, first.page, first.box)


def _by_invoice(invoice: EInvoice) -> Iterator[Told]:
    seller = invoice.seller
    values: dict[str, Any] = {
        "vendor": seller.name,
        "address": seller.address,
        "vat_id": seller.vat_id,
        "business_id": seller.business_id,
        "receipt_number": invoice.number,
        "date": invoice.date,
        "due_date": invoice.due_date,
        "currency": invoice.currency,
        "iban": _iban(invoice),
        "reference_number": invoice.reference,
        "payment_method": _METHODS.get(invoice.payment_means or ""),
    }
    unit = invoice.currency
    for field, amount in (("total", invoice.total), ("net_total", invoice.net_total), ("vat_total", invoice.vat_total)):
        if amount is not None:
            values[field] = Money(amount=amount, currency=unit or UNKNOWN_CURRENCY)
    for field, value in values.items():
        if value is not None:
            yield Told(field, value, Source.E_INVOICE)


def _iban(invoice: EInvoice) -> str | None:
    value = (invoice.account or "").replace(" ", "").upper()
    return value if is_iban(value) else None
