"""The content of payment QR codes."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converto.kernel.identifiers.epc_qr import decode
from tests.kernel.identifiers.encoders import creditor_reference, finnish_iban, transfer_text

IBAN = "FI2112345600000785"
SAMPLE = transfer_text("002", "2", "SCT", "", "Esimerkki Oy", IBAN, "EUR482.99", "", "RF18539007547034")


def test_a_transfer_says_whom_to_pay_how_much_and_by_which_reference() -> None:
    transfer = decode(SAMPLE.encode())

    assert transfer is not None
    assert (transfer.name, transfer.iban, transfer.amount) == ("Esimerkki Oy", IBAN, Decimal("482.99"))
    assert (transfer.reference, transfer.message) == ("RF18539007547034", None)


def test_the_first_version_names_a_bank_and_a_message_may_stand_for_a_reference() -> None:
    payload = transfer_text("001", "1", "SCT", "NDEAFIHH", "Matti", IBAN, "EUR12", "GDDS", "", "Lasku 7", "Kiitos")

    transfer = decode(payload.encode())

    assert transfer is not None
    assert (transfer.amount, transfer.reference, transfer.message) == (Decimal("12.00"), None, "Lasku 7")


@pytest.mark.parametrize(
    ("number", "character_set", "name"),
    [
        ("1", "utf-8", "Käyrätär Öljy €"),
        ("2", "iso-8859-1", "Käyrätär Åkesson"),
        ("3", "iso-8859-2", "Łódź Spółka"),
        ("4", "iso-8859-4", "Šķērsiela"),
        ("5", "iso-8859-5", "Пример"),
        ("6", "iso-8859-7", "Παράδειγμα"),
        ("7", "iso-8859-10", "Þórður Ðæ"),
        ("8", "iso-8859-15", "Žižkov €"),
    ],
)
def test_every_character_set_of_the_standard_is_read(number: str, character_set: str, name: str) -> None:
    payload = transfer_text("002", number, "SCT", "", name, IBAN, "EUR1.00").encode(character_set)

    transfer = decode(payload)

    assert transfer is not None
    assert transfer.name == name


@pytest.mark.parametrize("amount", ["", "EUR0.00", "EUR0", "EUR1,00", "SEK1.00", "EUR-1.00", "1.00", "EUR1.001", "EUR", "EUR1e3"])
def test_an_amount_that_is_none_is_left_open(amount: str) -> None:
    transfer = decode(transfer_text("002", "1", "SCT", "", "A", IBAN, amount).encode())

    assert transfer is not None
    assert transfer.amount is None


def test_a_reference_whose_check_digits_fail_is_left_open() -> None:
    transfer = decode(SAMPLE.replace("RF18", "RF19").encode())

    assert transfer is not None
    assert transfer.reference is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"https://example.com/BCD",
        b"BCD",
        b"BCD\n002\n1\nSCT",
        SAMPLE.replace("002", "003", 1).encode(),
        SAMPLE.replace("\n2\n", "\n9\n", 1).encode(),
        SAMPLE.replace("SCT", "SDD").encode(),
        SAMPLE.replace(IBAN, "FI2112345600000786").encode(),
        SAMPLE.replace(IBAN, "").encode(),
        b"\x00\xff" * 600,
    ],
)
def test_any_other_code_is_no_transfer(payload: bytes) -> None:
    assert decode(payload) is None


@given(
    st.integers(10**12, 10**13 - 1).map(str).map(finnish_iban),
    st.none() | st.decimals(Decimal("0.01"), Decimal("999999999.99"), places=2),
    st.integers(100, 10**19 - 1).map(str).map(creditor_reference),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_is_written_is_read_back(iban: str, amount: Decimal | None, reference: str, end: str) -> None:
    payload = transfer_text("002", "1", "SCT", "", "Oy Yhtiö Ab", iban, f"EUR{amount:f}" if amount else "", "", reference)

    transfer = decode(payload.replace("\n", end).encode())

    assert transfer is not None
    assert (transfer.iban, transfer.amount, transfer.reference, transfer.name) == (iban, amount, reference, "Oy Yhtiö Ab")


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(payload: bytes) -> None:
    decode(b"BCD\n002\n1\nSCT\n" + payload)
