"""When it was, and by which numbers it is known: date, time, due date, receipt number, reference number, ids."""

import datetime
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from converto.ocr.understanding.dates import FoundDate, find_dates, find_times
from converto.ocr.understanding.identifiers import FoundNumber, find_references
from converto.ocr.words import Line

_DATE_WORD = re.compile(
    r"\b(date|dated|datum|pvm|paivays|paivamaara|tarikh|laskun pvm|rechnungsdatum|fakturadatum|bill date|inv dt|invoice date)\b|\bdate\w?\b"
)
_OTHER_DATE = re.compile(
    r"\b(due|erapaiva|erapvm|forfall\w*|faellig|fallig\w*|exp|expiry|expires|valid|voimassa"
    r"|gultig|member since|best before|delivery|toimitus\w*|lieferdatum|leistungs\w*|until|"
    r"return|before|from|period|kausi|print(ed)?|birth|refund|exchange)\b"
)
_DUE = re.compile(
    r"(?<!amount )(?<!change )(?<!balance )(?<!total )\b(erapaiva\w*|erapvm|eraantyy|due date|due|payable by|forfallodag"
    r"|forfallodatum|oss tillhanda|fallig\w*|zahlbar bis|maksettava viimeistaan)\b"
)
_RECEIPT_WORD = re.compile(
    r"(?:kuitti\s*-?(?:nro|numero|no)?|laskun?\s*-?(?:numero|nro|no)|kvittonr|kvitto\s*(?:nr)?"
    r"|faktura ?(?:nr|nummer)|fakturanummer|invoice\s*(?:no|number|nr|#)?|inv\s*\.?\s*(?:no|#|num)"
    r"|receipt\s*(?:no|number|nr|#)?|bill\s*(?:no|number|#)|doc(?:ument)? ?(?:no|number)"
    r"|bon ?-?(?:nr|nummer)|beleg ?-?(?:nr|nummer)|rechnungs? ?-?(?:nr|nummer)|rechnung nr|slip ?no"
    r"|rcpt ?(?:no|#)?|cs no|trans(?:action)? ?(?:no|id|#))\b\.?",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"^[\s.:;#=)-]*(?P<number>(?=[A-Z0-9/-]*\d)[A-Z0-9][A-Z0-9/_.-]{1,24}[A-Z0-9]|\d)(?![\w])", re.IGNORECASE)
_REFERENCE_WORD = re.compile(r"\b(viite|viitenumero|viitenro|referensnummer|referens|ref ?nr|creditor reference)\b")
_S_REGISTER = re.compile(r"\b[KM]\d{1,2} M(?P<till>\d{6})/(?P<number>\d{4,6}E?)\b")

# A year of two digits before this one is rather a misread number.
_OLDEST_SHORT_YEAR = 2008
_FUTURE = 4.0


@dataclass(frozen=True)
class Placed:
    """A value, where it stands on a line, and how sure it is."""

    value: object
    line: Line
    start: int
    end: int
    confidence: float


def find_date(lines: Sequence[Line], *, today: datetime.date, card_date: datetime.date | None = None) -> Placed | None:
    """Return the day of the document: labelled, beside a time of day, repeated, or the first; never a due date.

    A date that the card terminal's reference confirms is certain.
    """
    scored = _scored_dates(lines, today, card_date)
    if not scored:
        return None
    score, _, date, line = max(scored, key=lambda entry: (entry[0], -entry[1]))
    future = date.value > today + datetime.timedelta(days=1)
    # A lone date in the future is given all the same, to be doubted; a due date is not.
    if score + (_FUTURE if future else 0.0) < -1.5:
        return None
    rivals = [other[0] for other in scored if other[2].value != date.value]
    margin = score - max(rivals) if rivals else 2.0
    confidence = 0.99 if date.value == card_date else _date_confidence(score, margin, line.confidence(date.start, date.end))
    return Placed(date.value, line, date.start, date.end, confidence)


def dates_of(lines: Sequence[Line], *, today: datetime.date) -> list[Placed]:
    """Return every date on a document, each as sure as it would be against the best of the others."""
    scored = _scored_dates(lines, today, None)
    best = max((score for score, *_ in scored), default=0.0)
    return [
        Placed(date.value, line, date.start, date.end, _date_confidence(score, score - best, line.confidence(date.start, date.end)))
        for score, _, date, line in scored
    ]


def _scored_dates(lines: Sequence[Line], today: datetime.date, card_date: datetime.date | None) -> list[tuple[float, int, FoundDate, Line]]:
    scored: list[tuple[float, int, FoundDate, Line]] = []
    counts: Counter[datetime.date] = Counter()
    for at, line in enumerate(lines):
        for date in find_dates(line.columns, lenient=True):
            counts[date.value] += 1
            scored.append((_date_score(date, line, lines[at - 1] if at else None, today) - 0.01 * at, at, date, line))
    return [(score + 0.6 * (counts[date.value] - 1) + 3.0 * (date.value == card_date), at, date, line) for score, at, date, line in scored]


def _date_confidence(score: float, margin: float, words: float) -> float:
    return round(max(0.05, min(0.97, 0.45 + 0.06 * min(4.0, score) + 0.08 * min(2.0, margin) + 0.2 * words)), 3)


def _date_score(date: FoundDate, line: Line, above: Line | None, today: datetime.date) -> float:
    folded = line.folded
    score = 0.0
    score += 2.0 if _DATE_WORD.search(folded) else 0.0
    score += 1.0 if any(time for time in find_times(line.columns) if not date.start <= time.start < date.end) else 0.0
    score -= 2.5 if _OTHER_DATE.search(folded) and not re.search(r"\binvoice date|\bbill date|laskun pvm|paivays", folded) else 0.0
    score -= 2.0 if above is not None and _DUE.search(above.folded) and not _DATE_WORD.search(folded) else 0.0
    score -= 1.2 if date.guessed else 0.0
    score -= 0.3 if date.short_year else 0.0
    score -= 2.0 if date.short_year and date.value.year < _OLDEST_SHORT_YEAR else 0.0
    score -= _FUTURE if date.value > today + datetime.timedelta(days=1) else 0.0
    score -= 1.5 if today.year - date.value.year > 15 else 0.0
    return score


def find_time(lines: Sequence[Line], date: Placed | None) -> Placed | None:
    """Return the time of day: beside the date, else labelled, else the first on the document."""
    near: list[Placed] = []
    for line in lines:
        dates = find_dates(line.columns)
        for time in find_times(line.columns):
            if any(other.start <= time.start < other.end for other in dates) or (time.dotted and not dates):
                continue
            beside = date is not None and line is date.line
            labelled = re.search(r"\b(time|kello|klo|uhrzeit|uhr|masa|tid)\b", line.folded)
            shown = re.search(r"\b(hours|open|opening|aukioloajat|avoinna|ma|su|hrs|offnungszeiten|palvelemme)\b", line.folded)
            base = 0.9 if beside else 0.75 if labelled else 0.1 if shown else 0.5
            near.append(
                Placed(time.value, line, time.start, time.end, round(base * (0.6 + 0.4 * line.confidence(time.start, time.end)), 3))
            )
    best = max(near, key=lambda placed: placed.confidence, default=None)
    return best if best is not None and best.confidence >= 0.3 else None


def find_due_date(lines: Sequence[Line]) -> Placed | None:
    """Return the day by which an invoice must be paid."""
    for at, line in enumerate(lines):
        match = _DUE.search(line.folded)
        if match is None:
            continue
        for place in (line, *lines[at + 1 : at + 2]):
            dates = find_dates(place.columns)
            if dates:
                date = dates[-1] if place is line else _below(match.start() / max(1, len(line.folded)), place, dates)
                return Placed(date.value, place, date.start, date.end, round(0.6 + 0.35 * place.confidence(date.start, date.end), 3))
    return None


def _below(share: float, line: Line, dates: Sequence[FoundDate]) -> FoundDate:
    return min(dates, key=lambda date: abs(date.start / max(1, len(line.columns)) - share))


def find_receipt_number(lines: Sequence[Line]) -> Placed | None:
    """Return the number that the seller gave the document."""
    for line in lines:
        for match in _RECEIPT_WORD.finditer(line.columns):
            number = _NUMBER.match(line.columns, match.end()) or _NUMBER.match(line.columns[match.end() :])
            if number is None or find_dates(number["number"]):
                continue
            start = line.columns.index(number["number"], match.end())
            end = start + len(number["number"])
            return Placed(number["number"], line, start, end, round(0.45 + 0.45 * line.confidence(start, end), 3))
    for line in lines:
        register = _S_REGISTER.search(line.columns)
        if register is not None:
            start, end = register.span("number")
            return Placed(register["number"], line, start, end, round(0.4 + 0.45 * line.confidence(start, end), 3))
    return None


def find_reference_number(lines: Sequence[Line], *, card_block: bool) -> Placed | None:
    """Return a bank reference number whose check digit holds; a card terminal's Viite, which begins with the day, is none."""
    for at, line in enumerate(lines):
        if not _REFERENCE_WORD.search(line.folded):
            continue
        for place in (line, *lines[at + 1 : at + 2]):
            for number in find_references(place.columns):
                if number.valid and not _tells_a_day(number.value, card_block=card_block):
                    return Placed(
                        number.value, place, number.start, number.end, round(0.55 + 0.4 * place.confidence(number.start, number.end), 3)
                    )
    return None


def _tells_a_day(number: str, *, card_block: bool) -> bool:
    if not (card_block or len(number) in (12, 14)):
        return False
    try:
        datetime.date(2000 + int(number[:2]), int(number[2:4]), int(number[4:6]))
    except ValueError:
        return False
    return len(number) in (12, 14)


def find_number(lines: Sequence[Line], find: Callable[[str], list[FoundNumber]]) -> Placed | None:
    """Return the first number of a kind, one with a valid check digit before any other."""
    places = [(number, line) for line in lines for number in find(line.columns)]
    places.sort(key=lambda place: not place[0].valid)
    if not places:
        return None
    number, line = places[0]
    confidence = 0.6 + 0.39 * line.confidence(number.start, number.end) if number.valid else 0.2
    return Placed(number.value, line, number.start, number.end, round(confidence, 3))
