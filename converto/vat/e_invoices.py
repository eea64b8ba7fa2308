"""From an e-invoice to a voucher: its own figures, and nothing read from a picture."""

from collections.abc import Iterator
from decimal import Decimal
from hashlib import sha256
from uuid import UUID

from converto.kernel.e_invoices.e_invoice import VAT, EInvoice
from converto.kernel.e_invoices.reading import read_e_invoice
from converto.kernel.e_invoices.xml_tree import UnreadableXml
from converto.kernel.errors import Invalid
from converto.vat.boxes import Treatment
from converto.vat.drafting import HOME, Drafted, treatment_of
from converto.vat.findings import Noted
from converto.vat.rates import Rates
from converto.vat.vouchers import Basis, NewLine, NewVoucher

ZERO = Decimal(0)


class NotAnEInvoice(Invalid):
    """XML that is damaged, or that is no invoice."""

    code = "vat.not_an_e_invoice"
    message = "This is no Finvoice, UBL or Cross Industry Invoice: {reason}."


def e_invoice_key(tenant_id: UUID, digest: str) -> str:
    """Return where an e-invoice lies, unchanged."""
    return f"vat/{tenant_id}/e-invoices/{digest}"


def voucher_of(content: bytes, rates: Rates) -> Drafted:
    """Return the voucher of an e-invoice, with what is to be known of it. Raises NotAnEInvoice."""
    try:
        found = read_e_invoice(content)
    except UnreadableXml as error:
        raise NotAnEInvoice(reason=str(error)[:200]) from error
    if found is None or found.date is None or found.total is None:
        raise NotAnEInvoice(reason="its kind, its day or its total is not known")
    sign = -1 if found.is_credit_note and found.total > 0 else 1
    country = (found.seller.vat_id or HOME)[:2]
    voucher = NewVoucher(
        supplier=_cut(found.seller.name),
        seller_id=_cut(found.seller.business_id or found.seller.vat_id),
        buyer=_cut(found.buyer),
        document_date=found.date,
        currency=found.currency or "EUR",
        total=_plain(found.total * sign),
        receipt_number=_cut(found.number),
        reference_number=_cut(found.reference),
        iban=_cut(found.account),
        original_sha256=sha256(content).hexdigest(),
        lines=tuple(_lines(found, rates, sign=sign, country=country)),
    )
    return Drafted(voucher, tuple(_noted(found, country)))


def _noted(found: EInvoice, country: str) -> Iterator[Noted]:
    stated = [tax for tax in found.taxes if tax.tax]
    if country != HOME and any(tax.type_code == VAT for tax in stated):
        yield Noted("foreign_vat", None, (("country", country),))
    for other in sorted({tax.type_code for tax in stated} - {VAT}):
        yield Noted("not_vat", None, (("tax", other),))


def _lines(found: EInvoice, rates: Rates, *, sign: int, country: str) -> Iterator[NewLine]:
    rows = [tax for tax in found.taxes if tax.net is not None]
    for tax in rows:
        net, vat = (tax.net or ZERO) * sign, (tax.tax or ZERO) * sign
        treatment = treatment_of(tax.rate, tax.category, country=country, is_vat=tax.type_code == VAT)
        if treatment is Treatment.DOMESTIC_PURCHASE:
            yield NewLine(
                treatment=treatment, rate=tax.rate, net=_plain(net), vat=_plain(vat), items=_items(found, tax.rate), basis=Basis.E_INVOICE
            )
        elif treatment is Treatment.EXEMPT_PURCHASE:
            yield NewLine(treatment=treatment, gross=_plain(net + vat), basis=Basis.E_INVOICE)
        else:  # the buyer works the tax out, by the standard rate of the day
            rate = rates.rate("standard", found.date).value if found.date is not None else ZERO
            yield NewLine(treatment=treatment, rate=rate, net=_plain(net), basis=Basis.E_INVOICE)
    if not rows:
        yield NewLine(treatment=Treatment.EXEMPT_PURCHASE, gross=_plain((found.total or ZERO) * sign), basis=Basis.E_INVOICE)


def _items(found: EInvoice, rate: Decimal) -> int | None:
    return sum(item.rate == rate for item in found.items) or None


def _plain(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"))


def _cut(text: str | None) -> str | None:
    return None if text is None else text[:200]
