"""E-invoices in the Cross Industry syntax."""

import contextlib
import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converto.kernel.e_invoices.cross_industry import read_cross_industry
from converto.kernel.e_invoices.e_invoice import EInvoice, Item, Seller, Tax
from converto.kernel.e_invoices.xml_tree import MAX_BYTES, UnreadableXml
from tests.ocr.answer_keys.invoices import newer, older

BOMB = (
    b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;">]><CrossIndustryInvoice>&d;</CrossIndustryInvoice>'
)


def invoice(content: bytes) -> EInvoice:
    read = read_cross_industry(content)
    assert read is not None
    return read[1]


def test_an_invoice_is_read_as_it_was_written() -> None:
    assert invoice(newer()) == EInvoice(
        number="2026-118",
        type_code="380",
        date=datetime.date(2026, 11, 14),
        currency="EUR",
        seller=Seller("Leipomo Koivu Oy", "Koivutie 4, 33100 Tampere", "FI23456780", "2345678-0"),
        total=Decimal("239.00"),
        net_total=Decimal("200.00"),
        vat_total=Decimal("39.00"),
        payable=Decimal("239.00"),
        due_date=datetime.date(2026, 12, 14),
        payment_means="58",
        account="FI21 1234 5600 0007 85",
        reference="RF341234561",
        taxes=(
            Tax(Decimal("13.5"), Decimal("100.00"), Decimal("13.50")),
            Tax(Decimal("25.5"), Decimal("100.00"), Decimal("25.50")),
        ),
        items=(Item("Ruisleipä", Decimal("100.00"), Decimal(40), Decimal("2.50"), Decimal("13.5")),),
    )


def test_the_first_generation_is_read_too() -> None:
    read = invoice(older())

    assert (read.seller.name, read.date, read.currency) == ("Bäckerei Birke", datetime.date(2014, 7, 3), "EUR")
    assert (read.total, read.net_total, read.vat_total) == (Decimal("8.33"), Decimal("7.00"), Decimal("1.33"))
    assert read.taxes == (Tax(Decimal(19), Decimal("7.00"), Decimal("1.33")),)
    assert read.items == (Item("Brötchen", Decimal("7.00")),)


def test_a_price_for_a_hundred_pieces_is_not_told_as_one_pieces() -> None:
    assert invoice(older()).items[0].unit_price is None


@pytest.mark.parametrize(("type_code", "given_back"), [("381", True), ("261", True), ("380", False), ("384", False)])
def test_a_credit_note_is_known_by_its_type(type_code: str, given_back: bool) -> None:  # noqa: FBT001  one of a table
    assert invoice(newer(type_code=type_code)).is_credit_note is given_back


@pytest.mark.parametrize("total", ["", "abc", "1e9", "NaN", "Infinity", "1,50", "--1", "9" * 400, "\u0663.\u0663"])
def test_an_amount_that_is_none_is_left_out(total: str) -> None:
    assert invoice(newer(total=total)).total is None


@pytest.mark.parametrize("due", ["", "20261301", "2026", "202612141", "morgen", "00000000"])
def test_a_day_that_is_none_is_left_out(due: str) -> None:
    assert invoice(newer(due=due)).due_date is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not XML",
        newer()[:900],
        newer().replace(b"</ram:SellerTradeParty>", b""),
        BOMB,
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><CrossIndustryInvoice/>',
        b"<a>&unknown;</a>",
        b"<a>" * 10_000,
        b"<a>" + b"<b/>" * 300_000 + b"</a>",
        b"<a>" + b" " * MAX_BYTES + b"</a>",
        b'<?xml version="1.0" encoding="klingon"?><a/>',
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        b'<?xml version="1.0" encoding="rot13"?><a/>',
        "<a>ä</a>".encode("iso-8859-1"),
    ],
)
def test_damaged_and_hostile_xml_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableXml):
        read_cross_industry(content)


@pytest.mark.parametrize("content", [b"<html/>", b"<CrossIndustryInvoice/>", b"<Invoice xmlns='urn:oasis:ubl'><ID>1</ID></Invoice>"])
def test_other_xml_is_no_such_invoice(content: bytes) -> None:
    assert read_cross_industry(content) is None


@settings(max_examples=60)
@given(st.integers(0, len(newer()) - 1), st.binary(min_size=1, max_size=4))
def test_no_damage_breaks_the_reader(place: int, put: bytes) -> None:
    content = newer()
    with contextlib.suppress(UnreadableXml):
        read_cross_industry(content[:place] + put + content[place + len(put) :])
