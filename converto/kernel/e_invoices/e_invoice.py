"""An e-invoice as it was written, whatever its syntax: nothing here is worked out."""

import datetime
import re
from dataclasses import dataclass
from decimal import Decimal

from converto.kernel.identifiers.check_digits import is_business_id

# UNTDID 1001: the document types that give money back.
_CREDIT_NOTES = frozenset({"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "532"})
VAT = "VAT"
_BUSINESS_ID = re.compile(r"(?<![0-9])([0-9]{7})-?([0-9])(?![0-9])")


@dataclass(frozen=True)
class Tax:
    """One rate of tax, in percent, with what it is taken of; `type_code` is VAT, or the name of another tax."""

    rate: Decimal
    net: Decimal | None
    tax: Decimal | None
    type_code: str = VAT
    category: str | None = None
    """UNTDID 5305: S is taxed, Z and E are not, AE leaves it to the buyer, K is sold into another member state."""


@dataclass(frozen=True)
class Item:
    """One thing invoiced; `total` and `unit_price` as the invoice states them, without VAT."""

    description: str
    total: Decimal
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    rate: Decimal | None = None


@dataclass(frozen=True)
class Seller:
    """Who invoices."""

    name: str | None = None
    address: str | None = None
    vat_id: str | None = None
    business_id: str | None = None


@dataclass(frozen=True)
class EInvoice:
    """What an e-invoice says; what it leaves out is None. A credit note's amounts bear the sign that it gives them."""

    number: str | None
    type_code: str | None
    date: datetime.date | None
    currency: str | None
    seller: Seller
    total: Decimal | None
    net_total: Decimal | None = None
    vat_total: Decimal | None = None
    payable: Decimal | None = None
    due_date: datetime.date | None = None
    payment_means: str | None = None
    account: str | None = None
    reference: str | None = None
    taxes: tuple[Tax, ...] = ()
    items: tuple[Item, ...] = ()
    buyer: str | None = None

    @property
    def is_credit_note(self) -> bool:
        """Tell whether it gives money back."""
        return self.type_code in _CREDIT_NOTES


def business_id_in(text: str) -> str | None:
    """Return the first Finnish business id of a text whose check digit holds, as 1234567-1."""
    numbers = (f"{match[1]}-{match[2]}" for match in _BUSINESS_ID.finditer(text))
    return next((number for number in numbers if is_business_id(number)), None)
