"""From what was read on a document to a draft voucher."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from converto.kernel.actor import Actor
from converto.ocr.interface import Finding, Kind, LineItem, Scan
from converto.vat.booking import booked_line
from converto.vat.boxes import Treatment, installed_form
from converto.vat.drafting import Drafted, drafted, with_known_rates
from converto.vat.findings import Known, findings, told
from converto.vat.rates import installed_rates
from converto.vat.vouchers import NewVoucher, VoucherSource
from tests.vat.house import House

RATES = installed_rates()
BOX = {"x": 0.1, "y": 0.5, "width": 0.3, "height": 0.02}
ROW: dict[str, Any] = {"rate": "25.5", "net": "31.13", "vat": "7.93", "gross": "39.06", "confidence": 0.97, "page": 1, "box": BOX}
BLOCK = "KORTTITAPAHTUMA\nYritys/Ala: 001876143605/5411\nViite: 260102037821\n"


def scan(*rows: dict[str, Any], text: str = "", kind: str = "receipt", **fields: Any) -> Scan:
    told = {name: {"value": value, "confidence": 0.9, "page": 1, "box": None} for name, value in fields.items()}
    made = {
        "id": uuid4(), "status": "completed", "kind": kind, "languages": ["fin"], "filename": "k.png", "media_type": "image/png",
        "bytes": 1,
        "created_at": datetime(2026, 1, 3, 22, 30, tzinfo=UTC), "engine": "tesseract", "text": text, "fields": told, "vat_lines": rows,
    }  # fmt: skip
    return Scan.model_validate(made)


def sketched(given: Scan) -> Drafted | None:
    return drafted(given, RATES)


TOTAL = {"amount": "39.06", "currency": "EUR"}


def test_the_printed_tax_is_drafted_with_its_place() -> None:
    found = sketched(scan(ROW, total=TOTAL, date="2026-01-02", vendor="Lumo Oy", business_id="2077474-0"))
    assert found is not None
    (line,) = found.voucher.lines
    assert (line.vat, line.rate, line.evidence and line.evidence.box and line.evidence.box.y) == (Decimal("7.93"), Decimal("25.5"), 0.5)
    assert (found.voucher.seller_id, found.voucher.document_date, found.noted) == ("2077474-0", date(2026, 1, 2), ())


@pytest.mark.parametrize(
    ("net", "vat", "gross", "rate"),
    # rows of receipts on which what the rate gives from the gross misses the printed cent
    [("31.13", "7.93", "39.06", "25.5"), ("118.80", "16.06", "134.86", "13.5")],
)
def test_the_printed_cent_is_kept_where_the_rate_gives_another(net: str, vat: str, gross: str, rate: str) -> None:
    found = sketched(scan({**ROW, "net": net, "vat": vat, "gross": gross, "rate": rate}, date="2026-01-02"))
    assert found is not None
    line = booked_line(found.voucher.lines[0], 1, rates=installed_rates(), form=installed_form(), on=date(2026, 1, 2))
    assert (line.vat, line.vat_printed) == (Decimal(vat), Decimal(vat))


@pytest.mark.parametrize(("printed", "booked"), [("39.06", "-39.06"), ("-39.06", "-39.06")])
def test_a_credit_note_lessens_what_was_bought_whatever_sign_it_bears(printed: str, booked: str) -> None:
    sign = -1 if printed.startswith("-") else 1
    row = {**ROW, **{name: str(sign * Decimal(ROW[name])) for name in ("net", "vat", "gross")}}
    given = scan(row, total={**TOTAL, "amount": printed}, date="2026-01-02")
    credit = Finding(code="credit_note", severity="info", field="total", detail="It is given back.")
    found = sketched(given.model_copy(update={"findings": (credit,)}))
    assert found is not None
    (line,) = found.voucher.lines
    assert (found.voucher.total, line.net, line.vat, line.gross) == (
        Decimal(booked),
        Decimal("-31.13"),
        Decimal("-7.93"),
        Decimal("-39.06"),
    )


def codes(given: Scan) -> set[str]:
    found = sketched(given)
    assert found is not None
    return {noted.code for noted in found.noted}


def test_a_rate_that_was_never_one_is_a_cost_and_is_said() -> None:
    found = sketched(scan({**ROW, "rate": "13.5", "net": "10.00", "vat": "1.35", "gross": "11.35"}, ROW, total=TOTAL, date="2025-06-02"))
    assert found is not None
    known = with_known_rates(found, installed_rates())
    assert [(line.treatment, line.gross) for line in known.voucher.lines] == [
        (Treatment.EXEMPT_PURCHASE, Decimal("11.35")),
        (Treatment.DOMESTIC_PURCHASE, Decimal("39.06")),
    ]
    assert [(one.code, one.line) for one in known.noted] == [("rate_not_in_force", 1)]


def test_a_row_that_does_not_add_up_is_drafted_and_said() -> None:
    found = sketched(scan({**ROW, "gross": "39.60"}, total=TOTAL, date="2026-01-02"))
    assert found is not None
    booked_line(found.voucher.lines[0], 1, rates=installed_rates(), form=installed_form(), on=date(2026, 1, 2))
    assert [(one.code, one.line) for one in found.noted] == [("sum_mismatch", 1)]


def test_what_is_missing_is_said() -> None:
    assert codes(scan(total=TOTAL)) == {"date_missing", "vat_table_missing"}


def test_a_card_slip_alone_is_no_receipt() -> None:
    assert codes(scan(total=TOTAL, date="2026-01-02", text=BLOCK)) == {"card_slip_only"}


def test_a_card_slip_of_another_day_is_noticed_and_one_of_the_same_is_not() -> None:
    assert codes(scan(ROW, total=TOTAL, date="2026-02-02", text=BLOCK)) == {"card_date_mismatch"}
    assert codes(scan(ROW, total=TOTAL, date="2026-01-02", text=BLOCK)) == set()


def test_a_document_that_says_that_it_is_a_sample_is_suspect() -> None:
    assert codes(scan(ROW, total=TOTAL, date="2026-01-02", text="SAMPLE RECEIPT")) == {"synthetic_suspect"}


def test_the_merchant_code_gives_the_category_and_representation_is_not_deducted() -> None:
    shop = sketched(scan(ROW, total=TOTAL, date="2026-01-02", text=BLOCK))
    guests = sketched(scan(ROW, total=TOTAL, date="2026-01-02", text=f"{BLOCK}Edustus\n"))
    assert shop is not None
    assert guests is not None
    assert (shop.voucher.lines[0].category, shop.voucher.lines[0].deductible_share) == ("food_and_feed", Decimal(1))
    assert (guests.voucher.lines[0].category, guests.voucher.lines[0].deductible_share) == ("representation", Decimal(0))


def test_a_letter_gives_no_voucher() -> None:
    assert sketched(scan(kind=Kind.TEXT, text="Hei!")) is None
    assert sketched(scan()) is None


def test_a_day_that_is_not_read_is_the_day_of_the_upload_in_finland() -> None:
    found = sketched(scan(ROW, total=TOTAL))
    assert found is not None
    assert found.voucher.document_date == date(2026, 1, 4)


def told_by_the_reader(code: str, detail: str = "", **more: Any) -> Scan:
    finding = {"code": code, "severity": "warning", "field": "total", "detail": detail, **more}
    return scan(ROW, total=TOTAL, date="2026-01-02").model_copy(update={"findings": (Finding.model_validate(finding),)})


@pytest.mark.parametrize("code", ["barcode_mismatch", "qr_mismatch", "e_invoice_mismatch"])
def test_a_code_that_says_otherwise_than_the_text_is_noticed(code: str) -> None:
    found = sketched(told_by_the_reader(code, "The bank barcode says 12.00 EUR, the page 39.06 EUR; the bank barcode counts."))
    assert found is not None
    (noted,) = found.noted
    assert (noted.code, dict(noted.details)["field"]) == ("barcode_mismatch", "total")
    assert "39.06" in told(noted).fi.message


def test_several_sellers_are_noticed() -> None:
    found = sketched(told_by_the_reader("seller_id_several", "Several business ids are printed: 2077474-0, 0112038-9."))
    assert found is not None
    assert "2077474-0, 0112038-9" in told(found.noted[0]).sv.message


async def test_what_a_document_told_holds_after_a_person_has_changed_the_draft(house: House, aino: Actor) -> None:
    text = f"{BLOCK}SAMPLE RECEIPT"
    several = Finding(code="seller_id_several", severity="info", field="business_id", detail="2077474-0, 0112038-9")
    read = scan(ROW, text=text, total={**TOTAL, "amount": "50.00"}, date="2026-02-02", business_id="2077474-0")
    made = sketched(read.model_copy(update={"findings": (several,)}))
    assert made is not None
    draft = await house.service.books.draft(aino, made, source=VoucherSource.SCAN)
    given = {
        "document_date": draft.document_date,
        "lines": [{"treatment": "domestic_purchase", "rate": "25.5", "net": "31.13", "vat": "7.93"}],
    }

    same = await house.vat.change_draft(aino, draft.id, given=NewVoucher.model_validate({**given, "seller_id": "FI20774740"}))
    mended = await house.vat.change_draft(
        aino,
        draft.id,
        given=NewVoucher.model_validate({**given, "document_date": "2026-01-02", "seller_id": "0112038-9", "total": "39.06"}),
    )

    mendable = {"sum_mismatch", "card_date_mismatch", "seller_id_several"}
    assert {one.code for one in draft.findings} == {one.code for one in same.findings} == {*mendable, "synthetic_suspect"}
    assert {one.code for one in mended.findings} == {"synthetic_suspect"}
    assert (same.scan_id, mended.scan_id) == (draft.scan_id, draft.scan_id)


async def test_the_same_document_scanned_twice_is_noticed_and_one_like_it_too(house: House, aino: Actor) -> None:
    first = scan(ROW, total=TOTAL, date="2026-01-02", business_id="2077474-0")
    twin = first.model_copy(update={"id": uuid4(), "duplicate_of": first.id})
    alike = told_by_the_reader("near_duplicate", scan_id=first.id)
    drafts = []
    for one in (first, twin, alike):
        made = sketched(one)
        assert made is not None
        drafts.append(await house.service.books.draft(aino, made, source=VoucherSource.SCAN))
    assert [{one.code for one in draft.findings} & {"duplicate_exact", "duplicate_near"} for draft in drafts] == [
        set(),
        {"duplicate_exact"},
        {"duplicate_near"},
    ]


STATED: dict[str, Any] = {"net": "100.00", "confidence": 0.99, "source": "e-invoice"}


@pytest.mark.parametrize(
    ("seller", "row", "treatment", "amounts"),
    [
        ("FI20774740", {"rate": "25.5", "vat": "25.50", "category": "S"}, Treatment.DOMESTIC_PURCHASE, ("25.5", "100.00", "25.50", None)),
        ("FI20774740", {"rate": "0", "vat": "0.00", "category": "AE"}, Treatment.CONSTRUCTION_PURCHASE_RC, ("25.5", "100.00", None, None)),
        ("DE136695976", {"rate": "0", "vat": "0.00", "category": "AE"}, Treatment.EU_SERVICE_PURCHASE, ("25.5", "100.00", None, None)),
        ("DE136695976", {"rate": "0", "vat": "0.00", "category": "K"}, Treatment.EU_GOODS_PURCHASE, ("25.5", "100.00", None, None)),
        ("DE136695976", {"rate": "0", "vat": "0.00", "category": "E"}, Treatment.EXEMPT_PURCHASE, ("0", "100.00", None, None)),
        ("DE136695976", {"rate": "19", "vat": "19.00", "category": "S"}, Treatment.EXEMPT_PURCHASE, ("0", None, None, "119.00")),
        ("EL094019245", {"rate": "13.5", "vat": "13.50", "category": "S"}, Treatment.EXEMPT_PURCHASE, ("0", None, None, "113.50")),
        ("FI20774740", {"rate": "25.5", "vat": "25.50", "type_code": "IPT"}, Treatment.EXEMPT_PURCHASE, ("0", None, None, "125.50")),
    ],
)
def test_an_e_invoice_within_a_pdf_is_treated_by_its_category_and_its_seller(
    seller: str, row: dict[str, str], treatment: Treatment, amounts: tuple[str | None, ...]
) -> None:
    found = sketched(scan({**STATED, **row}, date="2026-01-02", vat_id=seller, kind="invoice"))
    assert found is not None
    (line,) = found.voucher.lines
    assert line.treatment is treatment
    assert (line.rate, line.net, line.vat, line.gross) == tuple(None if one is None else Decimal(one) for one in amounts)
    abroad = seller[:2] != "FI" and "type_code" not in row and row["rate"] != "0"
    assert [one.code for one in found.noted] == (["foreign_vat"] if abroad else ["not_vat"] if "type_code" in row else [])


def test_a_rate_of_another_country_is_said_to_be_foreign() -> None:
    row = {**ROW, "rate": "19", "net": "100.00", "vat": "19.00", "gross": "119.00"}
    found = sketched(scan(row, row, date="2026-01-02", vat_id="DE136695976"))
    assert found is not None
    known = with_known_rates(found, RATES)
    assert [one.code for one in known.noted] == ["foreign_vat"]
    assert {line.treatment for line in known.voucher.lines} == {Treatment.EXEMPT_PURCHASE}


def test_the_things_whose_rate_is_not_printed_count_for_each_rate() -> None:
    things = [{"description": "Kerma", "total": "1.00", "confidence": 0.9, **more} for more in ({}, {}, {"vat_rate": "13.5"})]
    found = sketched(scan(ROW, date="2026-01-02").model_copy(update={"line_items": tuple(LineItem.model_validate(one) for one in things)}))
    assert found is not None
    assert [line.items for line in found.voucher.lines] == [2]


@pytest.mark.parametrize(
    ("reference", "seller", "is_wrong"),
    [
        ("12345", "2077474-0", True),
        ("RF00 1232", "2077474-0", True),
        ("RF00 1232", "DE136695976", True),
        ("1232", "2077474-0", False),
        ("RE-20171118/506", "2077474-0", False),
        ("12345", "DE136695976", False),
    ],
)
def test_only_what_has_a_check_digit_can_have_a_wrong_one(reference: str, seller: str, *, is_wrong: bool) -> None:
    given = NewVoucher.model_validate(
        {
            "document_date": "2026-01-02",
            "reference_number": reference,
            "seller_id": seller,
            "lines": [{"treatment": "exempt_purchase", "net": "1"}],
        }
    )
    booked = [booked_line(given.lines[0], 1, rates=RATES, form=installed_form(), on=given.tax_date)]
    codes = {one.code for one in findings(given, booked, RATES, known=Known(today=given.document_date))}
    assert ("reference_invalid" in codes) is is_wrong
