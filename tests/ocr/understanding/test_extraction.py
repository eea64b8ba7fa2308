"""What is understood of a document whose words were all read right, and of one whose words were not."""

import datetime
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from converto.ocr.interface import Kind, PaymentMethod
from converto.ocr.understanding.extraction import Extracted, extract
from tests.ocr.drawn import GROCERY
from tests.ocr.pages import page

TODAY = datetime.date(2026, 11, 22)
CARD_BLOCK = (
    "KORTTITAPAHTUMA",
    "Kortti: VISA DEBIT",
    "**** **** **** 4089 CP",
    "Tap.nro/Varmennus: 06606/004481",
    "Yritys/Ala: 023456780239/5411",
    "Viite: 261114256606",
    "Debit/Veloitus   9,62 EUR",
)
GERMAN = (
    "Backhaus Muster GmbH",
    "Lange Strasse 12",
    "33098 Paderborn",
    "Roggenbrot          3,20 A",
    "Butterkuchen        5,94 A",
    "Servietten          2,38 B",
    "Summe EUR          11,52",
    "Bar                20,00",
    "Rückgeld            8,48",
    "MwSt    Netto   Steuer   Brutto",
    "A  7,00%   8,54     0,60     9,14",
    "B 19,00%   2,00     0,38     2,38",
    "18.05.2020 14:03 Uhr  Bon-Nr 4711",
)
INVOICE = (
    "Mallilan Paja Oy                    LASKU",
    "Pajakatu 6",
    "33100 Tampere",
    "Laskun numero 5512",
    "Laskun päivämäärä 15.09.2026",
    "Eräpäivä 29.09.2026",
    "Viitenumero 5 51203",
    "Asennustyö     7,5 h    62,00   25,5    465,00",
    "ALV-erittely        Veroton     ALV    Verollinen",
    "ALV 25,5 %        465,00     118,58       583,58",
    "Yhteensä          465,00     118,58       583,58",
    "Maksettava yhteensä             583,58 EUR",
    "Saajan tilinumero FI21 1234 5600 0007 85",
    "Y-tunnus 2345678-0   ALV-tunnus FI23456780",
)


def read(lines: Sequence[str], *, kind: Kind = Kind.AUTO, today: datetime.date = TODAY, confidence: float = 0.95) -> Extracted:
    return extract([page(lines, confidence=confidence)], kind=kind, today=today)


def values(extracted: Extracted) -> dict[str, Any]:
    """Return the fields that were found."""
    found = {name: getattr(extracted.fields, name) for name in type(extracted.fields).model_fields}
    return {name: field.value for name, field in found.items() if field is not None}


def codes(extracted: Extracted) -> set[str]:
    return {finding.code for finding in extracted.findings}


def vat(extracted: Extracted) -> list[tuple[str, ...]]:
    return [(str(row.rate), str(row.net), str(row.vat), str(row.gross)) for row in extracted.vat_lines]


def test_every_field_of_a_finnish_receipt_is_found() -> None:
    found = values(read([*GROCERY[:10], GROCERY[10], *CARD_BLOCK, *GROCERY[14:]]))

    assert found.pop("total").model_dump() == {"amount": Decimal("9.62"), "currency": "EUR"}
    assert found.pop("net_total").amount == Decimal("8.12")
    assert found.pop("vat_total").amount == Decimal("1.50")
    assert found == {
        "vendor": "Kahvila Koivu",
        "address": "Koivutie 4, 33100 TAMPERE",
        "business_id": "2345678-0",
        "date": datetime.date(2026, 11, 14),
        "time": datetime.time(17, 42),
        "receipt_number": "10482",
        "currency": "EUR",
        "payment_method": PaymentMethod.CARD,
        "card_last4": "4089",
        "category": "groceries",
    }


def test_vat_rows_are_given_as_printed() -> None:
    assert vat(read(GROCERY)) == [("25.5", "3.42", "0.87", "4.29"), ("13.5", "4.70", "0.63", "5.33")]


def test_items_bear_quantity_and_price_from_the_line_below() -> None:
    items = [(item.description, item.quantity, item.unit_price, item.total) for item in read(GROCERY).line_items]

    assert items == [
        ("RUISLEIPÄ", None, None, Decimal("2.95")),
        ("KEVYTMAITO", Decimal(2), Decimal("1.19"), Decimal("2.38")),
        ("TALOUSPAPERI", None, None, Decimal("4.29")),
    ]


def test_the_fat_of_cream_is_no_rate_of_tax() -> None:
    lines = [line.replace("KEVYTMAITO", "KERMAVIILI 10%") for line in GROCERY]

    assert [(item.description, item.vat_rate) for item in read(lines).line_items][1] == ("KERMAVIILI 10%", None)


def test_a_sound_receipt_has_no_findings() -> None:
    assert read(GROCERY).findings == ()


def test_every_field_says_where_it_stands() -> None:
    total = read(GROCERY).fields.total

    assert total is not None
    assert total.box is not None
    assert total.page == 1
    assert total.box.y == pytest.approx(10 * 0.02, abs=0.001)


def test_the_last_total_counts() -> None:
    lines = ["KAUPPA OY", "MAITO   1,19", "LEIPÄ  12,00", "YHTEENSÄ  13,19", "S-Etu kampanja  3,19-", "YHTEENSÄ  10,00", "KORTTI  10,00"]

    assert values(read(lines))["total"].amount == Decimal("10.00")


def test_the_total_after_rounding_counts() -> None:
    lines = [
        "KEDAI MAJU SDN BHD",
        "Cake  5.02",
        "Total Incl GST RM  5.02",
        "Rounding Adj  -0.02",
        "Total RM  5.00",
        "Cash 10.00",
        "Change 5.00",
    ]
    total = values(read(lines))["total"]

    assert (total.amount, total.currency) == (Decimal("5.00"), "MYR")


def test_a_total_that_could_not_be_read_is_what_was_paid_less_what_was_given_back() -> None:
    extracted = read(["KAHVILA OY", "YHTEENSÄ   ~~~", "KÄTEINEN  20,00", "TAKAISIN   4,50"])

    assert values(extracted)["total"].amount == Decimal("15.50")
    assert "total_derived" in codes(extracted)
    assert extracted.fields.total is not None
    assert extracted.fields.total.box is None


def test_a_misread_total_gives_way_to_the_one_that_was_paid_by_card() -> None:
    lines = ["SHOP LTD", "Item  70.10", "Tea  8.00", "TOTAL  728.10", "DEBIT CARD  78.10", "CHANGE 0.00"]

    assert values(read(lines))["total"].amount == Decimal("78.10")


def test_change_is_never_the_total() -> None:
    assert values(read(["KIOSKI OY", "LEHTI 4,50", "YHTEENSÄ 4,50", "KÄTEINEN 50,00", "TAKAISIN 45,50-"]))["total"].amount == Decimal(
        "4.50"
    )


def test_a_misread_amount_of_a_vat_row_is_mended_and_said_so() -> None:
    extracted = read([line.replace("4,70   0,63", "4,70  10,63") for line in GROCERY])

    assert vat(extracted)[1] == ("13.5", "4.70", "0.63", "5.33")
    assert "vat_misread" in codes(extracted)


@pytest.mark.parametrize("misread", ["25,508", "25.50X", "25;50%", "25,50"])
def test_a_misread_percent_sign_does_not_lose_the_row(misread: str) -> None:
    assert ("25.5", "3.42", "0.87", "4.29") in vat(read([line.replace("25,50%", misread) for line in GROCERY]))


def test_vat_that_does_not_fit_its_rate_is_told() -> None:
    extracted = read([line.replace("0,87        4,29", "1,87        5,29") for line in GROCERY])

    assert "vat_off_tolerance" in codes(extracted)


def test_a_vat_table_that_does_not_give_the_total_is_told() -> None:
    lines = [*GROCERY[:10], "YHTEENSÄ EUR  19,99", "PANKKIKORTTI  19,99", *GROCERY[14:17]]

    assert "sum_mismatch" in codes(read(lines))


def test_a_german_receipt_is_understood() -> None:
    extracted = read(GERMAN)
    found = values(extracted)

    assert found["vendor"] == "Backhaus Muster GmbH"
    assert found["total"].amount == Decimal("11.52")
    assert found["date"] == datetime.date(2020, 5, 18)
    assert found["payment_method"] is PaymentMethod.CASH
    assert vat(extracted) == [("7", "8.54", "0.60", "9.14"), ("19", "2.00", "0.38", "2.38")]
    assert [str(item.vat_rate) for item in extracted.line_items] == ["7", "7", "19"]


def test_a_swedish_receipt_is_understood() -> None:
    lines = ["Bageri Exempel Ab", "Kvitto nr 56102   18.7.2026 kl. 10.33", "Bulle   11,60", "ATT BETALA EUR   11,60", "Bankkort   11,60",
             "MOMS   NETTO   SKATT   BRUTTO", "13,50%   10,22   1,38   11,60"]  # fmt: skip
    found = values(read(lines))

    assert (found["vendor"], found["receipt_number"], found["time"]) == ("Bageri Exempel Ab", "56102", datetime.time(10, 33))
    assert (found["total"].amount, found["vat_total"].amount) == (Decimal("11.60"), Decimal("1.38"))
    assert found["payment_method"] is PaymentMethod.CARD


def test_an_invoice_is_told_from_a_receipt_and_gives_what_paying_it_needs() -> None:
    extracted = read(INVOICE)
    found = values(extracted)

    assert extracted.kind is Kind.INVOICE
    assert found["vendor"] == "Mallilan Paja Oy"
    assert found["date"] == datetime.date(2026, 9, 15)
    assert found["due_date"] == datetime.date(2026, 9, 29)
    assert found["receipt_number"] == "5512"
    assert found["reference_number"] == "551203"
    assert found["iban"] == "FI2112345600000785"
    assert found["vat_id"] == "FI23456780"
    assert found["total"].amount == Decimal("583.58")


def test_a_letter_is_text_and_has_no_fields() -> None:
    extracted = read(["Hei Maija,", "nähdään torstaina kello 12 asemalla.", "Terveisin Liisa"])

    assert extracted.kind is Kind.TEXT
    assert values(extracted) == {}
    assert extracted.findings == ()


def test_a_blank_page_says_that_nothing_was_found() -> None:
    extracted = read([])

    assert extracted.kind is Kind.TEXT
    assert codes(extracted) == {"no_text"}


def test_what_was_asked_to_be_read_as_text_has_no_fields() -> None:
    assert values(read(GROCERY, kind=Kind.TEXT)) == {}


def test_what_is_not_printed_is_not_filled_in() -> None:
    extracted = read(["TOTAL  12.00"], kind=Kind.RECEIPT)
    found = values(extracted)

    assert set(found) == {"total"}
    assert found["total"].currency == "XXX"
    assert {"vendor_missing", "date_missing", "vat_table_missing", "currency_missing"} <= codes(extracted)


def test_the_card_terminals_reference_is_no_bank_reference() -> None:
    assert "reference_number" not in values(read([*GROCERY[:11], *CARD_BLOCK]))


def test_a_receipt_and_its_card_slip_that_disagree_about_the_day_are_told() -> None:
    assert "card_date_mismatch" in codes(read([*GROCERY[:11], *(line.replace("261114", "261113") for line in CARD_BLOCK)]))


def test_the_business_id_of_the_card_block_stands_in_for_one_that_is_not_printed() -> None:
    assert values(read(["KAUPPA", "YHTEENSÄ  9,62", *CARD_BLOCK]))["business_id"] == "2345678-0"


def test_a_card_slip_alone_is_told_from_a_receipt() -> None:
    assert "card_slip_only" in codes(read(["KAUPPA KOIVU", *CARD_BLOCK], kind=Kind.RECEIPT))


def test_a_wrong_business_id_is_told_and_never_given() -> None:
    extracted = read([line.replace("2345678-0", "2345678-1") for line in GROCERY])

    assert extracted.fields.business_id is None
    assert "seller_id_invalid" in codes(extracted)


def test_a_finnish_receipt_without_a_business_id_is_told() -> None:
    assert "seller_id_missing" in codes(read([line for line in GROCERY if "Y-tunnus" not in line]))


def test_a_day_that_has_not_come_is_told() -> None:
    assert "future_date" in codes(read(GROCERY, today=datetime.date(2026, 11, 1)))


def test_uncertain_letters_make_uncertain_fields() -> None:
    sure, unsure = read(GROCERY).fields, read(GROCERY, confidence=0.55).fields

    for name in ("vendor", "date", "total"):
        assert getattr(unsure, name).confidence < getattr(sure, name).confidence


def test_the_fields_of_the_second_page_say_so() -> None:
    extracted = extract([page(GROCERY[:9]), page(GROCERY[9:], number=2)], kind=Kind.AUTO, today=TODAY)

    assert extracted.fields.total is not None
    assert (extracted.fields.vendor.page if extracted.fields.vendor else None, extracted.fields.total.page) == (1, 2)


def test_a_vat_number_whose_check_digit_fails_is_no_value() -> None:
    found = extract([page((*INVOICE[:-1], "ALV-tunnus FI20774741"))], kind=Kind.AUTO, today=TODAY)

    assert found.fields.vat_id is None
