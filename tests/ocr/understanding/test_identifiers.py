"""Numbers with check digits."""

import pytest

from converto.kernel.identifiers.check_digits import is_business_id, is_reference
from converto.ocr.understanding.identifiers import (
    find_business_ids,
    find_ibans,
    find_masked_cards,
    find_references,
    find_vat_ids,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Y-tunnus 2345678-0", "2345678-0"),
        ("Osuuskauppa Arina Y-0187614-3", "0187614-3"),
        ("ALV REK Y-Tun:864235-875", "0864235-8"),
        ("Y-Tun:187614-3161", "0187614-3"),
        ("Y-tunnus 22676626", "2267662-6"),
        ("Business ID: 2917786-2", "2917786-2"),
        ("FO-nummer 0112038-9", "0112038-9"),
    ],
)
def test_a_business_id_is_read_as_registers_print_it(text: str, number: str) -> None:
    assert [(found.value, found.valid) for found in find_business_ids(text)] == [(number, True)]


def test_a_wrong_check_digit_is_told() -> None:
    assert [(found.value, found.valid) for found in find_business_ids("Y-tunnus 2077474-1")] == [("2077474-1", False)]


@pytest.mark.parametrize("text", ["040-1234567", "Puh. 08-3135700", "123456-7", "2026-11-14", "A2345678-0123456"])
def test_a_phone_number_is_no_business_id(text: str) -> None:
    assert find_business_ids(text) == []


@pytest.mark.parametrize("number", ["2345678-0", "0112038-9", "0737546-2", "1234567-1", "1837957-3"])
def test_a_right_business_id_holds(number: str) -> None:
    assert is_business_id(number)


@pytest.mark.parametrize("number", ["0112038-8", "8000000-0", "1234567", "1234567A", ""])
def test_a_wrong_business_id_does_not_hold(number: str) -> None:
    assert not is_business_id(number)


def test_vat_numbers_are_read_without_spaces() -> None:
    assert [(found.value, found.valid) for found in find_vat_ids("ALV-tunnus FI20774740")] == [("FI20774740", True)]
    assert [found.value for found in find_vat_ids("USt-IdNr. DE 136 695 976")] == ["DE136695976"]


def test_an_iban_ends_where_its_check_digits_hold() -> None:
    assert [found.value for found in find_ibans("FI21 1234 5600 0007 85 NDEAFIHH")] == ["FI2112345600000785"]
    assert find_ibans("FI22 1234 5600 0007 85") == []


def test_a_finnish_iban_whose_banks_own_digit_fails_is_none() -> None:
    # It passes the international check.
    assert find_ibans("FI59 1234 5600 0007 80") == []


def test_a_letter_among_the_digits_of_a_finnish_iban_is_a_misread_digit() -> None:
    assert [found.value for found in find_ibans("FI21 1Z34 56OO 0007 8S")] == ["FI2112345600000785"]
    assert find_ibans("FI21 1234 56OO 0007 86") == []


@pytest.mark.parametrize("number", ["1234561", "1511890656", "559582243294671", "01030100067175800018", "RF18539007547034"])
def test_a_right_reference_number_holds(number: str) -> None:
    assert is_reference(number)


@pytest.mark.parametrize("number", ["123", "1234562", "559582243294617", "123456789012345678901", "RF19539007547034"])
def test_a_wrong_reference_number_does_not_hold(number: str) -> None:
    assert not is_reference(number)


def test_a_reference_number_is_read_in_groups() -> None:
    assert [(found.value, found.valid) for found in find_references("Viitenumero 2026 11870 04528")] == [("20261187004528", True)]


@pytest.mark.parametrize("text", ["**** **** **** 4417 CL", "************4417", "XXXX XXXX XXXX 4417", "Visa ****4417"])
def test_the_last_digits_of_a_masked_card_are_read(text: str) -> None:
    assert [found.value for found in find_masked_cards(text)] == ["4417"]
