"""Dates and times of day as people write them; the day comes before the month."""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from converto.ocr.vocabulary import fold

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januari januar tammikuu tammikuuta tammi",
            "feb february februari februar helmikuu helmikuuta helmi",
            "mar march mars marz maaliskuu maaliskuuta maalis mac",
            "apr april huhtikuu huhtikuuta huhti",
            "may maj mai toukokuu toukokuuta touko mei",
            "jun june juni kesakuu kesakuuta kesa",
            "jul july juli heinakuu heinakuuta heina",
            "aug august augusti elokuu elokuuta elo ogos",
            "sep sept september syyskuu syyskuuta syys",
            "oct october oktober okt lokakuu lokakuuta loka",
            "nov november marraskuu marraskuuta marras",
            "dec december dezember dez joulukuu joulukuuta joulu dis",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = r"[^\W\d_]{3,13}"
_YEAR = r"(?P<year>(?:19|20)\d{2}|\d{2})"
_FULL_YEAR = r"(?P<year>(?:19|20)\d{2})"
_PATTERNS = (
    re.compile(rf"(?<!\d)(?<!\d[.,])(?P<day>\d{{1,2}}) ?(?P<mark>[./-]) ?(?P<month>\d{{1,2}}) ?(?P=mark) ?{_FULL_YEAR}(?!\d)"),
    re.compile(rf"(?<!\d){_FULL_YEAR} ?(?P<mark>[./-]) ?(?P<month>\d{{1,2}}) ?(?P=mark) ?(?P<day>\d{{1,2}})(?!\d)"),
    re.compile(r"(?<!\d)(?<!\d[.,/-])(?P<day>\d{1,2}) ?(?P<mark>[./-]) ?(?P<month>\d{1,2}) ?(?P=mark) ?(?P<year>\d{2})(?![\d]|[.,/-]\d)"),
    re.compile(rf"(?<!\d)(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?[ ./-]{{0,2}}(?P<name>{_MONTH})[ .,/'-]{{0,3}}{_YEAR}(?![\d:])"),
    re.compile(rf"(?<!\w)(?P<name>{_MONTH})\.? ?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? ?{_FULL_YEAR}(?!\d)"),
)
# A date whose marks were misread for one another, or whose strokes were misread for digits: 17703/2018 and 1770372018 are 17/03/2018.
_GUESSES = (
    re.compile(r"(?<!\d)(?P<day>[0-3]\d)[./\-,: ]{1,2}(?P<month>[01]\d)[./\-,: ]{1,2}(?P<year>20\d{2})(?!\d)"),
    re.compile(r"(?<!\d)(?P<day>[0-3]?\d)[./\-,:](?P<month>[01]?\d)[./\-,:](?P<year>(?:20)?\d{2})(?!\d)"),
    re.compile(r"(?<!\d)(?P<day>[0-3]\d)[/17|lI()](?P<month>[01]\d)[/17|lI()](?P<year>20\d{2})(?!\d)"),
    # a year that runs into the time of day, and a mark that was not seen
    re.compile(r"(?<!\d)(?P<day>[0-3]?\d)(?P<mark>[./-])(?P<month>[01]?\d)(?P=mark)(?P<year>20\d{2})(?=\d{1,2}:\d\d)"),
    re.compile(r"(?<![\d./-])(?P<day>[0-3]\d) (?P<month>[01]\d)[./-](?P<year>[12]\d)(?![\d.,/:-])"),
    # 18.77.2026 can only be the seventh month: of no other month is the second digit a seven
    re.compile(r"(?<!\d)(?P<day>[0-3]\d)(?P<mark>[./-])[2-9](?P<month>[3-9])(?P=mark)(?P<year>20\d{2})(?!\d)"),
    re.compile(r"(?<!\d)(?P<day>[0-3]\d)[17](?P<month>[01]\d)(?P<year>20\d{2})(?!\d)"),
    re.compile(r"(?<!\d)(?P<year>20\d{2})(?P<month>[01]\d)(?P<day>[0-3]\d)(?!\d)"),
    re.compile(r"(?<!\d)(?P<day>[0-3]\d)(?P<month>[01]\d)(?P<year>20\d{2})(?!\d)"),
)
_LETTER_DIGIT = re.compile(r"(?<=[\d/.\-])[OoQlI|SBZ](?=[\d/.\-])|(?<!\w)[OoQlI|SBZ](?=\d[/.-])|(?<=[/.-]\d)[OoQlI|SBZ](?=[/.\- ]|$)")
_DIGIT_OF = str.maketrans("OoQlI|SBZ", "000111582")
_TIME = re.compile(
    r"(?<![\d.,:/-])(?P<hour>[01]?\d"
    r"|2[0-3])(?P<mark>[:.])(?P<minute>[0-5]\d)(?:(?P=mark)(?P<second>[0-5]\d))?(?: ?(?P<half>[AaPp])\.?[Mm]\b)?(?![\d%]|[.,:/]\d)"
)
_DIGIT = re.compile(r"\d")
REMEMBERED = 1024
"""Each rule asks anew for what stands on a line: so many lines' answers are kept."""
OLDEST_YEAR = 1990
_CENTURY = 2000
_TWO_DIGITS = 100
_MONTHS_A_YEAR = 12


@dataclass(frozen=True)
class FoundDate:
    """A date in a text, where it stands there, and whether it had to be guessed from a misreading."""

    value: datetime.date
    start: int
    end: int
    guessed: bool = False
    short_year: bool = False


@dataclass(frozen=True)
class FoundTime:
    """A time of day in a text, and where it stands there."""

    value: datetime.time
    start: int
    end: int
    dotted: bool = False


def find_dates(text: str, *, lenient: bool = False) -> list[FoundDate]:
    """Return the dates in a line from left to right; with `lenient` also those that a recogniser misread."""
    return list(_dates(text, lenient)) if _DIGIT.search(text) else []


@lru_cache(maxsize=REMEMBERED)
def _dates(text: str, lenient: bool) -> tuple[FoundDate, ...]:  # noqa: FBT001 - the same as its caller's, and part of the key
    found: list[FoundDate] = []
    for pattern in _PATTERNS:
        found.extend(_matches(pattern, text, found))
    if lenient:
        mended = _LETTER_DIGIT.sub(lambda match: match[0].translate(_DIGIT_OF), text)
        for pattern in (*_PATTERNS[:3], *_GUESSES):
            found.extend(_matches(pattern, mended, found, guessed=True))
    return tuple(sorted(found, key=lambda date: date.start))


def find_times(text: str) -> list[FoundTime]:
    """Return the times of day in a line; one with a point (13.24) only stands for a time beside a date."""
    found = []
    for match in _TIME.finditer(text):
        hour = int(match["hour"])
        if match["half"]:
            hour = hour % 12 + (12 if match["half"] in "pP" else 0)
        time = datetime.time(hour, int(match["minute"]), int(match["second"] or 0))
        found.append(FoundTime(time, match.start(), match.end(), dotted=match["mark"] == "." and not match["half"]))
    return found


def _matches(pattern: re.Pattern[str], text: str, taken: list[FoundDate], *, guessed: bool = False) -> Iterator[FoundDate]:
    for match in pattern.finditer(text):
        start, end = match.span()
        if any(start < other.end and other.start < end for other in taken):
            continue
        value = _value(match.groupdict())
        if value is not None:
            yield FoundDate(value, start, end, guessed=guessed, short_year=len(match["year"]) == len("25"))


def _value(parts: dict[str, str]) -> datetime.date | None:
    year, day = int(parts["year"]), int(parts["day"])
    if year < _TWO_DIGITS:
        year += _CENTURY
    month = _MONTHS.get(fold(parts["name"])) if "name" in parts else int(parts["month"])
    if month is None or year < OLDEST_YEAR:
        return None
    if month > _MONTHS_A_YEAR >= day and "name" not in parts:
        day, month = month, day
    try:
        return datetime.date(year, month, day)
    except ValueError:
        return None
