"""Identifiers.

The numbers stand in public test suites: gobl (Apache-2.0), finnish-bank-utils and virtuaaliviivakoodi (MIT), Odoo's l10n_fi, Kitsas,
python-stdnum's docstrings; business ids stand on receipts that their shops hand out.
"""

import pytest

from converto.vat.validation import (
    Fault,
    Identifier,
    bic_of,
    checked,
    creditor_reference,
    grouped_reference,
    reference_number,
)


@pytest.mark.parametrize(
    "number",
    [
        "2345678-0", "0112038-9", "0737546-2", "1234567-1", "2077474-0", "0187614-3", "1837957-3", "3207393-3", "2917786-2", "0647239-1",
        "1456344-5", "22676626",
    ],
)  # fmt: skip
def test_a_business_id_whose_check_digit_holds_is_valid(number: str) -> None:
    assert checked(Identifier.BUSINESS_ID, number).valid


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        ("2077474-1", Fault.CHECK_DIGIT),
        ("0112038-8", Fault.CHECK_DIGIT),
        ("8000000-0", Fault.CHECK_DIGIT),
        ("1234567", Fault.LENGTH),
        ("1234567A", Fault.FORM),
        ("", Fault.EMPTY),
    ],
)
def test_a_wrong_business_id_says_what_is_wrong(number: str, fault: Fault) -> None:
    verdict = checked(Identifier.BUSINESS_ID, number)
    assert (verdict.valid, verdict.fault, verdict.normalised) == (False, fault, None)
    assert verdict.detail


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("Y-0187614-3", "0187614-3"),
        ("Y-Tun:187614-3161", "0187614-3"),
        ("ALV REK Y-Tun:864235-875", "0864235-8"),
        ("Y-tunnus 22676626", "2267662-6"),
        ("Business ID: 2917786-2", "2917786-2"),
        ("FI20774740", "2077474-0"),
        ("112038-9", "0112038-9"),
    ],
)
def test_a_business_id_is_offered_as_it_is_written(written: str, normalised: str) -> None:
    assert checked(Identifier.BUSINESS_ID, written).normalised == normalised


def test_a_business_id_tells_the_address_for_e_invoices() -> None:
    assert checked(Identifier.BUSINESS_ID, "2345678-0").details["ovt"] == "003723456780"


@pytest.mark.parametrize("number", ["FI20774740", "FI 20774740", "FI23456780", "DE 136 695 976"])
def test_a_vat_number_that_holds_is_valid(number: str) -> None:
    assert checked(Identifier.VAT_ID, number).valid


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        ("FI20774741", Fault.CHECK_DIGIT),
        ("FI2077474", Fault.LENGTH),
        ("SE20774740", Fault.CHECK_DIGIT),
        ("US123", Fault.COUNTRY),
        ("12", Fault.COUNTRY),
    ],
)
def test_a_wrong_vat_number_says_what_is_wrong(number: str, fault: Fault) -> None:
    assert checked(Identifier.VAT_ID, number).fault is fault


@pytest.mark.parametrize(
    ("base", "made"),
    [
        ("123", "1232"), ("132", "1326"), ("129", "1290"), ("111", "1119"), ("110", "1106"), ("126", "1261"), ("100", "1009"),
        ("301239", "3012396"), ("1234567890123456789", "12345678901234567894"),
    ],
)  # fmt: skip
def test_a_reference_number_ends_with_its_check_digit(base: str, made: str) -> None:
    assert reference_number(base) == made


@pytest.mark.parametrize(
    "number",
    [
        "1234561", "1511890656", "559582243294671", "3222190631525115", "1231180652526617", "01030100067175800018", "3004101416423555",
        "77584747906474893225", " 123456 1 ", "3 22219 06315 25115", "10690002", "000440",
    ],
)  # fmt: skip
def test_a_reference_number_whose_check_digit_holds_is_valid(number: str) -> None:
    assert checked(Identifier.REFERENCE_NUMBER, number).valid


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        ("123", Fault.LENGTH),
        ("123456789012345678901", Fault.LENGTH),
        ("1234562", Fault.CHECK_DIGIT),
        ("559582243294617", Fault.CHECK_DIGIT),
        ("1042005", Fault.CHECK_DIGIT),
        ("RF19539007547034", Fault.CHECK_DIGIT),
        ("RF12345", Fault.CHECK_DIGIT),
        ("12-34", Fault.FORM),
        ("00000", Fault.FORM),
    ],
)
def test_a_wrong_reference_number_says_what_is_wrong(number: str, fault: Fault) -> None:
    assert checked(Identifier.REFERENCE_NUMBER, number).fault is fault


@pytest.mark.parametrize(
    ("number", "printed"),
    [("1234561", "12 34561"), ("559582243294671", "55958 22432 94671"), ("01030100067175800018", "1030 10006 71758 00018")],
)
def test_a_reference_number_is_printed_in_fives_from_its_end(number: str, printed: str) -> None:
    assert grouped_reference(number) == printed


@pytest.mark.parametrize(
    ("national", "international"),
    [
        ("1232", "RF111232"), ("1326", "RF921326"), ("1290", "RF941290"), ("1119", "RF551119"), ("1106", "RF181106"), ("1261", "RF041261"),
        ("12345678901234567894", "RF0912345678901234567894"), ("1234561", "RF341234561"), ("1511890656", "RF601511890656"),
        ("11112", "RF9811112"), ("3012396", "RF063012396"), ("2348236", "RF332348236"),
    ],
)  # fmt: skip
def test_a_reference_number_has_an_international_form(national: str, international: str) -> None:
    verdict = checked(Identifier.REFERENCE_NUMBER, international)
    assert creditor_reference(national) == international
    assert (verdict.valid, verdict.details["national"]) == (True, national)


@pytest.mark.parametrize("number", ["RF97C2H5OH", "RF18539007547034"])
def test_a_foreign_creditor_reference_is_valid_and_not_finnish(number: str) -> None:
    verdict = checked(Identifier.REFERENCE_NUMBER, number)
    assert (verdict.valid, verdict.details["finnish"]) == (True, False)


@pytest.mark.parametrize(
    ("iban", "bic"),
    [
        ("FI2112345600000785", "NDEAFIHH"), ("FI4950009420028730", "OKOYFIHH"), ("FI3715903000000776", "NDEAFIHH"),
        ("FI5810171000000122", "NDEAFIHH"), ("FI0250004640001302", "OKOYFIHH"), ("FI1566010001530641", "AABAFI22"),
        ("FI1680001400050267", "DABAFIHH"), ("FI9080002627761348", "DABAFIHH"), ("FI3039390038674263", "SBANFIHH"),
        ("FI7118203000008391", "NDEAFIHH"), ("FI0218803500006967", "NDEAFIHH"), ("FI8347824837000163", None),
    ],
)  # fmt: skip
def test_a_finnish_account_tells_its_bank(iban: str, bic: str | None) -> None:
    assert checked(Identifier.IBAN, iban).valid
    assert bic_of(iban) == bic


@pytest.mark.parametrize("iban", ["FI3715903000000777", "FI8347824837000164"])
def test_an_account_whose_check_digits_fail_is_wrong(iban: str) -> None:
    assert checked(Identifier.IBAN, iban).fault is Fault.CHECK_DIGIT


@pytest.mark.parametrize("iban", ["FI5912345600000780", "FI3212345600000781", "FI9112345600000786"])
def test_an_account_that_only_its_bank_would_refuse_is_wrong_too(iban: str) -> None:
    assert checked(Identifier.IBAN, iban).fault is Fault.BANK_CHECK_DIGIT


def test_an_account_is_printed_in_fours() -> None:
    assert checked(Identifier.IBAN, "fi2112345600000785").formatted == "FI21 1234 5600 0007 85"


@pytest.mark.parametrize(("ean", "valid"), [("6410405082657", True), ("73513537", True), ("6410405082658", False), ("64104", False)])
def test_an_article_number_is_checked(ean: str, *, valid: bool) -> None:
    assert checked(Identifier.EAN, ean).valid is valid


@pytest.mark.parametrize(("bic", "valid"), [("NDEAFIHH", True), ("OKOYFIHHXXX", True), ("NDEAFIH", False), ("1DEAFIHH", False)])
def test_a_bank_code_is_checked(bic: str, *, valid: bool) -> None:
    assert checked(Identifier.BIC, bic).valid is valid


def test_a_bank_barcode_tells_what_is_to_be_paid() -> None:
    verdict = checked(Identifier.BARCODE, "458101710000001220004829900000000559582243294671120131")
    assert verdict.details == {
        "version": 4,
        "iban": "FI5810171000000122",
        "amount": "482.99",
        "reference_number": "559582243294671",
        "due_date": "2012-01-31",
        "check_symbol": 55,
    }


@pytest.mark.parametrize(
    "digits",
    [
        "958101710000001220004829900000000559582243294671120131",
        "458101710000001220004829900000000559582243294671120132",
        "458101710000001230004829900000000559582243294671120131",
        "458101710000001220004829900000000559582243294672120131",
        "45810171000000122000482990000000055958224329467112013",
    ],
)
def test_a_damaged_bank_barcode_is_refused(digits: str) -> None:
    assert not checked(Identifier.BARCODE, digits).valid


def test_a_payment_qr_code_tells_what_is_to_be_paid() -> None:
    payload = "BCD\n002\n2\nSCT\n\nEsimerkki Oy\nFI2112345600000785\nEUR482.99\n\nRF18539007547034"
    told = checked(Identifier.EPC_QR, payload).details
    assert (told["name"], told["iban"], told["amount"]) == ("Esimerkki Oy", "FI2112345600000785", "482.99")
    assert told["reference_number"] == "RF18539007547034"
