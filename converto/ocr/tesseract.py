"""Tesseract, through pytesseract: words with their places and confidences."""

import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytesseract

from converto.kernel.errors import Invalid, Unavailable
from converto.ocr.words import Line, Word, is_noise

# One block of lines from edge to edge: receipts have no columns that are read one after another. Tried with 3 and 4 on real
# receipts: 6 finds more totals and dates.
PAGE_SEGMENTATION = 6
_LANGUAGE = re.compile(r"[a-z]{3}(?:_[a-z]+)?", re.IGNORECASE)
_WORD_LEVEL = 5
_FIELDS = 12


class UnknownLanguage(Invalid):
    """A language whose data Tesseract does not have here."""

    code = "ocr.unknown_language"
    message = "There is no reading in {language!r} here; choose from {installed}, for example fin+eng."


class ReaderMissing(Unavailable):
    """Tesseract itself is missing or cannot start."""

    code = "ocr.reader_missing"
    message = "The reader (tesseract) does not start on this machine; install tesseract-ocr with the languages fin, swe and eng."


class ReaderFailed(Invalid):
    """Tesseract gave up on a page."""

    code = "ocr.reader_failed"
    message = "The reader gave up on a page: {reason}. Take the picture again, or save it as PNG."


@cache
def installed_languages() -> tuple[str, ...]:
    """Return the languages that Tesseract can read here. Raises ReaderMissing."""
    try:
        found = pytesseract.get_languages()
    except (OSError, pytesseract.TesseractError) as error:
        raise ReaderMissing from error
    return tuple(sorted(language for language in found if language != "osd"))


@cache
def version() -> str:
    """Return the version of Tesseract. Raises ReaderMissing."""
    try:
        return str(pytesseract.get_tesseract_version())
    except (OSError, SystemExit) as error:
        raise ReaderMissing from error


def check_languages(languages: Sequence[str]) -> tuple[str, ...]:
    """Return the languages without repeats, in order. Raises UnknownLanguage when one is not installed."""
    installed = installed_languages()
    for language in languages or ("",):
        if not _LANGUAGE.fullmatch(language) or language not in installed:
            raise UnknownLanguage(language=language, installed=", ".join(installed))
    return tuple(dict.fromkeys(languages))


def read_picture(path: Path, *, size: tuple[int, int], languages: Sequence[str], page: int, timeout_s: float, segmentation: int = PAGE_SEGMENTATION) -> tuple[Line, ...]:
    """Return the lines on a picture of `size` pixels; places are in shares of it. Raises ReaderFailed, ReaderMissing."""
    # Several threads in one Tesseract only wait for one another: the pages are what runs side by side.
    os.environ["OMP_THREAD_LIMIT"] = "1"
    try:
        # A path, not a picture: pytesseract would write a picture to a PNG of its own first.
        table = pytesseract.image_to_data(
            str(path), lang="+".join(languages), config=f"--psm {segmentation} -c tessedit_create_tsv=1", timeout=timeout_s, output_type=pytesseract.Output.STRING
        )
    except pytesseract.TesseractNotFoundError as error:
        raise ReaderMissing from error
    except (pytesseract.TesseractError, RuntimeError) as error:
        raise ReaderFailed(reason=_reason(error)) from error
    return parse_table(table, size=size, page=page)


def parse_table(table: str, *, size: tuple[int, int], page: int) -> tuple[Line, ...]:
    """Return the lines of Tesseract's table of words; lines that hold only specks are left out."""
    width, height = size
    rows: dict[tuple[str, str, str], list[Word]] = {}
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) < _FIELDS or cells[0] != str(_WORD_LEVEL) or not cells[11].strip():
            continue
        left, top, wide, high = (int(cell) for cell in cells[6:10])
        word = Word(cells[11].strip(), left / width, top / height, wide / width, high / height, max(0.0, float(cells[10]) / 100))
        rows.setdefault((cells[2], cells[3], cells[4]), []).append(word)
    lines = [Line(tuple(words), page) for words in rows.values() if not is_noise(words)]
    return tuple(lines)


def _reason(error: Exception) -> str:
    text = str(error).rsplit("\n", maxsplit=1)[-1]
    return re.sub(r"\S*/\S*", "the file", text)[:200]
