"""Names, totals and days that are printed plainly and read badly, or printed in ways of their own."""

import datetime
from decimal import Decimal

import pytest

from converto.ocr.document import Kind
from converto.ocr.understanding.dates import find_dates
from converto.ocr.understanding.extraction import Extracted, extract
from converto.ocr.understanding.vendor import clean_name, find_names
from converto.ocr.words import Line, Word
from tests.ocr.pages import line, page

TODAY = datetime.date(2026, 11, 22)


def read(*lines: str) -> Extracted:
    return extract([page(lines)], kind=Kind.AUTO, today=TODAY)


def total(*lines: str) -> Decimal | None:
    found = read(*lines).fields.total
    return found.value.amount if found else None


def name(*lines: str) -> str | None:
    found = next(iter(find_names([line(text, at=at) for at, text in enumerate(lines)])), None)
    return found.value if found else None


@pytest.mark.parametrize(
    ("misread", "meant"),
    [
        ("Taste of Nowhere SON BHD", "Taste of Nowhere Sdn Bhd"),
        ("EXAMPLE FOODS SDN DHD", "EXAMPLE FOODS SDN BHD"),
        ("EXAMPLE MINIMART 5/B (123456-X)", "EXAMPLE MINIMART S/B"),
        ("EXAMPLE MINIMART S/D (123456\u00b7X)", "EXAMPLE MINIMART S/B"),
        ("End of the WorId Oy", "End of the World Oy"),
        ("EXAMPLE HARDWAKE", "EXAMPLE HARDWARE"),
        ("Example Pharmacv", "Example Pharmacy"),
        ("(Example Shop", "Example Shop"),
        ("Harbour Caf6", "Harbour Café"),
    ],
)
def test_a_misread_name_is_put_right(misread: str, meant: str) -> None:
    assert clean_name(misread) == meant


@pytest.mark.parametrize("plain", ["Example Services Oy", "Example Centre", "Mallilan Paja Oy", "Example & Sons"])
def test_a_name_that_is_right_stays_as_it_is(plain: str) -> None:
    assert clean_name(plain) == plain


def test_a_name_above_its_register_number_is_the_sellers() -> None:
    assert name("Scrawl", "PEN AND PAPER HOUSE", "(0001234567-K)", "LOT 2 JALAN CONTOH", "43800 DENGKIL") == "PEN AND PAPER HOUSE"


def test_specks_beside_a_name_do_not_hide_it() -> None:
    words = [
        Word("-", 0.0, 0.0, 0.01, 0.02, 0.1),
        *(Word(text, 0.3 + 0.1 * at, 0.0, 0.08, 0.02, 0.95) for at, text in enumerate(("Mallilan", "Paja", "Oy"))),
    ]
    found = next(iter(find_names([Line(tuple(words)), line("Pajakatu 6", at=1)])), None)

    assert found is not None
    assert found.value == "Mallilan Paja Oy"


def test_a_postcode_within_another_number_ends_no_address() -> None:
    assert name("A01234", "RESTORAN CONTOH", "NO.59 JALAN CONTOH", "81760 JOHOR BAHRU") == "RESTORAN CONTOH"


def test_net_tax_and_rounding_together_outweigh_a_misread_label() -> None:
    found = total(
        "Kedai Contoh", "Item 106.10", "Sub Total (RM) : 106.10", "Total GST (RM) : 6.37", "Rounding (RM) : -0.02",
        "Total (RM) : 112.46", "CASH : 112.45", "Change (RM) : 0.00",
    )  # fmt: skip

    assert found == Decimal("112.45")


def test_what_is_due_is_the_total_and_the_tax_in_it_is_not() -> None:
    found = total("Kedai Contoh", "Scone 7.50", "Qty 1 7.50", "Due 7.50", "Pay 20.00", "Change 12.50", "(Total Included GST @ 6% : 0.42)")

    assert found == Decimal("7.50")


def test_what_is_to_be_paid_after_rounding_is_the_total() -> None:
    found = total("Kedai Contoh", "Tacks 25.44", "Total : 25.44", "Rounding Adjustment: 0.01", "Amount To Be Paid : 25.45", "Cash 25.50")

    assert found == Decimal("25.45")


def test_an_earlier_debt_is_no_part_of_the_total() -> None:
    found = total(
        "Muster Versicherung AG", "Rechnung", "Beitrag inklusive 19 % Versicherungsteuer 220,00", "darin enthaltene Steuer 35,13",
        "Ausstehende Forderung 220,00", "zu zahlender Beitrag 440,00", "Zahlbar bis 01.04.2026, IBAN FI21 1234 5600 0007 85",
    )  # fmt: skip

    assert found == Decimal("220.00")


def test_change_that_is_due_is_no_day_to_pay_by() -> None:
    assert read("Kedai Contoh", "Nasi 7.50", "Total 7.50", "Cash 10.00", "Change Due 2.50", "24.03.2026 21:12").fields.due_date is None


@pytest.mark.parametrize("text", ["DATE 13/12/20169:52:15", "01:34PM 568017 13 12-16"])
def test_a_day_that_ran_into_its_neighbour_is_guessed(text: str) -> None:
    found = find_dates(text, lenient=True)

    assert [date.value for date in found] == [datetime.date(2016, 12, 13)]
    assert found[0].guessed


def test_a_rate_that_ran_into_its_code_is_known_by_its_arithmetic() -> None:
    found = read(
        "Mallilan Kauppa Oy", "Maito 64,65", "Rasia 12,75", "YHTEENSÄ 77,40",
        "ALV VEROTON VERO VEROLLINEN", "124.00% 10.28 2.47 12.75", "414.00% 56.69 7.96 64.65",
    ).vat_lines  # fmt: skip

    assert [(row.rate, row.vat) for row in found] == [(Decimal(24), Decimal("2.47")), (Decimal(14), Decimal("7.96"))]
