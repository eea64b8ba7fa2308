"""The digits of bank barcodes."""

import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converto.kernel.identifiers.bank_barcode import BankBarcode, check_symbol, decode, printed_barcodes
from tests.kernel.identifiers.encoders import barcode_digits, creditor_reference, finnish_iban, reference_number

# The digits and what they say stand in the tests of two open programs, finnish-bank-utils and virtuaaliviivakoodi (both MIT), and in the
# read-me of a third (virtuaaliviivakoodi on PyPI, 1.1.0).
PUBLISHED = [
    ("458101710000001220004829900000000559582243294671120131", "FI5810171000000122", "482.99", "559582243294671", "2012-01-31"),
    ("402500046400013020006938000000069875672083435364110724", "FI0250004640001302", "693.80", "69875672083435364", "2011-07-24"),
    ("415660100015306410074445400000007758474790647489191219", "FI1566010001530641", "7444.54", "7758474790647489", "2019-12-19"),
    ("502500046400013020006938061000000000698756720839110724", "FI0250004640001302", "693.80", "RF61698756720839", "2011-07-24"),
    ("516800014000502670009358560000078777679656628687000000", "FI1680001400050267", "935.85", "RF6078777679656628687", None),
    ("515660100015306410074445484000007758474790647489191219", "FI1566010001530641", "7444.54", "RF847758474790647489", "2019-12-19"),
    ("437159030000007760000122500000000000000000011112161221", "FI3715903000000776", "12.25", "11112", "2016-12-21"),
    ("537159030000007760000011098000000000000000011112170101", "FI3715903000000776", "1.10", "RF9811112", "2017-01-01"),
    ("437159030000007760000000000000000000000000011112000000", "FI3715903000000776", None, "11112", None),
    ("449500094200287300001002000000000000001234567907221212", "FI4950009420028730", "100.20", "1234567907", "2022-12-12"),
]
SAMPLE = PUBLISHED[0][0]


@pytest.mark.parametrize(("digits", "iban", "amount", "reference", "due"), PUBLISHED)
def test_published_barcodes_say_what_their_publishers_say(
    digits: str, iban: str, amount: str | None, reference: str, due: str | None
) -> None:
    barcode = decode(digits)

    assert barcode is not None
    assert (barcode.iban, barcode.reference, barcode.version) == (iban, reference, int(digits[0]))
    assert barcode.amount == (Decimal(amount) if amount else None)
    assert barcode.due_date == (datetime.date.fromisoformat(due) if due else None)


@pytest.mark.parametrize(
    ("digits", "symbol"),
    [(published[0], symbol) for published, symbol in zip(PUBLISHED, (55, 14, 63, 34, 15, 16, 76, 38), strict=False)],
)
def test_the_check_character_is_that_of_code_128(digits: str, symbol: int) -> None:
    assert check_symbol(digits) == symbol


@pytest.mark.parametrize(
    "digits",
    [
        "958101710000001220004829900000000559582243294671120131",  # there is no version 9
        "458101710000001220004829900000000559582243294671120132",  # nor a 32nd of January
        "458101710000001230004829900000000559582243294671120131",  # the account's check digits
        "458101710000001220004829900000000559582243294672120131",  # the reference's
        "45810171000000122000482990000000055958224329467112013",  # a digit short
        "502500046400013020006938062000000000698756720839110724",  # the international reference's check digits
        "458101710000001220004829900100000559582243294671120131",  # the reserve is not zero
        "٤58101710000001220004829900000000559582243294671120131",  # a digit, but of another script
        "",
    ],
)
def test_what_does_not_hold_is_no_barcode(digits: str) -> None:
    assert decode(digits) is None


def test_an_account_whose_banks_own_digit_fails_makes_no_barcode() -> None:
    # FI59 1234 5600 0007 80 passes the international check and fails the bank's.
    assert decode("4" + "5912345600000780" + SAMPLE[17:]) is None


@pytest.mark.parametrize(
    "text",
    [
        SAMPLE,
        f"Virtuaaliviivakoodi {SAMPLE}",
        " ".join(SAMPLE[at : at + 4] for at in range(0, 54, 4)),
        "[105] " + " ".join(SAMPLE[at : at + 2] for at in range(0, 54, 2)) + " [55] [106]",
    ],
)
def test_a_printed_barcode_is_read_as_people_group_it(text: str) -> None:
    assert [printed.barcode for printed in printed_barcodes(text)] == [decode(SAMPLE)]


@pytest.mark.parametrize("text", [SAMPLE + "1", "9" + SAMPLE, f"[105] {SAMPLE} [56]", SAMPLE.replace("482", "48x"), "4 " * 54])
def test_other_long_numbers_are_no_printed_barcode(text: str) -> None:
    assert list(printed_barcodes(text)) == []


ACCOUNTS = st.integers(10**12, 10**13 - 1).map(str).map(finnish_iban)
NATIONAL = st.integers(100, 10**19 - 1).map(str).map(reference_number)
AMOUNTS = st.none() | st.decimals(Decimal("0.01"), Decimal("999999.99"), places=2)
DAYS = st.none() | st.dates(datetime.date(2000, 1, 1), datetime.date(2099, 12, 31))


@given(ACCOUNTS, AMOUNTS, NATIONAL | NATIONAL.map(creditor_reference), DAYS)
def test_what_is_written_is_read_back(iban: str, amount: Decimal | None, reference: str, due_date: datetime.date | None) -> None:
    digits = barcode_digits(iban, amount, reference, due_date)

    assert decode(digits) == BankBarcode(5 if reference.startswith("RF") else 4, iban, amount, reference, due_date)


@given(ACCOUNTS, NATIONAL, st.integers(1, 16) | st.integers(28, 47), st.integers(1, 9))
def test_one_wrong_digit_in_account_or_reference_makes_it_none(iban: str, reference: str, place: int, more: int) -> None:
    digits = barcode_digits(iban, Decimal("12.34"), reference, None)

    assert decode(digits[:place] + str((int(digits[place]) + more) % 10) + digits[place + 1 :]) is None
