"""E-invoices in UN/CEFACT's Cross Industry Invoice: Factur-X, ZUGFeRD 1 and 2, and XRechnung where it uses that syntax.

ZUGFeRD 1 names most elements otherwise than its followers; both names stand side by side, parted by a bar.
"""

import datetime
import re
from collections.abc import Iterator
from decimal import Decimal

from converto.kernel.e_invoices.e_invoice import VAT, EInvoice, Item, Seller, Tax, business_id_in
from converto.kernel.e_invoices.xml_tree import Element, parse

# The newest first: where a PDF holds several of them, this is the order in which they count.
ROOTS = ("CrossIndustryInvoice", "CrossIndustryDocument", "Invoice")
_DOCUMENT = "ExchangedDocument|HeaderExchangedDocument"
_TRADE = "SupplyChainTradeTransaction|SpecifiedSupplyChainTradeTransaction"
_AGREEMENT = "ApplicableHeaderTradeAgreement|ApplicableSupplyChainTradeAgreement"
_SETTLEMENT = "ApplicableHeaderTradeSettlement|ApplicableSupplyChainTradeSettlement"
_SUMS = "SpecifiedTradeSettlementHeaderMonetarySummation|SpecifiedTradeSettlementMonetarySummation"
_ITEM = "IncludedSupplyChainTradeLineItem"
_ITEM_AGREEMENT = "SpecifiedLineTradeAgreement|SpecifiedSupplyChainTradeAgreement"
_ITEM_DELIVERY = "SpecifiedLineTradeDelivery|SpecifiedSupplyChainTradeDelivery"
_ITEM_SETTLEMENT = "SpecifiedLineTradeSettlement|SpecifiedSupplyChainTradeSettlement"
_ITEM_SUMS = "SpecifiedTradeSettlementLineMonetarySummation|SpecifiedTradeSettlementMonetarySummation"
_RATE = "RateApplicablePercent|ApplicablePercent"
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,10})?", re.ASCII)
_DAY = re.compile(r"(?P<year>\d{4})-?(?P<month>\d\d)-?(?P<day>\d\d)(?:T.*)?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}")
_CENT = Decimal("0.01")
_EMPTY = Element("", {})


def read_cross_industry(content: bytes) -> tuple[str, EInvoice] | None:
    """Return the name of a Cross Industry Invoice's root, which tells its age, and what it says; None where the XML is another kind.

    Raises UnreadableXml.
    """
    root = parse(content)
    trade = root.first(_TRADE)
    document = root.first(_DOCUMENT)
    if root.name not in ROOTS or trade is None or document is None:
        return None
    settlement = trade.first(_SETTLEMENT) or _EMPTY
    sums = settlement.first(_SUMS) or _EMPTY
    currency = settlement.said("InvoiceCurrencyCode") or (sums.first("GrandTotalAmount") or _EMPTY).attributes.get("currencyID")
    invoice = EInvoice(
        number=document.said("ID"),
        type_code=document.said("TypeCode"),
        date=_date(document.first("IssueDateTime")),
        currency=currency if currency and _CURRENCY.fullmatch(currency) else None,
        seller=_seller(trade.first(_AGREEMENT, "SellerTradeParty") or _EMPTY),
        total=_money(sums.first("GrandTotalAmount")),
        net_total=_money(sums.first("TaxBasisTotalAmount")),
        vat_total=_vat_total(sums, currency),
        payable=_money(sums.first("DuePayableAmount")),
        due_date=next((date for date in map(_date, settlement.every("SpecifiedTradePaymentTerms", "DueDateDateTime")) if date), None),
        payment_means=settlement.said("SpecifiedTradeSettlementPaymentMeans", "TypeCode"),
        account=settlement.said("SpecifiedTradeSettlementPaymentMeans", "PayeePartyCreditorFinancialAccount", "IBANID"),
        reference=settlement.said("PaymentReference"),
        taxes=tuple(_taxes(settlement)),
        items=tuple(item for line in trade.every(_ITEM) if (item := _item(line)) is not None),
    )
    return root.name, invoice


def _seller(party: Element) -> Seller:
    vat_id = next(
        (element.text for element in party.every("SpecifiedTaxRegistration", "ID") if element.attributes.get("schemeID") == "VA"), ""
    )
    address = party.first("PostalTradeAddress") or _EMPTY
    place = " ".join(filter(None, (address.said("PostcodeCode"), address.said("CityName"))))
    streets = (address.said("LineOne"), address.said("LineTwo"), address.said("LineThree"))
    vat_id = re.sub(r"\s", "", vat_id).upper()
    return Seller(
        name=party.said("Name"),
        address=", ".join(filter(None, (*streets, place))) or None,
        vat_id=vat_id or None,
        business_id=_business_id(party.said("SpecifiedLegalOrganization", "ID") or "", vat_id),
    )


def _business_id(registered: str, vat_id: str) -> str | None:
    """Return a Finnish business id: as registered, or as it stands in a Finnish VAT number."""
    return business_id_in(registered) or (business_id_in(vat_id[2:]) if vat_id.startswith("FI") else None)


def _taxes(settlement: Element) -> Iterator[Tax]:
    for tax in settlement.every("ApplicableTradeTax"):
        rate = _number(tax.said(_RATE))
        if rate is not None:
            amounts = _money(tax.first("BasisAmount")), _money(tax.first("CalculatedAmount"))
            yield Tax(_rate(rate), *amounts, tax.said("TypeCode") or VAT, tax.said("CategoryCode"))


def _item(line: Element) -> Item | None:
    """Return a line of the invoice; None where it is only a note, without an amount."""
    total = _money(line.first(_ITEM_SETTLEMENT, _ITEM_SUMS, "LineTotalAmount"))
    description = line.said("SpecifiedTradeProduct", "Name")
    if total is None or description is None:
        return None
    price = line.first(_ITEM_AGREEMENT, "NetPriceProductTradePrice") or _EMPTY
    rate = _number(line.said(_ITEM_SETTLEMENT, "ApplicableTradeTax", _RATE))
    return Item(
        description=description,
        total=total,
        quantity=_plain(_number(line.said(_ITEM_DELIVERY, "BilledQuantity"))),
        unit_price=_unit_price(price),
        rate=None if rate is None else _rate(rate),
    )


def _unit_price(price: Element) -> Decimal | None:
    """Return the price of one piece; one that is given for a hundred pieces is not, and left out."""
    amount, pieces = _number(price.said("ChargeAmount")), _number(price.said("BasisQuantity"))
    return _cents(amount) if amount is not None and pieces in (None, Decimal(1)) else None


def _vat_total(sums: Element, currency: str | None) -> Decimal | None:
    """Return the sum of the tax in the invoice's own currency: it may be told in the seller's books' currency too."""
    return _money(next((told for told in sums.every("TaxTotalAmount") if told.attributes.get("currencyID", currency) == currency), None))


def _date(element: Element | None) -> datetime.date | None:
    """Return a day written as 20261114 or 2026-11-14, in the element itself or in a part of it."""
    if element is None:
        return None
    match = _DAY.fullmatch(element.said("DateTimeString|DateTime") or element.text)
    try:
        return datetime.date(int(match["year"]), int(match["month"]), int(match["day"])) if match else None
    except ValueError:
        return None


def _number(text: str | None) -> Decimal | None:
    return Decimal(text) if text and _NUMBER.fullmatch(text) else None


def _money(element: Element | None) -> Decimal | None:
    amount = _number(element.text) if element is not None else None
    return None if amount is None else _cents(amount)


def _cents(amount: Decimal) -> Decimal:
    """Return an amount with two decimals, more only where they tell something."""
    rounded = amount.quantize(_CENT)
    return rounded if rounded == amount else amount.normalize()


def _rate(rate: Decimal) -> Decimal:
    return rate.quantize(Decimal(1)) if rate == rate.to_integral_value() else rate.normalize()


def _plain(number: Decimal | None) -> Decimal | None:
    return None if number is None else _rate(number)
