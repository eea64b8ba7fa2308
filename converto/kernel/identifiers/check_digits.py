"""Check digits of business ids, IBANs and reference numbers."""

import re
from functools import cache
from types import ModuleType

_WEIGHTS = (7, 3, 1)


@cache
def stdnum(name: str) -> ModuleType:
    """Return a part of python-stdnum, such as `fi.ytunnus`: the package is large, so only what is asked for is loaded."""
    from importlib import import_module  # noqa: PLC0415

    return import_module(f"stdnum.{name}")


def is_business_id(value: str) -> bool:
    """Tell whether a Finnish business id's check digit holds."""
    return bool(re.fullmatch(r"[0-9]{7}-[0-9]", value)) and bool(stdnum("fi.ytunnus").is_valid(value))


def is_iban(value: str) -> bool:
    """Tell whether an IBAN's check digits hold, and for a Finnish one also its bank's own check digit."""
    if not (value.isascii() and stdnum("iban").is_valid(value)):
        return False
    return not value.startswith("FI") or bool(stdnum("luhn").is_valid(value[4:]))


def is_reference(value: str) -> bool:
    """Tell whether the check digit of a Finnish reference number (7-3-1) or of a creditor reference (RF) holds."""
    if value.startswith("RF"):
        return bool(stdnum("iso11649").is_valid(value))
    return bool(re.fullmatch(r"[0-9]{4,20}", value)) and reference_check_digit(value[:-1]) == int(value[-1])


def reference_check_digit(digits: str) -> int:
    """Return the digit that a Finnish reference number of these digits ends with."""
    total = sum(int(digit) * _WEIGHTS[at % 3] for at, digit in enumerate(reversed(digits)))
    return (10 - total % 10) % 10
