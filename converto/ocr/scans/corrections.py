"""What people say about the fields of a document: checked as they say it, and laid over what the machine read."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from converto.kernel.actor import Actor
from converto.kernel.identifiers.check_digits import is_business_id, is_reference
from converto.kernel.money import Money
from converto.ocr.document import Correction, Fields, Found, PaymentMethod, Source
from converto.ocr.interface import BadCorrection
from converto.ocr.understanding.identifiers import find_ibans, find_vat_ids

LEARNED_CONFIDENCE: Final = 0.95
"""How sure a value is that was said of an earlier document of the same seller."""
MONEY: Final = ("total", "net_total", "vat_total")
_AMOUNT = re.compile(r"-?\d{1,10}(\.\d{1,2})?", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"\d{2}:\d{2}(:\d{2})?", re.ASCII)
_YEARS = (1970, 2100)
Said = str | Money | None


def checked(changes: Mapping[str, Any], *, currency: str) -> dict[str, Said]:
    """Return the values as they are kept; an amount without a currency is in the document's.

    Raises BadCorrection, with a pointer for each field that is wrong.
    """
    said: dict[str, Said] = {}
    wrong = [] if changes else [{"pointer": "", "detail": "name at least one field"}]
    for name, value in changes.items():
        pointer = "/" + name.replace("~", "~0").replace("/", "~1")[:100]
        try:
            said[name] = None if value is None else _one(name, value, currency)
        except ValueError as error:
            wrong.append({"pointer": pointer, "detail": str(error)})
    if wrong:
        summary = "; ".join(f"{entry['pointer']} {entry['detail']}" for entry in wrong[:3])
        raise BadCorrection(summary=summary, errors=wrong)
    return said


def _one(name: str, value: Any, currency: str) -> Said:
    if name in MONEY:
        return _money(value, currency)
    check = _CHECKS.get(name)
    if check is None:
        msg = "there is no such field"
        raise ValueError(msg)
    if not isinstance(value, str):
        msg = "this field takes a text"
        raise ValueError(msg)  # noqa: TRY004 - what is wrong is what was said
    return check(value.strip())


def _money(value: Any, currency: str) -> Money:
    if isinstance(value, Money):
        value = {"amount": str(value.amount), "currency": value.currency}
    if isinstance(value, Mapping) and value.keys() <= {"amount", "currency"}:
        amount, currency = value.get("amount"), str(value.get("currency", currency))
    else:
        amount = value
    if not isinstance(amount, str) or not _AMOUNT.fullmatch(amount):
        msg = 'an amount is written "12.34"'
        raise ValueError(msg)
    return Money(amount=Decimal(amount).quantize(Decimal("0.01")), currency=_currency(currency))


def _text(longest: int) -> Callable[[str], str]:
    def check(value: str) -> str:
        value = " ".join(value.split())
        if not 1 <= len(value) <= longest or not value.isprintable():
            msg = f"a text of 1 to {longest} letters; null says that there is none"
            raise ValueError(msg)
        return value

    return check


def _matching(what: str, matches: Callable[[str], str | None]) -> Callable[[str], str]:
    def check(value: str) -> str:
        found = matches(value)
        if found is None:
            msg = f"this is no {what}"
            raise ValueError(msg)
        return found

    return check


def _business_id(value: str) -> str | None:
    digits = re.sub(r"[\s-]", "", value)
    number = f"{digits[:-1].zfill(7)}-{digits[-1:]}"
    return number if is_business_id(number) else None


def _vat_id(value: str) -> str | None:
    plain = re.sub(r"[\s.-]", "", value.upper())
    return next((found.value for found in find_vat_ids(plain) if found.valid and found.value == plain), None)


def _iban(value: str) -> str | None:
    plain = re.sub(r"\s", "", value.upper())
    return next((found.value for found in find_ibans(plain) if found.value == plain), None)


def _reference(value: str) -> str | None:
    plain = re.sub(r"\s", "", value.upper())
    return (plain.lstrip("0") or plain) if is_reference(plain) else None


def _day(value: str) -> str | None:
    try:
        day = date.fromisoformat(value) if _DAY.fullmatch(value) else None
    except ValueError:
        return None
    return value if day is not None and _YEARS[0] <= day.year <= _YEARS[1] else None


def _clock(value: str) -> str | None:
    try:
        return time.fromisoformat(value).isoformat() if _TIME.fullmatch(value) else None
    except ValueError:
        return None


def _currency(value: str) -> str:
    if not _CURRENCY.fullmatch(value):
        msg = "a currency is written EUR"
        raise ValueError(msg)
    return value


_METHODS = frozenset(PaymentMethod)
_CHECKS: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    {
        "vendor": _text(200),
        "business_id": _matching("Finnish business id, whose check digit holds", _business_id),
        "vat_id": _matching("VAT number, whose check digit holds", _vat_id),
        "date": _matching("day, written 2026-11-23", _day),
        "time": _matching("time of day, written 17:42", _clock),
        "due_date": _matching("day, written 2026-11-23", _day),
        "receipt_number": _text(100),
        "currency": _currency,
        "payment_method": _matching(f"payment method: {', '.join(PaymentMethod)}", lambda value: value if value in _METHODS else None),
        "card_last4": _matching(
            "end of a card's number: four digits", lambda value: value if re.fullmatch(r"\d{4}", value, re.ASCII) else None
        ),
        "iban": _matching("IBAN, whose check digits hold", _iban),
        "reference_number": _matching("bank reference, whose check digit holds", _reference),
        "address": _text(300),
        "category": _text(100),
    }
)


def entry(value: Said, at: datetime, *, by: Actor | None = None, learned: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a correction as a scan's row keeps it: said by somebody now, or learned from what was said earlier."""
    who = {"corrected_by": by and by.user_id, "api_key_id": by and by.api_key_id}
    kept = Correction.model_validate({"value": value, "corrected_at": at, **who, **(learned or {})})
    return kept.model_dump(mode="json", exclude={"machine"})


def said_by_people(kept: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the corrections of a row that were made on it, without those that were learned."""
    return {name: one for name, one in (kept or {}).items() if one["learned_from"] is None}


def shown(kept: Mapping[str, Any] | None, machine: Fields) -> dict[str, Correction]:
    """Return the corrections of a row, each with what the machine read."""
    read = machine.model_dump(mode="json")
    return {name: Correction.model_validate({**one, "machine": read[name]}) for name, one in (kept or {}).items()}


def corrected(machine: Fields, kept: Mapping[str, Any] | None) -> Fields:
    """Return the fields with the corrections of a row instead of what the machine read."""
    if not kept:
        return machine
    fields: dict[str, Any] = machine.model_dump(mode="json")
    for name, one in kept.items():
        fields[name] = None if one["value"] is None else _found(one, fields[name])
    currency = kept.get("currency")
    for name in MONEY:
        # of an amount that nobody corrected only the currency changes with the document's
        if currency is not None and currency["value"] is not None and name not in kept and fields[name] is not None:
            fields[name]["value"]["currency"] = currency["value"]
    return Fields.model_validate(fields)


def _found(one: Mapping[str, Any], machine: Mapping[str, Any] | None) -> dict[str, Any]:
    # where the right value stands, nobody has said
    return Found[Any](
        value=one["value"],
        confidence=1.0 if one["learned_from"] is None else LEARNED_CONFIDENCE,
        page=machine["page"] if machine else 1,
        source=Source.PERSON,
    ).model_dump(mode="json")


def value_of(fields: Fields, name: str) -> Any:
    """Return the value of a field as JSON, None where there is none."""
    found = fields.model_dump(mode="json", include={name})[name]
    return None if found is None else found["value"]


def text_of(found: Found[str] | None) -> str | None:
    """Return the value of a field of text."""
    return found.value if found is not None else None


def scan_learned_from(scan_id: UUID, by: UUID | None, api_key_id: UUID | None) -> dict[str, Any]:
    """Return what a learned correction says of where it comes from."""
    return {"learned_from": scan_id, "corrected_by": by, "api_key_id": api_key_id}
