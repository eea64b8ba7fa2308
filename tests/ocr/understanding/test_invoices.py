"""Tables and sums as invoices from elsewhere in Europe have them."""

import datetime
from decimal import Decimal

import pytest

from converto.ocr.document import Kind
from converto.ocr.understanding.extraction import Extracted, extract
from tests.ocr.pages import page


def extracted(*lines: str) -> Extracted:
    return extract([page(lines)], kind=Kind.INVOICE, today=datetime.date(2026, 11, 22))


def rows(found: Extracted) -> list[tuple[str, str, str]]:
    return [(str(row.rate), str(row.net), str(row.vat)) for row in found.vat_lines]


def sums(found: Extracted) -> tuple[Decimal | None, ...]:
    """Return the net amount, the VAT and the total."""
    fields = found.fields
    return tuple(field.value.amount if field else None for field in (fields.net_total, fields.vat_total, fields.total))


def test_a_rate_may_stand_between_net_amount_and_vat() -> None:
    found = extracted(
        "Art  Warenwert  Zu-/Abschlag  Basisbetrag  USt. %  Steuerbetrag",
        "Umsatzsteuer (S)  326,50  -5,10  321,40  19  61,07",
        "Umsatzsteuer (S)  130,70  -3,11  127,59  7  8,93",
        "Rechnungssumme ohne USt.  448,99",
        "Steuerbetrag in EUR  70,00",
        "Bruttosumme  518,99",
    )

    assert rows(found) == [("19", "321.40", "61.07"), ("7", "127.59", "8.93")]
    assert sums(found) == (Decimal("448.99"), Decimal("70.00"), Decimal("518.99"))


def test_a_discount_that_names_its_rate_is_no_row() -> None:
    found = extracted(
        "Abschlag Rabatt 1  280,00  19 % UST  -5,60",
        "Basisbetrag  Steuersatz  Steuerbetrag",
        "100,00  19  19,00",
        "Bruttosumme  119,00",
    )

    assert rows(found) == [("19", "100.00", "19.00")]


def test_a_credit_note_has_its_rows_below_zero() -> None:
    found = extracted(
        "Taxe  Base  Montant",
        "TVA collectée 20,0%  -20,48 €  -4,10 €",
        "TVA collectée 5,5%  -198,00 €  -10,89 €",
        "Total HT  -218,48 €",
        "Total taxes  -14,99 €",
        "Total TTC  -233,47 €",
    )

    assert rows(found) == [("20", "-20.48", "-4.10"), ("5.5", "-198.00", "-10.89")]
    assert sums(found) == (Decimal("-218.48"), Decimal("-14.99"), Decimal("-233.47"))


def test_the_reason_for_no_tax_may_stand_above_its_row() -> None:
    found = extracted(
        "Art  Warenwert  Basisbetrag  USt. %  Steuerbetrag",
        "Umsatzsteuer (K)",
        "Mehrwertsteuerbefreiung für",
        "innergemeinschaftliche  2000,00  0  0,00",
        "Bruttosumme  2000,00",
    )

    assert rows(found) == [("0", "2000.00", "0.00")]


def test_what_is_to_be_paid_ends_the_table_above_it() -> None:
    found = extracted("VAT  Net amount  VAT amount", "7%  160.00  11.20", "19%  336.00  63.84", "VAT total: 75.04", "Due payable: 571.04")

    assert sums(found)[2] == Decimal("571.04")


def test_net_amount_and_vat_are_the_two_that_make_the_total() -> None:
    found = extracted("Summe netto:  496,00 €", "Zuzügl. USt:  63,84 €", "Summe inkl. USt:  559,84 €")

    assert sums(found) == (Decimal("496.00"), Decimal("63.84"), Decimal("559.84"))


def test_two_pairs_that_make_the_total_tell_none() -> None:
    found = extracted("Subtotal  80.00", "Tax  20.00", "Subtotal  90.00", "Tax  10.00", "Grand total  100.00")

    assert sums(found) == (None, None, Decimal("100.00"))


@pytest.mark.parametrize("line", ["Beitrag inklusive 19 % Versicherungsteuer  220,00 €", "Total incl. 24 % VAT  220.00"])
def test_an_amount_that_includes_a_tax_is_not_that_tax(line: str) -> None:
    assert rows(extracted(line, "Zu zahlen  440,00")) == []


def test_a_companys_capital_is_no_total() -> None:
    found = extracted("Moulin SARL au capital de 120 000,00 €", "Total TTC  530,75 €")

    assert sums(found)[2] == Decimal("530.75")


CREDIT_NOTE = (
    "Lumo Valaisimet Oy", "Y-tunnus 2345678-0", "HYVITYSLASKU nro 1187", "Päiväys 14.11.2026", "Eräpäivä 28.11.2026",
    "FI21 1234 5600 0007 85",
    "Pöytävalaisin  1 kpl  -40,00", "ALV     VEROTON    VERO   VEROLLINEN", "25,50 %   -40,00   -10,20   -50,20", "YHTEENSÄ  -50,20",
)  # fmt: skip


def test_a_credit_note_is_told_without_its_minus_and_as_what_it_is() -> None:
    found = extracted(*CREDIT_NOTE)
    assert found.fields.total is not None
    assert (found.kind, found.fields.total.value.amount) == (Kind.INVOICE, Decimal("50.20"))
    assert [(row.net, row.vat, row.gross) for row in found.vat_lines] == [(Decimal("40.00"), Decimal("10.20"), Decimal("50.20"))]
    assert "credit_note" in {finding.code for finding in found.findings}


def test_an_invoice_that_speaks_of_credit_notes_is_none() -> None:
    said = [line.replace("HYVITYSLASKU", "LASKU").replace("-", "") for line in CREDIT_NOTE]
    told = "Mahdollinen  hyvityslasku  lähetetään  erikseen  seuraavan  laskutuskauden  lopussa  asiakkaan  sähköpostiin"
    found = extracted(*said, told)
    assert "credit_note" not in {finding.code for finding in found.findings}
