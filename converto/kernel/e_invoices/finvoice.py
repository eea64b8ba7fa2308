"""Finvoice, the e-invoice of Finnish banks, in its versions 1.3, 2.0 and 3.0: the elements read here are the same in all of them."""

from collections.abc import Iterator

from converto.kernel.e_invoices.e_invoice import EInvoice, Seller, Tax, business_id_in
from converto.kernel.e_invoices.figures import day, number, number_at
from converto.kernel.e_invoices.xml_tree import Element

ROOT = "Finvoice"
_CREDIT = "INV02"
_TYPES = {_CREDIT: "381"}
_EMPTY = Element("", {})


def read_finvoice(root: Element) -> EInvoice | None:
    """Return what a Finvoice says; None where the XML is another kind."""
    details = root.first("InvoiceDetails")
    if root.name != ROOT or details is None:
        return None
    total = details.first("InvoiceTotalVatIncludedAmount") or _EMPTY
    code = details.said("InvoiceTypeCode") or ""
    epi = root.first("EpiDetails") or _EMPTY
    payment = epi.first("EpiPaymentInstructionDetails") or _EMPTY
    due = day(details.said("PaymentTermsDetails", "InvoiceDueDate")) or day(payment.said("EpiDateOptionDate"))
    return EInvoice(
        number=details.said("InvoiceNumber"),
        type_code=_TYPES.get(code, "380"),
        date=day(details.said("InvoiceDate")),
        currency=total.attributes.get("AmountCurrencyIdentifier"),
        seller=_seller(root),
        total=number(total.text),
        net_total=number_at(details, "InvoiceTotalVatExcludedAmount"),
        vat_total=number_at(details, "InvoiceTotalVatAmount"),
        payable=number_at(payment, "EpiInstructedAmount"),
        due_date=due,
        account=_account(root, epi),
        reference=payment.said("EpiRemittanceInfoIdentifier"),
        taxes=tuple(_taxes(details)),
        buyer=root.said("BuyerPartyDetails", "BuyerOrganisationName"),
    )


def _seller(root: Element) -> Seller:
    party = root.first("SellerPartyDetails") or _EMPTY
    vat_id = (party.said("SellerOrganisationTaxCode") or "").replace(" ", "").upper()
    registered = business_id_in(party.said("SellerPartyIdentifier") or "")
    return Seller(
        name=party.said("SellerOrganisationName"),
        vat_id=vat_id or None,
        business_id=registered or (business_id_in(vat_id[2:]) if vat_id.startswith("FI") else None),
    )


def _account(root: Element, epi: Element) -> str | None:
    named = epi.said("EpiPartyDetails", "EpiBeneficiaryPartyDetails", "EpiAccountID")
    found = named or root.said("SellerInformationDetails", "SellerAccountDetails", "SellerAccountID")
    return found.replace(" ", "") if found else None


def _taxes(details: Element) -> Iterator[Tax]:
    for row in details.every("VatSpecificationDetails"):
        rate = number_at(row, "VatRatePercent")
        if rate is not None:
            amounts = number_at(row, "VatBaseAmount"), number_at(row, "VatRateAmount")
            yield Tax(rate.normalize(), *amounts, category=row.said("VatCode"))
