"""Amounts of money as people write them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from converto.ocr.understanding.dates import REMEMBERED

MINUS = "-\u2212\u2013"
_SPACES = "\u00a0\u202f"
# Thousands parted by one kind of mark, then a decimal mark and two digits; or plain digits with two decimals. What has one
# decimal or three is a quantity, a litre price or a rate, never an amount.
_NUMBER = rf"\d{{1,3}}(?:(?P<mark>[ .,'\u2019{_SPACES}])\d{{3}})(?:(?P=mark)\d{{3}})*(?!(?P=mark))[.,]\d{{2}}|\d{{1,9}}[.,]\d{{2}}"
_CURRENCY = r"(?:€|\$|£|EUR|RM|SEK|NOK|DKK|USD|GBP|MYR|kr)"
_WHOLE = re.compile(
    rf"\s*{_CURRENCY}?\s*(?P<before>[{MINUS}])?\s*{_CURRENCY}?\s*(?P<number>{_NUMBER})\s*(?P<after>[{MINUS}])?\s*{_CURRENCY}?\s*"
)
_IN_TEXT = re.compile(
    rf"(?<![\d.,:/#])(?P<before>(?<![\w.,])[{MINUS}] ?{_CURRENCY}? ?|(?<=[A-Z])-)?(?P<number>{_NUMBER})"
    rf"(?!\d|[.,:/]\d| ?%)(?! ?(?:[lL]|[kK][gG]|[gG]|[mM][lL]|[cC][lL]|[mM]|[mM][mM]|[cC][mM])\b)(?P<after> ?[{MINUS}](?![\w.,{MINUS}]))?"
)
# What a recogniser makes of an amount: letters for digits, a space beside or for the decimal mark.
_LENIENT = re.compile(
    r"(?<![\w.,:/])(?:R[MHN] ?|[$€£] ?)?(?P<number>(?=[^\s]*\d)[\dOoIlSBZ"
    r"|]{1,5} ?[.,:;] ?[\dOoIlSBZ]{2}|\d{1,4} \d{2})(?![\w%]|[.,:/]\w| ?%)"
)
_DIGIT = re.compile(r"\d")
_DIGITS = str.maketrans("OoIlSBZ|", "00115821")


@dataclass(frozen=True)
class FoundAmount:
    """An amount in a text, where it stands there, and whether it had to be guessed from a misreading.

    One that is only `spaced` has plain digits and a gap beside its decimal mark: hardly a guess.
    """

    value: Decimal
    start: int
    end: int
    guessed: bool = False
    spaced: bool = False


def parse_amount(text: str) -> Decimal | None:
    """Return the amount that a text is, with two decimals, or None when it is not one.

    `1 234,56`, `1.234,56` and `1,234.56` are the same amount; a minus may stand before or after.
    """
    match = _WHOLE.fullmatch(text)
    return None if match is None else _value(match)


def find_amounts(text: str, *, lenient: bool = False) -> list[FoundAmount]:
    """Return the amounts in a line from left to right; with `lenient` also those that a recogniser misread."""
    return list(_amounts(text, lenient)) if _DIGIT.search(text) else []


@lru_cache(maxsize=REMEMBERED)
def _amounts(text: str, lenient: bool) -> tuple[FoundAmount, ...]:  # noqa: FBT001 - the same as its caller's, and part of the key
    found = [FoundAmount(_value(match), match.start(), match.end()) for match in _IN_TEXT.finditer(text)]
    if lenient:
        found.extend(_guesses(text, taken=[(amount.start, amount.end) for amount in found]))
        found.sort(key=lambda amount: amount.start)
    return tuple(found)


def _guesses(text: str, *, taken: list[tuple[int, int]]) -> Iterator[FoundAmount]:
    for match in _LENIENT.finditer(text):
        start, end = match.span("number")
        if any(start < other_end and other_start < end for other_start, other_end in taken):
            continue
        digits = re.sub(r"\D", "", match["number"].translate(_DIGITS))
        spaced = re.fullmatch(r"\d+[.,;] ?\d{2}", match["number"]) is not None
        yield FoundAmount(Decimal(digits).scaleb(-2), start, end, guessed=not spaced, spaced=spaced)


def _value(match: re.Match[str]) -> Decimal:
    digits = re.sub(r"\D", "", match["number"])
    value = Decimal(digits).scaleb(-2)
    return -value if match["before"] or match["after"] else value


def digits_apart(first: Decimal, second: Decimal) -> bool:
    """Tell whether two amounts differ by one misread, missing or added digit."""
    one, two = str(abs(first)).replace(".", ""), str(abs(second)).replace(".", "")
    if len(one) == len(two):
        return sum(a != b for a, b in zip(one, two, strict=True)) == 1
    longer, shorter = (one, two) if len(one) > len(two) else (two, one)
    return len(longer) - len(shorter) == 1 and any(longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer)))
