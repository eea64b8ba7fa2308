"""Whether a document was made up: it says so itself, or several things on it cannot be at once.

One thing alone is a misreading or a mistake of the seller's. Pictures that a model has drawn, and receipts of generators, fail in several
ways: check digits, rates of other years or countries, sums, amounts as another country writes them, days that no calendar has.
"""

import datetime
import re
from collections.abc import Iterator
from typing import Final

from converto.kernel.identifiers.check_digits import is_business_id, is_iban
from converto.ocr.interface import Scan, VatLine
from converto.vat.card_slip import CardSlip
from converto.vat.findings import tolerance
from converto.vat.rates import Rates

LEAST: Final = 2
"""So many things that cannot be make a document suspect; one more where it was read badly, for misreadings come together."""
SURE: Final = 0.8
"""A text read less surely than this may say something else. A row that does not add up is never sure: that says nothing of it."""
_SAYS_SO = re.compile(
    r"\b((?:sample|dummy|fake) (?:receipt|invoice)|lorem ipsum|(?:malli|esimerkki) ?(?:kuitti|lasku)|not a real (?:receipt|invoice)"
    r"|ai[ -]generat(?:ed|or)|receipt[ -]generator|generated (?:by|with) (?:ai|chatgpt|gemini|dall))\b|^ *(specimen) *$",
    re.IGNORECASE | re.MULTILINE,
)
_FINNISH = re.compile(r"\b(y-?tunnus|alv|yhteens[äa]|veroton|kuitti|maksettava)\b", re.IGNORECASE)
_FINNISH_WORDS = 2
_OTHER_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3},\d{3}\.\d{2}(?![\d.,])")
_BUSINESS_ID = re.compile(r"(?<![\d-])\d{7}-\d(?![\d-])")
_IBAN = re.compile(r"\bFI\d{2}(?: ?\d{4}){3} ?\d{2}\b")
_DAY = re.compile(r"(?<![\d.,])(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>20\d\d)(?![\d.,])")


def why_made_up(scan: Scan, slip: CardSlip | None, *, rates: Rates) -> tuple[str, ...]:
    """Return why a document seems to be made up; nothing where it does not."""
    text = scan.text or ""
    said = _SAYS_SO.search(text)
    if said is not None:
        return (f"“{said[0].strip()}”",)
    if len({word.lower() for word in _FINNISH.findall(text)}) < _FINNISH_WORDS:
        return ()  # what cannot be on a Finnish document may well be on one of another country
    found = tuple(dict.fromkeys(_impossible(scan, slip, text, rates=rates)))
    is_sure = scan.confidence is None or scan.confidence >= SURE
    return found if len(found) >= (LEAST if is_sure else LEAST + 1) else ()


def _impossible(scan: Scan, slip: CardSlip | None, text: str, *, rates: Rates) -> Iterator[str]:
    printed = _BUSINESS_ID.findall(text)
    if slip is None and printed and not any(is_business_id(one) for one in printed):
        yield "Y-tunnus"
    if any(not is_iban(one.replace(" ", "")) for one in _IBAN.findall(text)):
        yield "IBAN"
    day = scan.fields.date.value if scan.fields is not None and scan.fields.date is not None else None
    if day is not None and any(line.rate not in rates.legal_set(day) for line in scan.vat_lines):
        yield "ALV-%"
    if any(_is_far_off(line, len(scan.line_items)) for line in scan.vat_lines):
        yield "ALV"
    if _OTHER_THOUSANDS.search(text):
        yield "1,234.56"
    if any(not _is_day(found) for found in _DAY.finditer(text)):
        yield "pvm"
    priced = [item for item in scan.line_items if item.quantity is not None and item.unit_price is not None]
    wrong = sum(abs((item.quantity or 0) * (item.unit_price or 0) - item.total) > tolerance(4) for item in priced)
    if wrong >= LEAST and 2 * wrong > len(priced):  # discounts, deposits and what is weighed leave some of a real receipt's lines off
        yield "rivit"


def _is_far_off(line: VatLine, items: int) -> bool:
    """Tell whether printed tax is far from what the rate gives: by more than registers round, and than a last digit that was misread."""
    if line.vat is None or line.net is None or not line.net:
        return False
    return abs(line.vat - line.net * line.rate / 100) > max(tolerance(items), abs(line.vat) / 20)


def _is_day(found: re.Match[str]) -> bool:
    try:
        datetime.date(int(found["year"]), int(found["month"]), int(found["day"]))
    except ValueError:
        return False
    return True
