"""The currency of a document: as printed, or the legal tender of the country whose marks it bears."""

import re
from collections import Counter
from collections.abc import Sequence

from converto.ocr.words import Line

# ISO 4217's own code for "no currency": an amount whose currency nothing on the document tells.
UNKNOWN_CURRENCY = "XXX"
_PRINTED = (
    ("EUR", re.compile(r"(?<![A-Za-z])EUR(?:OA?)?(?![A-Za-z])|€|(?<![A-Za-z])euroa?(?![A-Za-z])", re.IGNORECASE)),
    ("MYR", re.compile(r"(?<![A-Za-z])(?:RM|MYR)(?=[\s\d.)\]:]|$)|\bRinggit\b")),
    ("SEK", re.compile(r"(?<![A-Za-z])SEK(?![A-Za-z])")),
    ("NOK", re.compile(r"(?<![A-Za-z])NOK(?![A-Za-z])")),
    ("DKK", re.compile(r"(?<![A-Za-z])DKK(?![A-Za-z])")),
    ("USD", re.compile(r"(?<![A-Za-z])USD(?![A-Za-z])")),
    ("GBP", re.compile(r"(?<![A-Za-z])GBP(?![A-Za-z])|£")),
    ("CHF", re.compile(r"(?<![A-Za-z])CHF(?![A-Za-z])")),
    ("PLN", re.compile(r"(?<![A-Za-z])PLN(?![A-Za-z])")),
)
_ANY = re.compile(r"EUR|RM|MYR|RINGGIT|SEK|NOK|DKK|USD|GBP|CHF|PLN|[€£]", re.IGNORECASE)
_COUNTRY_MARKS = (
    ("EUR", re.compile(r"\by ?- ?tun|\balv\b|\byhteensa\b|\bmwst\b|\bust ?- ?id|\bgmbh\b|\boyj?\b|\bsteuer ?- ?nr")),
    ("MYR", re.compile(r"\bsdn\b|\bbhd\b|\bmalaysia\b|\bjalan\b|\bkuala\b|\bselangor\b")),
    ("SEK", re.compile(r"\borg ?\.? ?- ?(?:nr|nummer)\b.*\d{6} - \d{4}|\bmomsreg\b")),
)


def find_currency(lines: Sequence[Line]) -> tuple[str, Line, int, int] | None:
    """Return the currency that is printed most, and where it stands first; None where none is printed."""
    counts: Counter[str] = Counter()
    places: dict[str, tuple[Line, int, int]] = {}
    for line in lines:
        for code, pattern in _PRINTED if _ANY.search(line.columns) else ():
            for match in pattern.finditer(line.columns):
                counts[code] += 1
                places.setdefault(code, (line, *match.span()))
    if not counts:
        return None
    code = counts.most_common(1)[0][0]
    return (code, *places[code])


def legal_tender(lines: Sequence[Line]) -> str:
    """Return the money of the country whose words a document uses, or the code for an unknown currency."""
    for code, pattern in _COUNTRY_MARKS:
        if any(pattern.search(line.folded) for line in lines):
            return code
    return UNKNOWN_CURRENCY
