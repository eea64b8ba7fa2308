"""Whole documents with answer keys, through the real readers."""

import datetime
from decimal import Decimal

import pytest
from PIL import Image

from converto.ocr.document import EngineChoice, Fields, Kind, Reading, Source
from converto.ocr.reading import read
from tests.kernel.identifiers.encoders import barcode_digits, drawn_barcode, drawn_qr, transfer_text
from tests.ocr.answer_keys.attached import pdf_with
from tests.ocr.answer_keys.invoices import newer, older
from tests.ocr.drawn import drawn, saved
from tests.ocr.pdfs import pdf_of_text

IBAN = "FI2112345600000785"
DUE = datetime.date(2026, 12, 14)
DIGITS = barcode_digits(IBAN, Decimal("482.99"), "1234561", DUE)
TRANSFER = transfer_text("002", "1", "SCT", "", "Leipomo Koivu Oy", IBAN, "EUR482.99", "", "RF341234561")
INVOICE = (
    "LASKU 2026-118",
    "Leipomo Koivu Oy  Y-tunnus 2345678-0",
    "Laskun pvm 14.11.2026",
    "Eräpäivä 15.12.2026",
    "Tilinumero FI21 1234 5600 0007 85",
    "Viitenumero 12 34561",
    "",
    "ALV  VEROTON   VERO  VEROLLINEN",
    "25,5%  384,85  98,14     482,99",
    "",
    "Maksettava yhteensä EUR  482,99",
)


def reading(content: bytes, *, kind: Kind = Kind.AUTO) -> Reading:
    return read(content, languages=("fin",), today=datetime.date(2026, 11, 22), kind=kind, engine=EngineChoice.TESSERACT)


def slip(code: Image.Image, lines: tuple[str, ...] = INVOICE) -> Image.Image:
    """Return an invoice with a code below its text."""
    text = drawn(lines)
    page = Image.new("L", (max(text.width, code.width + 100), text.height + code.height + 100), 255)
    page.paste(text, (0, 0))
    page.paste(code, (50, text.height))
    return page


def sources(fields: Fields) -> dict[str, Source]:
    """Return the fields that do not come from the page's words."""
    return {name: found.source for name, found in fields if found is not None and found.source is not Source.OCR}


def codes_of(found: Reading) -> list[str]:
    return [finding.code for finding in found.findings]


def test_a_bank_barcode_on_a_picture_tells_what_to_pay() -> None:
    page = slip(drawn_barcode(DIGITS))

    found = reading(saved(page))

    fields = found.fields
    assert sources(fields) == dict.fromkeys(("iban", "reference_number", "due_date", "total"), Source.BARCODE)
    assert fields.total is not None
    assert (fields.total.value.amount, fields.total.confidence) == (Decimal("482.99"), 0.99)
    assert fields.total.box is not None
    assert fields.total.box.y == pytest.approx((page.height - 180) / page.height, abs=0.08)
    assert fields.iban is not None
    assert fields.iban.value == IBAN
    assert found.kind is Kind.INVOICE


def test_a_day_that_the_page_tells_otherwise_is_a_finding() -> None:
    found = reading(saved(slip(drawn_barcode(DIGITS))))

    assert found.fields.due_date is not None
    assert found.fields.due_date.value == DUE
    [finding] = [finding for finding in found.findings if finding.code == "barcode_mismatch"]
    assert finding.field == "due_date"
    assert "2026-12-15" in finding.detail


def test_a_payment_qr_code_tells_what_to_pay_where_there_is_no_text() -> None:
    found = reading(saved(drawn_qr(TRANSFER)))

    assert sources(found.fields) == dict.fromkeys(("iban", "reference_number", "total"), Source.QR)
    assert found.fields.total is not None
    assert found.fields.total.value.amount == Decimal("482.99")
    assert found.kind is Kind.INVOICE


def test_a_qr_code_that_leads_to_the_web_tells_nothing() -> None:
    assert sources(reading(saved(drawn_qr("https://example.com/receipt/7"))).fields) == {}


def test_an_amount_of_zero_is_open_and_the_pages_own_stays() -> None:
    digits = barcode_digits(IBAN, None, "1234561", None)

    fields = reading(pdf_of_text([(*INVOICE, digits)], size=(520, 320))).fields

    assert sources(fields) == dict.fromkeys(("iban", "reference_number"), Source.BARCODE)
    assert fields.total is not None
    assert fields.total.value.amount == Decimal("482.99")


def test_the_digits_of_a_barcode_in_a_pdfs_own_text_count_as_well() -> None:
    found = reading(pdf_of_text([(*INVOICE, DIGITS)], size=(520, 320)))

    assert found.engine == "text-layer"
    assert sources(found.fields) == dict.fromkeys(("iban", "reference_number", "due_date", "total"), Source.BARCODE)
    assert found.fields.total is not None
    assert found.fields.total.box is not None
    assert found.fields.total.box.y > 0.45


def test_two_barcodes_tell_only_what_they_share() -> None:
    other = barcode_digits(IBAN, Decimal("100.00"), "1234561", DUE)

    found = reading(pdf_of_text([(*INVOICE, DIGITS, other)], size=(520, 320)))

    assert sources(found.fields) == dict.fromkeys(("iban", "reference_number", "due_date"), Source.BARCODE)
    assert "payments_several" in codes_of(found)


def test_an_e_invoice_inside_a_pdf_stands_before_what_its_page_says() -> None:
    found = reading(pdf_with({"factur-x.xml": newer()}, INVOICE))

    fields = found.fields
    assert fields.total is not None
    assert (fields.total.value.amount, fields.total.source) == (Decimal("239.00"), Source.E_INVOICE)
    assert [(str(row.rate), str(row.net), str(row.vat), row.source) for row in found.vat_lines] == [
        ("13.5", "100.00", "13.50", Source.E_INVOICE),
        ("25.5", "100.00", "25.50", Source.E_INVOICE),
    ]
    assert [(item.description, str(item.quantity), str(item.unit_price)) for item in found.line_items] == [("Ruisleipä", "40", "2.50")]
    mismatches = {finding.field for finding in found.findings if finding.code == "e_invoice_mismatch"}
    assert mismatches == {"total", "net_total", "vat_total", "due_date"}


def test_where_the_page_says_the_same_its_place_is_told() -> None:
    found = reading(pdf_with({"factur-x.xml": newer()}, INVOICE))

    assert found.fields.date is not None
    assert (found.fields.date.source, found.fields.date.confidence) == (Source.E_INVOICE, 0.99)
    assert found.fields.date.box is not None
    assert found.fields.iban is not None
    assert found.fields.iban.box is not None


def test_of_two_e_invoices_the_newer_kind_counts() -> None:
    found = reading(pdf_with({"ZUGFeRD-invoice.xml": older(), "factur-x.xml": newer()}, INVOICE))

    assert found.fields.receipt_number is not None
    assert found.fields.receipt_number.value == "2026-118"


def test_a_credit_note_is_told_and_the_pages_minus_is_no_mismatch() -> None:
    lines = tuple(line.replace("482,99", "-239,00") for line in INVOICE)

    found = reading(pdf_with({"factur-x.xml": newer(type_code="381")}, lines))

    assert "credit_note" in codes_of(found)
    assert not [finding for finding in found.findings if finding.code == "e_invoice_mismatch" and finding.field == "total"]


@pytest.mark.parametrize(
    ("invoice", "printed", "field"),
    [
        (newer(due="20261203"), ("15.12.2026", "12.3.2026"), "due_date"),  # December 3rd, as some write it
        (newer().replace(b"2026-118", b"E2026-118"), ("2026-118", "2026-118"), "receipt_number"),
        (newer(total="-239.00", payable="-239.00"), ("482,99", "239,00"), "total"),
    ],
)
def test_what_the_page_writes_another_way_is_no_mismatch(invoice: bytes, printed: tuple[str, str], field: str) -> None:
    found = reading(pdf_with({"factur-x.xml": invoice}, tuple(line.replace(*printed) for line in INVOICE)))

    assert getattr(found.fields, field) is not None
    assert field not in {finding.field for finding in found.findings if finding.code == "e_invoice_mismatch"}


def test_of_several_days_on_the_page_the_e_invoice_knows_which_is_its_own() -> None:
    lines = tuple(line.replace("14.11.2026", "12.11.2026") for line in INVOICE)

    told = {
        bears: {finding.field for finding in reading(pdf_with({"factur-x.xml": newer()}, page)).findings if "mismatch" in finding.code}
        for bears, page in ((False, lines), (True, (*lines, "Tampere, 14. marraskuuta 2026")))
    }

    assert ("date" in told[False], "date" in told[True]) == (True, False)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"iban": "DE12 1234 4321 9876 00"}, "iban_invalid"),
        ({"total": "240.00"}, "sum_mismatch"),
        ({"tax": "ZF_INSURANCE_TAX"}, "not_vat"),
        ({"payable": "139.00"}, "payable_differs"),
    ],
)
def test_what_is_odd_about_an_e_invoice_is_told(said: dict[str, str], code: str) -> None:
    assert code in codes_of(reading(pdf_with({"factur-x.xml": newer(**said)}, INVOICE)))


@pytest.mark.parametrize(
    "content",
    [
        newer()[:1500],
        b"<!DOCTYPE a [<!ENTITY b 'ha'>]><CrossIndustryInvoice>&b;</CrossIndustryInvoice>",
        b"<a>" * 100_000,
    ],
)
def test_an_e_invoice_that_cannot_be_read_leaves_the_page_and_is_told(content: bytes) -> None:
    found = reading(pdf_with({"factur-x.xml": content}, INVOICE))

    assert sources(found.fields) == {}
    assert found.fields.total is not None
    assert found.fields.total.value.amount == Decimal("482.99")
    assert "e_invoice_unreadable" in codes_of(found)


@pytest.mark.parametrize("files", [{"terms.xml": b"<html/>"}, {"factur-x.txt": newer()}, {"empty.bin": b""}])
def test_other_attachments_change_nothing(files: dict[str, bytes]) -> None:
    found = reading(pdf_with(files, INVOICE))

    assert sources(found.fields) == {}
    assert "e_invoice_unreadable" not in codes_of(found)


def test_who_wants_only_the_text_gets_no_keys() -> None:
    assert sources(reading(pdf_with({"factur-x.xml": newer()}, INVOICE), kind=Kind.TEXT).fields) == {}
