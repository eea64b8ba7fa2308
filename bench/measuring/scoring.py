"""When a value that was read is right, and what a share of right ones is worth."""

import datetime
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from converto.kernel.money import Money
from converto.ocr.document import VatLine

_SURE_95 = 1.959964
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_FIRST = re.compile(r"(\d{1,2})\D{0,3}?(\d{1,2}|[a-z]{3})[a-z]*\D{0,3}?((?:19|20)\d{2}|\d{2})(?!\d)")
_MONTH_FIRST = re.compile(r"([a-z]{3})[a-z]*\W*(\d{1,2})\W+((?:19|20)\d{2})")
_YEAR_FIRST = re.compile(r"((?:19|20)\d{2})\D?(\d{1,2})\D?(\d{1,2})(?!\d)")
_CENTURY = 2000


def is_right(field: str, printed: str, read: object) -> bool:
    """Tell whether a field was read as it is printed: amounts and days by their value, texts by their letters and digits."""
    text = str(read.amount) if isinstance(read, Money) else str(read)
    plain = {"total": amount, "net_total": amount, "vat_total": amount, "date": day, "due_date": day, "time": minutes}.get(field, letters)
    return plain(printed) == plain(text) != ""


def amount(text: str) -> str:
    """Return an amount with a point and two decimals; empty where it is none."""
    digits = re.sub(r"[^\d.,-]", "", text)
    plain = digits.replace(".", "").replace(",", ".") if re.search(r",\d\d$", digits) else digits.replace(",", "")
    try:
        return str(Decimal(plain).quantize(Decimal("0.01")))
    except InvalidOperation:
        return ""


def day(text: str) -> str:
    """Return a day as 2026-11-23, the day before the month where both are numbers; empty where it is none."""
    low = text.strip().casefold()
    for pattern, order in ((_YEAR_FIRST, (0, 1, 2)), (_MONTH_FIRST, (2, 0, 1)), (_DAY_FIRST, (2, 1, 0))):
        match = pattern.search(low)
        if match is None:
            continue
        year, month, date = (_number(match[place + 1]) for place in order)
        if month > len(_MONTHS) >= date:
            month, date = date, month
        try:
            return datetime.date(year if year >= _CENTURY // 2 else year + _CENTURY, month, date).isoformat()
        except ValueError:
            continue
    return ""


def _number(text: str) -> int:
    return int(text) if text.isdigit() else _MONTHS.index(text) + 1 if text in _MONTHS else 0


def minutes(text: str) -> str:
    """Return a time of day to the minute."""
    return text.strip()[:5]


def letters(text: str) -> str:
    """Return the letters and digits of a text, in capitals."""
    return "".join(sign for sign in text.upper() if sign.isalnum())


def rows_right(printed: Sequence[Mapping[str, str]], read: Sequence[VatLine]) -> int:
    """Return how many rows of a VAT table were read to the cent."""
    found = {(row.rate, row.net, row.vat) for row in read}
    return sum((Decimal(row["rate"]), Decimal(row["net"]), Decimal(row["vat"])) in found for row in printed)


def word_f1(pairs: Iterable[tuple[Sequence[str], str]]) -> float:
    """Return how well words were read, in any order: the harmonic mean of precision and recall."""
    right = read_words = printed_words = 0
    for printed, read in pairs:
        truth, found = _bag(" ".join(printed)), _bag(read)
        right += (truth & found).total()
        read_words += found.total()
        printed_words += truth.total()
    return 2 * right / (read_words + printed_words) if right else 0.0


def _bag(text: str) -> Counter[str]:
    return Counter(word for word in map(letters, text.split()) if word)


def wilson(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson's)."""
    if not count:
        return 0.0, 1.0
    share, square = right / count, _SURE_95**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = _SURE_95 / (1 + square / count) * math.sqrt(share * (1 - share) / count + square / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)
