"""Amounts and days as e-invoices write them; what is written otherwise is left out."""

import datetime
import re
from decimal import Decimal

from converto.kernel.e_invoices.xml_tree import Element

_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:[.,][0-9]{1,10})?")
_DAY = re.compile(r"(?P<year>[0-9]{4})-?(?P<month>[0-9]{2})-?(?P<day>[0-9]{2})(?:T.*)?")


def number(text: str | None) -> Decimal | None:
    """Return a number with a decimal point or a decimal comma."""
    return Decimal(text.replace(",", ".")) if text and _NUMBER.fullmatch(text) else None


def number_at(element: Element, *path: str) -> Decimal | None:
    """Return the number at a path."""
    return number(element.said(*path))


def day(text: str | None) -> datetime.date | None:
    """Return a day written as 20261114 or 2026-11-14."""
    match = _DAY.fullmatch(text or "")
    try:
        return datetime.date(int(match["year"]), int(match["month"]), int(match["day"])) if match else None
    except ValueError:
        return None
