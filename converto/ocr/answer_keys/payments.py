"""Payments that a document asks for by a bank barcode or a QR code, from wherever its content was read."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from converto.kernel.identifiers.bank_barcode import BankBarcode, decode, printed_barcodes
from converto.kernel.identifiers.epc_qr import decode as decode_transfer
from converto.ocr.document import Box, Source
from converto.ocr.words import Line


@dataclass(frozen=True)
class Payment:
    """A payment that a document asks for, where it says so, and how; what it leaves open is None."""

    source: Source
    page: int
    box: Box | None
    iban: str
    amount: Decimal | None = None
    reference: str | None = None
    due_date: datetime.date | None = None
    name: str | None = None

    @property
    def terms(self) -> tuple[object, ...]:
        """Give what tells this payment from another."""
        return self.iban, self.amount, self.reference, self.due_date


def payment_of(content: bytes, *, is_qr: bool, page: int, box: Box | None) -> Payment | None:
    """Return the payment that a code asks for; None where it holds something else, such as an address on the web."""
    if is_qr:
        transfer = decode_transfer(content)
        if transfer is None:
            return None
        return Payment(Source.QR, page, box, transfer.iban, transfer.amount, transfer.reference, None, transfer.name)
    barcode = decode(content.decode("ascii", "replace"))
    return None if barcode is None else _by_barcode(barcode, page, box)


def printed_payments(lines: Sequence[Line]) -> Iterator[Payment]:
    """Yield the payments whose barcode's digits are printed."""
    for line in lines:
        for printed in printed_barcodes(line.text):
            yield _by_barcode(printed.barcode, line.page, line.box())


def distinct(payments: Sequence[Payment]) -> tuple[Payment, ...]:
    """Return each payment once: the same code may stand on every page, and its digits below it."""
    found: dict[tuple[object, ...], Payment] = {}
    for payment in payments:
        known = found.get(payment.terms)
        if known is None or (known.box is None and payment.box is not None):
            found[payment.terms] = payment
    return tuple(found.values())


def _by_barcode(barcode: BankBarcode, page: int, box: Box | None) -> Payment:
    return Payment(Source.BARCODE, page, box, barcode.iban, barcode.amount, barcode.reference, barcode.due_date)
