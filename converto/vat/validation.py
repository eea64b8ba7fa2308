"""Identifiers checked by their check digits: what each says, how it is written, and what is wrong with one that fails."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any

from pydantic import Field

from converto.kernel.identifiers import bank_barcode, epc_qr
from converto.kernel.identifiers.check_digits import is_business_id, is_iban, is_reference, reference_check_digit, stdnum
from converto.kernel.interface import Value
from converto.vat.rates import parsed, rule_file

_BUSINESS_ID_FORM = "A business id has seven digits, a hyphen and a check digit: 1234567-1"
_OVT = "0037"
_BUSINESS_ID_LABEL = re.compile(
    r"^(?:alv ?rek\.? *)?(?:y-?\s?-?tun(?:nus|nro)?|fo-?(?:nummer|nr)|business ?id|vat ?(?:id|no)?|alv ?(?:nro|reg)?|y)?[\s.:-]*",
    re.IGNORECASE,
)
_BUSINESS_ID = re.compile(r"(?P<number>\d{6,7})-(?P<check>\d)(?P<store>\d{0,4})", re.ASCII)
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")


class Identifier(StrEnum):
    """What can be checked."""

    VAT_ID = "vat_id"
    BUSINESS_ID = "business_id"
    IBAN = "iban"
    BIC = "bic"
    REFERENCE_NUMBER = "reference_number"
    BARCODE = "barcode"
    EPC_QR = "epc_qr"
    EAN = "ean"


class Fault(StrEnum):
    """What is wrong with an identifier."""

    EMPTY = "empty"
    FORM = "form"
    LENGTH = "length"
    CHECK_DIGIT = "check_digit"
    BANK_CHECK_DIGIT = "bank_check_digit"
    COUNTRY = "country"


class Verdict(Value):
    """Whether an identifier holds, and how it is written."""

    kind: Identifier
    value: str
    """As it was given."""
    valid: bool
    normalised: str | None = None
    """As it is written where it has to be; None where it cannot be told."""
    formatted: str | None = None
    """As it is printed for people."""
    fault: Fault | None = None
    detail: str | None = None
    """What is wrong, in a sentence."""
    details: dict[str, Any] = Field(default_factory=dict)
    """What else it tells: `bic` of an account, `rf` of a reference number, the parts of a barcode."""


@dataclass(frozen=True)
class _Wrong(Exception):
    fault: Fault
    detail: str


Found = tuple[str, str | None, dict[str, Any]]


def checked(kind: Identifier, given: str) -> Verdict:
    """Return what is to be said of an identifier."""
    if not given.strip():
        return Verdict(kind=kind, value=given, valid=False, fault=Fault.EMPTY, detail="Nothing was given.")
    try:
        normalised, formatted, details = _CHECKS[kind](given)
    except _Wrong as wrong:
        return Verdict(kind=kind, value=given, valid=False, fault=wrong.fault, detail=wrong.detail)
    return Verdict(kind=kind, value=given, valid=True, normalised=normalised, formatted=formatted, details=details)


def business_id(given: str) -> str:
    """Return a Finnish business id as 1234567-1. Raises ValueError for one that does not hold.

    Registers drop its leading zero, its hyphen, or add the number of a store.
    """
    verdict = checked(Identifier.BUSINESS_ID, given)
    if verdict.normalised is None:
        raise ValueError(verdict.detail)
    return verdict.normalised


def seller_id(given: str) -> str:
    """Return a seller's id in the one form that it is kept in, however it was written: 1234567-1, or the VAT number of another country.

    What does not hold stays as it was given, but for the spaces around it.
    """
    for kind in (Identifier.BUSINESS_ID, Identifier.VAT_ID):
        verdict = checked(kind, given)
        if verdict.normalised is not None:
            return verdict.normalised
    return given.strip()


def _business_id(given: str) -> Found:
    text = re.sub(r"[\u2010-\u2015\u2212]", "-", given.strip())
    bare = re.sub(r"\s", "", _BUSINESS_ID_LABEL.sub("", text, count=1)).upper()
    bare = bare.removeprefix("FI").strip("-:")
    if re.fullmatch(r"[0-9]{8}", bare):
        bare = f"{bare[:7]}-{bare[7]}"
    match = _BUSINESS_ID.fullmatch(bare.lstrip("0").zfill(9) if re.fullmatch(r"0[0-9]{7}-[0-9]", bare) else bare)
    if match is None:
        digits = re.sub(r"[-\s]", "", bare)
        if digits.isdigit():
            raise _Wrong(
                Fault.LENGTH, f"A business id has seven digits, a hyphen and a check digit: 1234567-1; this has {len(digits)} digits."
            )
        raise _Wrong(Fault.FORM, "A business id has seven digits, a hyphen and a check digit: 1234567-1.")
    number = match["number"].zfill(7)
    value = f"{number}-{match['check']}"
    if not is_business_id(value):
        raise _Wrong(Fault.CHECK_DIGIT, f"The check digit of {value} does not hold: a digit is wrong, or two have changed places.")
    digits = value.replace("-", "")
    told = {"vat_id": f"FI{digits}", "ovt": f"{_OVT}{digits}"} | ({"store": match["store"]} if match["store"] else {})
    return value, value, told


def _vat_id(given: str) -> Found:
    text = re.sub(r"[\s.\-]", "", given).upper()
    country = text[:2]
    if not country.isalpha() or not country.isascii():
        raise _Wrong(Fault.COUNTRY, "A VAT number begins with the two letters of its country, such as FI12345671.")
    if country == "FI":
        if not re.fullmatch(r"FI[0-9]{8}", text):
            raise _Wrong(Fault.LENGTH, "A Finnish VAT number is FI and eight digits: the business id without its hyphen.")
        if not is_business_id(f"{text[2:9]}-{text[9]}"):
            raise _Wrong(Fault.CHECK_DIGIT, f"The check digit of {text} does not hold.")
        return text, text, {"country": "FI", "business_id": f"{text[2:9]}-{text[9]}"}
    vat = stdnum("eu.vat")
    if country.lower() not in vat.MEMBER_STATES and country not in ("EL", "XI"):
        raise _Wrong(Fault.COUNTRY, f"{country} is no member state of the EU.")
    if not text.isascii() or not vat.is_valid(text):
        raise _Wrong(Fault.CHECK_DIGIT, f"{text} is no VAT number of {country}: its length or its check digit does not hold.")
    return text, text, {"country": country}


def _iban(given: str) -> Found:
    text = re.sub(r"\s", "", given).upper()
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{10,30}", text):
        raise _Wrong(Fault.FORM, "An IBAN is two letters, two check digits and the account: FI21 1234 5600 0007 85.")
    if not stdnum("iban").is_valid(text):
        raise _Wrong(Fault.CHECK_DIGIT, "The check digits of the IBAN, or its length, do not hold.")
    if not is_iban(text):
        raise _Wrong(Fault.BANK_CHECK_DIGIT, "The IBAN's own check digits hold, but not the bank's at its end: a digit is made up.")
    groups = " ".join(text[at : at + 4] for at in range(0, len(text), 4))
    return text, groups, {"country": text[:2], "bic": bic_of(text)}


def bic_of(iban: str) -> str | None:
    """Return the BIC of the bank of a Finnish account, where it is known."""
    if not iban.startswith("FI"):
        return None
    account = iban[4:]
    return next((bic for prefix, bic in _banks().items() if account.startswith(prefix)), None)


@cache
def _banks() -> Mapping[str, str]:
    kept: dict[str, str] = parsed(rule_file("FI", "banks.yaml").read_text(encoding="utf-8"))["banks"]
    return MappingProxyType(dict(sorted(kept.items(), key=lambda bank: -len(bank[0]))))


def _bic(given: str) -> Found:
    text = re.sub(r"\s", "", given).upper()
    if not _BIC.fullmatch(text) or not stdnum("bic").is_valid(text):
        raise _Wrong(Fault.FORM, "A BIC has eight or eleven letters and digits: four of the bank, two of the country, two or five more.")
    return text, text, {"country": text[4:6]}


def _reference(given: str) -> Found:
    text = re.sub(r"\s", "", given).upper()
    if text.startswith("RF"):
        if not re.fullmatch(r"RF[0-9]{2}[0-9A-Z]{1,21}", text):
            raise _Wrong(Fault.FORM, "A creditor reference is RF, two check digits and up to 21 letters and digits.")
        if not is_reference(text):
            raise _Wrong(Fault.CHECK_DIGIT, f"The check digits of {text} do not hold.")
        body = text[4:].lstrip("0")
        national = body if is_reference(body) else None
        return text, " ".join(text[at : at + 4] for at in range(0, len(text), 4)), {"national": national, "finnish": national is not None}
    if not re.fullmatch(r"[0-9]+", text):
        raise _Wrong(Fault.FORM, "A reference number has digits only.")
    if not 4 <= len(text) <= 20:
        raise _Wrong(Fault.LENGTH, f"A reference number has 4 to 20 digits; this has {len(text)}.")
    if not is_reference(text):
        raise _Wrong(
            Fault.CHECK_DIGIT, f"The check digit does not hold: after these digits it would be {reference_check_digit(text[:-1])}."
        )
    value = text.lstrip("0")
    if not value:
        raise _Wrong(Fault.FORM, "A reference number is more than zeros.")
    return value, grouped_reference(value), {"rf": creditor_reference(value)}


def reference_number(base: str) -> str:
    """Return the reference number that ends these digits with their check digit."""
    return f"{base}{reference_check_digit(base)}"


def creditor_reference(reference: str) -> str:
    """Return the international form of a reference number: RF and two check digits before it (ISO 11649)."""
    return f"RF{98 - int(f'{reference}271500') % 97:02d}{reference}"


def grouped_reference(reference: str) -> str:
    """Return a reference number as it is printed: in groups of five from its end, without leading zeros."""
    value = reference.lstrip("0")
    head = len(value) % 5
    return " ".join(part for part in (value[:head], *(value[at : at + 5] for at in range(head, len(value), 5))) if part)


def _barcode(given: str) -> Found:
    bare = re.sub(r"\s", "", given).removeprefix("[105]")
    text, _, check = bare.removesuffix("]").partition("[")
    if not re.fullmatch(r"[0-9]{54}", text):
        raise _Wrong(Fault.LENGTH, f"A bank barcode has 54 digits; this has {len(text)} characters.")
    found = bank_barcode.decode(text)
    if found is None:
        raise _Wrong(Fault.CHECK_DIGIT, "The barcode's version, account, reference number or due date does not hold.")
    if check and check != str(bank_barcode.check_symbol(text)):
        raise _Wrong(Fault.CHECK_DIGIT, f"The check character of these digits is {bank_barcode.check_symbol(text)}, and not {check[:5]}.")
    told = {
        "version": found.version,
        "iban": found.iban,
        "amount": None if found.amount is None else format(found.amount, "f"),
        "reference_number": found.reference,
        "due_date": None if found.due_date is None else found.due_date.isoformat(),
        "check_symbol": bank_barcode.check_symbol(text),
    }
    return text, text, told


def _epc_qr(given: str) -> Found:
    found = epc_qr.decode(given.encode())
    if found is None:
        raise _Wrong(Fault.FORM, "This is no payment QR code of the European Payments Council, or its account does not hold.")
    told = {
        "name": found.name,
        "iban": found.iban,
        "amount": None if found.amount is None else format(found.amount, "f"),
        "reference_number": found.reference,
        "message": found.message,
    }
    return given, None, told


def _ean(given: str) -> Found:
    text = re.sub(r"[\s-]", "", given)
    if not re.fullmatch(r"[0-9]{8}|[0-9]{12,14}", text):
        raise _Wrong(Fault.LENGTH, "An EAN has 8, 12, 13 or 14 digits.")
    if not stdnum("ean").is_valid(text):
        raise _Wrong(Fault.CHECK_DIGIT, "The check digit of the EAN does not hold.")
    return text, text, {}


_CHECKS: Mapping[Identifier, Callable[[str], Found]] = MappingProxyType(
    {
        Identifier.VAT_ID: _vat_id,
        Identifier.BUSINESS_ID: _business_id,
        Identifier.IBAN: _iban,
        Identifier.BIC: _bic,
        Identifier.REFERENCE_NUMBER: _reference,
        Identifier.BARCODE: _barcode,
        Identifier.EPC_QR: _epc_qr,
        Identifier.EAN: _ean,
    }
)
