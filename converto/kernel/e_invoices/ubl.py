"""EN 16931 in OASIS UBL 2.1: invoices and credit notes, Peppol BIS among them."""

import re
from collections.abc import Iterator

from converto.kernel.e_invoices.e_invoice import VAT, EInvoice, Seller, Tax, business_id_in
from converto.kernel.e_invoices.figures import day, number_at
from converto.kernel.e_invoices.xml_tree import Element

ROOTS = ("Invoice", "CreditNote")
_EMPTY = Element("", {})


def read_ubl(root: Element) -> EInvoice | None:
    """Return what an UBL invoice says; None where the XML is another kind."""
    sums = root.first("LegalMonetaryTotal")
    if root.name not in ROOTS or sums is None:
        return None
    means = root.first("PaymentMeans") or _EMPTY
    return EInvoice(
        number=root.said("ID"),
        type_code=root.said("InvoiceTypeCode|CreditNoteTypeCode") or ("381" if root.name == "CreditNote" else "380"),
        date=day(root.said("IssueDate")),
        currency=root.said("DocumentCurrencyCode"),
        seller=_seller(root.first("AccountingSupplierParty", "Party") or _EMPTY),
        total=number_at(sums, "TaxInclusiveAmount"),
        net_total=number_at(sums, "TaxExclusiveAmount"),
        vat_total=number_at(root, "TaxTotal", "TaxAmount"),
        payable=number_at(sums, "PayableAmount"),
        due_date=day(root.said("DueDate")) or day(means.said("PaymentDueDate")),
        payment_means=means.said("PaymentMeansCode"),
        account=means.said("PayeeFinancialAccount", "ID"),
        reference=means.said("PaymentID"),
        taxes=tuple(_taxes(root)),
        buyer=_name(root.first("AccountingCustomerParty", "Party") or _EMPTY),
    )


def _name(party: Element) -> str | None:
    return party.said("PartyLegalEntity", "RegistrationName") or party.said("PartyName", "Name")


def _seller(party: Element) -> Seller:
    vat_id = re.sub(r"\s", "", party.said("PartyTaxScheme", "CompanyID") or "").upper()
    registered = business_id_in(party.said("PartyLegalEntity", "CompanyID") or "")
    return Seller(
        name=_name(party),
        vat_id=vat_id or None,
        business_id=registered or (business_id_in(vat_id[2:]) if vat_id.startswith("FI") else None),
    )


def _taxes(root: Element) -> Iterator[Tax]:
    for row in root.every("TaxTotal", "TaxSubtotal"):
        rate = number_at(row, "TaxCategory", "Percent")
        category = row.said("TaxCategory", "ID")
        net, tax = number_at(row, "TaxableAmount"), number_at(row, "TaxAmount")
        if rate is None and not tax:  # an exempt row may leave the percentage out
            rate = number_at(row, "TaxAmount")
        if rate is not None:
            kind = (row.said("TaxCategory", "TaxScheme", "ID") or VAT).upper()
            yield Tax(rate.normalize(), net, tax, kind, category)
