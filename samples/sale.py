"""What was sold, and the arithmetic of its VAT: exact to the cent, rounded half up as tills do."""

import datetime
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from samples.companies import Company

CENT = Decimal("0.01")
STANDARD = Decimal("25.5")
REDUCED = Decimal("13.5")
REDUCED_2025 = Decimal(14)
PERIODICALS = Decimal(10)
EXEMPT = Decimal(0)


def cents(amount: Decimal) -> Decimal:
    """Return the amount rounded half up to the cent."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def plain(number: Decimal) -> str:
    """Return a rate or a quantity without trailing zeros: 25.5, 14, 0.842."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass(frozen=True)
class Item:
    """One row of a sale. A row of one piece prints no quantity; a discount is a row with a negative price."""

    description: str
    unit_price: Decimal
    rate: Decimal
    quantity: Decimal = Decimal(1)
    unit: str = ""

    @property
    def total(self) -> Decimal:
        """Return the price of the row."""
        return cents(self.quantity * self.unit_price)


@dataclass(frozen=True)
class VatLine:
    """One row of the VAT table."""

    rate: Decimal
    net: Decimal
    vat: Decimal
    gross: Decimal


@dataclass(frozen=True)
class Sale:
    """A sale as its document tells it; what a document does not print is empty.

    Receipts price with VAT, so VAT is taken out of the sum per rate; invoices price without, so it is put on top.
    """

    file: str
    media_type: str
    kind: str
    languages: tuple[str, ...]
    company: Company
    items: tuple[Item, ...]
    date: datetime.date
    receipt_number: str
    payment_method: str
    time: datetime.time | None = None
    due_date: datetime.date | None = None
    card_last4: str = ""
    reference_number: str = ""
    pages: int = 1
    prices_with_vat: bool = True
    prints_vat_id: bool = False

    @property
    def vat_lines(self) -> tuple[VatLine, ...]:
        """Return VAT by rate, the highest rate first."""
        return tuple(self._vat_line(rate) for rate in sorted({item.rate for item in self.items}, reverse=True))

    def _vat_line(self, rate: Decimal) -> VatLine:
        amount = sum((item.total for item in self.items if item.rate == rate), Decimal(0))
        if self.prices_with_vat:
            vat = cents(amount * rate / (100 + rate))
            return VatLine(rate, amount - vat, vat, amount)
        vat = cents(amount * rate / 100)
        return VatLine(rate, amount, vat, amount + vat)

    @property
    def total(self) -> Decimal:
        """Return what the buyer pays."""
        return sum((line.gross for line in self.vat_lines), Decimal(0))

    @property
    def net_total(self) -> Decimal:
        """Return the sum without VAT."""
        return sum((line.net for line in self.vat_lines), Decimal(0))

    @property
    def vat_total(self) -> Decimal:
        """Return the VAT in the sum."""
        return sum((line.vat for line in self.vat_lines), Decimal(0))

    def truth(self) -> dict[str, Any]:
        """Return what stands on the document, by the field names of the REST API; money and rates are decimal strings."""
        fields = {
            "vendor": self.company.name,
            "business_id": self.company.business_id,
            "vat_id": self.company.vat_id if self.prints_vat_id else "",
            "date": self.date.isoformat(),
            "time": self.time.strftime("%H:%M") if self.time else "",
            "due_date": self.due_date.isoformat() if self.due_date else "",
            "receipt_number": self.receipt_number,
            "currency": "EUR",
            "total": str(self.total),
            "net_total": str(self.net_total),
            "vat_total": str(self.vat_total),
            "payment_method": self.payment_method,
            "card_last4": self.card_last4,
            "iban": self.company.iban,
            "reference_number": self.reference_number,
            "address": self.company.address,
        }
        return {
            "file": self.file,
            "media_type": self.media_type,
            "kind": self.kind,
            "languages": list(self.languages),
            "pages": self.pages,
            "fields": {name: value or None for name, value in fields.items()},
            "vat_lines": [
                {"rate": plain(line.rate), "net": str(line.net), "vat": str(line.vat), "gross": str(line.gross)} for line in self.vat_lines
            ],
            "line_items": [_row(item) for item in self.items],
        }


def _row(item: Item) -> dict[str, str | None]:
    counted = item.quantity != 1
    return {
        "description": item.description,
        "quantity": plain(item.quantity) if counted else None,
        "unit_price": str(item.unit_price) if counted else None,
        "total": str(item.total),
        "vat_rate": plain(item.rate),
    }
