"""The bank barcode of Finnish invoices (pankkiviivakoodi, virtuaaliviivakoodi), versions 4 and 5: 54 digits, in Code 128 set C.

Version 4 holds a national reference number, version 5 an international one (RF, ISO 11649). The structure is that of the guide to bank
barcodes by Finance Finland: version, account, euros, cents, reference, due date.
"""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from converto.kernel.identifiers.check_digits import is_iban, is_reference

LENGTH = 54
_SYMBOLS = 103
_START_C = 105
_CENTURY = 2000
_PARTS = re.compile(
    r"(?P<version>[45])(?P<account>\d{16})(?P<cents>\d{8})(?P<reference>\d{23})(?P<year>\d\d)(?P<month>\d\d)(?P<day>\d\d)", re.ASCII
)
# As people print it: in groups, perhaps between the numbers of the start and the check character, [105] ... [55].
_PRINTED = re.compile(r"(?<![\d.,])(?:\[105\] ?)?(?P<digits>[45](?: ?\d){53})(?: ?\[(?P<check>\d{1,3})\])?(?![\d.,])", re.ASCII)


@dataclass(frozen=True)
class BankBarcode:
    """What is to be paid, to whom, by which reference, and by when; what the barcode leaves open is None."""

    version: int
    iban: str
    amount: Decimal | None
    reference: str | None
    due_date: datetime.date | None


@dataclass(frozen=True)
class PrintedBarcode:
    """A bank barcode whose digits stand in a text, and where."""

    barcode: BankBarcode
    start: int
    end: int


def decode(digits: str) -> BankBarcode | None:
    """Return what the 54 digits of a bank barcode say; None where they are none, or a check digit or the day fails.

    An amount or a day of zeros is left open.
    """
    parts = _PARTS.fullmatch(digits)
    if parts is None:
        return None
    iban = f"FI{parts['account']}"
    known, reference = _national(parts["reference"]) if parts["version"] == "4" else _international(parts["reference"])
    dated, due_date = _day(parts["year"], parts["month"], day=parts["day"])
    if not (known and dated and is_iban(iban)):
        return None
    cents = int(parts["cents"])
    return BankBarcode(int(parts["version"]), iban, Decimal(cents).scaleb(-2) if cents else None, reference, due_date)


def printed_barcodes(text: str) -> Iterator[PrintedBarcode]:
    """Yield the bank barcodes whose digits are printed in a line of text."""
    for match in _PRINTED.finditer(text):
        digits = match["digits"].replace(" ", "")
        barcode = decode(digits)
        if barcode is not None and (match["check"] is None or int(match["check"]) == check_symbol(digits)):
            yield PrintedBarcode(barcode, *match.span("digits"))


def check_symbol(digits: str) -> int:
    """Return the number of the check character that Code 128 set C ends these digits with; their count is even."""
    pairs = (int(digits[at : at + 2]) for at in range(0, len(digits), 2))
    return (_START_C + sum(place * pair for place, pair in enumerate(pairs, start=1))) % _SYMBOLS


def _national(field: str) -> tuple[bool, str | None]:
    """Return whether a version 4 reference holds, and the reference: three reserved zeros, then twenty digits padded with zeros."""
    reserve, padded = field[:3], field[3:]
    number = padded.lstrip("0")
    return reserve == "000" and is_reference(padded), number or None


def _international(field: str) -> tuple[bool, str | None]:
    """Return whether a version 5 reference holds, and the reference: its two check digits, then its number padded with zeros."""
    number = field[2:].lstrip("0")
    if not number:
        return field[:2] == "00", None
    reference = f"RF{field[:2]}{number}"
    return is_reference(reference), reference


def _day(year: str, month: str, *, day: str) -> tuple[bool, datetime.date | None]:
    if year + month + day == "000000":
        return True, None
    try:
        return True, datetime.date(_CENTURY + int(year), int(month), int(day))
    except ValueError:
        return False, None
