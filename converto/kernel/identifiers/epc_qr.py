"""The QR code of the European Payments Council for SEPA credit transfers (EPC069-12, "BCD", Girocode), versions 001 and 002."""

import re
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, repeat

from converto.kernel.identifiers.check_digits import is_iban, is_reference

_MOST_BYTES = 1000
_CHARACTER_SETS = {
    b"1": "utf-8",
    b"2": "iso-8859-1",
    b"3": "iso-8859-2",
    b"4": "iso-8859-4",
    b"5": "iso-8859-5",
    b"6": "iso-8859-7",
    b"7": "iso-8859-10",
    b"8": "iso-8859-15",
}
_VERSIONS = (b"001", b"002")
_TRANSFERS = (b"SCT", b"INST")
_HEAD = 4
_BODY = 8
_AMOUNT = re.compile(r"EUR(?P<amount>\d{1,9}(?:\.\d{1,2})?)", re.ASCII)
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Transfer:
    """A credit transfer that a QR code asks for; what it leaves open is None."""

    name: str | None
    iban: str
    amount: Decimal | None
    reference: str | None
    message: str | None


def decode(payload: bytes) -> Transfer | None:
    """Return the transfer that a QR code asks for; None where it holds something else or its account's check digits fail.

    An amount of zero, one that is not in euros, and a reference whose check digits fail are left open.
    """
    lines = payload[:_MOST_BYTES].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if len(lines) <= _HEAD or lines[0] != b"BCD" or lines[1] not in _VERSIONS or lines[3] not in _TRANSFERS:
        return None
    character_set = _CHARACTER_SETS.get(lines[2])
    if character_set is None:
        return None
    body = [line.decode(character_set, "replace").strip() for line in lines[_HEAD:]]
    _bic, name, account, amount, _purpose, reference, message, _note = list(chain(body, repeat("", _BODY)))[:_BODY]
    iban = account.replace(" ", "").upper()
    if not is_iban(iban):
        return None
    reference = reference.replace(" ", "").upper()
    return Transfer(name or None, iban, _amount(amount), reference if is_reference(reference) else None, message or None)


def _amount(text: str) -> Decimal | None:
    match = _AMOUNT.fullmatch(text)
    amount = Decimal(match["amount"]).quantize(_CENT) if match else None
    return amount or None
