"""E-invoices to vouchers, without any reading of pictures."""

from decimal import Decimal

import pytest

from converto.kernel.actor import Actor
from converto.vat.boxes import Treatment
from converto.vat.e_invoices import NotAnEInvoice, voucher_of
from converto.vat.interface import NoEInvoice
from converto.vat.rates import installed_rates
from tests.kernel.e_invoices.written import finvoice, ubl
from tests.vat.house import House, voucher

BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><Finvoice>&d;</Finvoice>'


@pytest.mark.parametrize("version", ["1.3", "2.01", "3.0"])
@pytest.mark.parametrize("envelope", [False, True])
def test_a_finvoice_gives_its_own_figures(version: str, *, envelope: bool) -> None:
    made = voucher_of(finvoice(version, envelope=envelope), installed_rates()).voucher
    assert (made.supplier, made.seller_id, made.buyer, str(made.document_date)) == (
        "Esimerkki Myyjä Oy",
        "2345678-0",
        "Ostaja Oy",
        "2026-01-15",
    )
    assert (made.iban, made.reference_number, made.receipt_number, made.total) == ("FI2112345600000785", "1232", "1001", Decimal("173.92"))
    assert [(line.rate, line.net, line.vat) for line in made.lines] == [
        (Decimal("25.5"), Decimal("31.13"), Decimal("7.93")),
        (Decimal("13.5"), Decimal("118.80"), Decimal("16.06")),
    ]


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_credit_note_takes_back(sign: str) -> None:
    made = voucher_of(finvoice(kind="INV02", sign=sign), installed_rates()).voucher
    assert [line.vat for line in made.lines] == [Decimal("-7.93"), Decimal("-16.06")]


@pytest.mark.parametrize(
    ("given", "treatment", "rate"),
    [
        ({}, Treatment.DOMESTIC_PURCHASE, "25.5"),
        ({"tax": "0", "rate": "0", "total": "100.00", "category": "AE"}, Treatment.CONSTRUCTION_PURCHASE_RC, "25.5"),
        ({"vat_id": "DE136695976", "tax": "0", "rate": "0", "total": "100.00", "category": "K"}, Treatment.EU_GOODS_PURCHASE, "25.5"),
        ({"vat_id": "DE136695976", "tax": "0", "rate": "0", "total": "100.00", "category": "AE"}, Treatment.EU_SERVICE_PURCHASE, "25.5"),
        ({"tax": "0", "rate": "0", "total": "100.00", "category": "E"}, Treatment.EXEMPT_PURCHASE, "0"),
        ({"vat_id": "DE136695976", "tax": "19.00", "rate": "19", "total": "119.00"}, Treatment.EXEMPT_PURCHASE, "0"),
        ({"scheme": "IPT"}, Treatment.EXEMPT_PURCHASE, "0"),
    ],
)
def test_an_ubl_invoice_is_treated_by_its_category_and_its_seller(given: dict[str, str], treatment: Treatment, rate: str) -> None:
    made = voucher_of(ubl(**given), installed_rates())
    (line,) = made.voucher.lines
    assert (line.treatment, line.rate, made.voucher.supplier) == (treatment, Decimal(rate), "Seller Ltd")
    assert [one.code for one in made.noted] == (["foreign_vat"] if given.get("rate") == "19" else ["not_vat"] if "scheme" in given else [])


def test_an_ubl_credit_note_takes_back() -> None:
    assert [line.vat for line in voucher_of(ubl("CreditNote"), installed_rates()).voucher.lines] == [Decimal("-25.50")]


@pytest.mark.parametrize("content", [b"", b"<a/>", b"not xml", BOMB, b"<Finvoice/>", finvoice()[:-40]])
def test_what_is_no_invoice_is_refused(content: bytes) -> None:
    with pytest.raises(NotAnEInvoice):
        voucher_of(content, installed_rates())


async def test_an_e_invoice_becomes_a_draft_and_is_kept_unchanged(house: House, aino: Actor) -> None:
    draft = await house.vat.take_e_invoice(aino, finvoice())
    again = await house.vat.take_e_invoice(aino, finvoice())
    booked = await house.vat.approve(aino, draft.id)
    assert (booked.vat_total, (await house.vat.e_invoice(aino, draft.id)).content) == (Decimal("23.99"), finvoice())
    assert "duplicate_exact" in {one.code for one in again.findings}


async def test_a_voucher_that_was_typed_has_no_e_invoice(house: House, aino: Actor) -> None:
    typed = await house.vat.add_voucher(aino, voucher({"treatment": "exempt_purchase", "net": "1.00"}))
    with pytest.raises(NoEInvoice):
        await house.vat.e_invoice(aino, typed.id)
