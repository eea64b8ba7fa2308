"""Numbers that carry a check digit: business ids, VAT numbers, IBANs, reference numbers, card numbers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from converto.kernel.identifiers.check_digits import is_business_id, is_iban, is_reference, stdnum

_BUSINESS_ID = re.compile(r"(?<![\d.,/])(?P<number>\d{6,8}) ?[-\u2013\u2014] ?(?P<check>\d)(?P<suffix>\d{0,4})(?!\d)")
_LABELLED_ID = re.compile(
    r"(?:y-?\s?-?tun(?:nus|nro)?|fo-?(?:nummer|nr)|business\s?id|ly-?tunnus)\W{0,4}(?:fi)?(?P<digits>\d{8})(?!\d)", re.IGNORECASE
)
_FI_VAT = re.compile(r"\bF[I1l] ?-?(?P<number>\d{7}) ?-? ?(?P<check>\d)(?!\d)")
_OTHER_VAT = re.compile(
    r"\b(?P<country>SE|EE|DE|DK|NO|NL|GB|FR|PL|LV|LT|AT|BE|IE|ES|IT) ?(?P<number>(?:\d[ .]?){7,13}\d(?:B\d{2})?)(?![\d])"
)
_IBAN = re.compile(r"\b(?P<iban>[A-Z]{2}\d{2}(?: ?[0-9A-Z]{4}){2,7}(?: ?[0-9A-Z]{1,3})?)\b")
_MASKED_CARD = re.compile(r"(?:[*xX•\u00b7#.]{2,4}[ -]?){1,5}(?P<last4>\d{4})(?!\d)")
_REFERENCE = re.compile(r"(?<![\dA-Z])(?P<reference>RF\d{2}(?: ?[0-9A-Z]{4}){0,5}(?: ?[0-9A-Z]{1,4})?|\d(?: ?\d){3,19})(?!\d)")
_FULL_LENGTH = 8
_FI_IBAN_LENGTH = 18
_MISREAD = str.maketrans("OQDIlZSBG", "000112586")


@dataclass(frozen=True)
class FoundNumber:
    """A number in a text, normalised, where it stands there, and whether its check digit holds."""

    value: str
    start: int
    end: int
    valid: bool = True


def find_business_ids(text: str) -> list[FoundNumber]:
    """Return the Finnish business ids in a line as 1234567-1; registers also drop the leading zero or add a store's number."""
    found = []
    for match in _BUSINESS_ID.finditer(text):
        number, suffix = match["number"], match["suffix"]
        if len(number) == _FULL_LENGTH and not number.startswith("0"):
            continue
        value = f"{number[-7:].zfill(7)}-{match['check']}"
        valid = is_business_id(value)
        # Six digits are only an id when its check digit says so: phone numbers look alike. A suffix likewise.
        if valid or (len(number) == len("1234567") and not suffix):
            found.append(FoundNumber(value, match.start(), match.end(), valid))
    for match in _LABELLED_ID.finditer(text):
        value = f"{match['digits'][:7]}-{match['digits'][7]}"
        found.append(FoundNumber(value, match.start("digits"), match.end("digits"), is_business_id(value)))
    return found


def find_vat_ids(text: str) -> list[FoundNumber]:
    """Return the European VAT numbers in a line, without spaces, whose form or check digit holds."""
    found = [FoundNumber(f"FI{match['number']}{match['check']}", match.start(), match.end()) for match in _FI_VAT.finditer(text)]
    found = [FoundNumber(f.value, f.start, f.end, is_business_id(f"{f.value[2:9]}-{f.value[9]}")) for f in found]
    for match in _OTHER_VAT.finditer(text):
        value = match["country"] + re.sub(r"\W", "", match["number"])
        if stdnum("eu.vat").is_valid(value):
            found.append(FoundNumber(value, match.start(), match.end()))
    return found


def find_ibans(text: str) -> list[FoundNumber]:
    """Return the IBANs in a line without spaces; one whose check digits fail is not an IBAN.

    A letter among a Finnish one's digits is a misread digit, where the check digits hold with that.
    """
    found = []
    for match in _IBAN.finditer(text):
        value = match["iban"].replace(" ", "")
        if value.startswith("FI") and not is_iban(value[:_FI_IBAN_LENGTH]):
            value = value[:2] + value[2:_FI_IBAN_LENGTH].translate(_MISREAD)
        # The word that follows an IBAN (a BIC, say) may look like more of it: the longest valid beginning counts.
        for end in range(len(value), 14, -1):
            if is_iban(value[:end]):
                found.append(FoundNumber(value[:end], match.start(), match.end()))
                break
    return found


def find_references(text: str) -> list[FoundNumber]:
    """Return the bank reference numbers in a text without spaces and leading zeros, and whether the check digit holds."""
    found = []
    for match in _REFERENCE.finditer(text):
        value = match["reference"].replace(" ", "")
        valid = is_reference(value)
        found.append(FoundNumber(value.lstrip("0") or value, match.start(), match.end(), valid))
    return found


def find_masked_cards(text: str) -> Iterator[FoundNumber]:
    """Yield the last four digits of each card number whose other digits are masked."""
    for match in _MASKED_CARD.finditer(text):
        yield FoundNumber(match["last4"], match.start("last4"), match.end("last4"))
