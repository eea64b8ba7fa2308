"""Tesseract: words with their places and confidences. By tesserocr where that is installed, else by its command, through pytesseract."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from converto.kernel.unloaded import unloaded
from converto.ocr.files.pages import Picture
from converto.ocr.recognition import installed, tesseract_library
from converto.ocr.refusals import ReaderFailed, ReaderMissing
from converto.ocr.words import Line, Word, is_noise

with unloaded("numpy"):  # which it takes where it finds it, to tell arrays from pictures: 25 MB, and no array comes here
    import pytesseract

# One block of lines from edge to edge: receipts have no columns that are read one after another. Tried with 3 and 4 on real
# receipts: 6 finds more totals and dates.
PAGE_SEGMENTATION = 6
_WORD_LEVEL = 5
_FIELDS = 12
_SURE_TURN = 1.0


def read_picture(picture: Picture, *, languages: Sequence[str], page: int, timeout_s: float) -> tuple[Line, ...]:
    """Return the lines on a picture; places are in shares of it. Raises ReaderFailed, ReaderMissing."""
    size = (picture.width, picture.height)
    if is_in_process():
        table = tesseract_library.table(
            picture, languages=languages, tessdata=installed.tessdata(), segmentation=PAGE_SEGMENTATION, timeout_s=timeout_s
        )
        return parse_table(table, size=size, page=page)
    return parse_table(table_by_command(picture, languages=languages, timeout_s=timeout_s), size=size, page=page)


def table_by_command(picture: Picture, *, languages: Sequence[str], timeout_s: float) -> str:
    """Return the table of words that Tesseract's command gives. Raises ReaderFailed, ReaderMissing."""
    # Without the second try on white-on-black letters a page takes a fourteenth less time, and real receipts read the same.
    config = f"--psm {PAGE_SEGMENTATION} -c tessedit_do_invert=0 -c tessedit_create_tsv=1"
    with _running():
        # A path, not a picture: pytesseract would write a picture to a PNG of its own first.
        table: str = pytesseract.image_to_data(
            str(picture.path), lang="+".join(languages), config=config, timeout=timeout_s, output_type=pytesseract.Output.STRING
        )
    return table


def is_in_process() -> bool:
    """Tell whether pages are read within this process."""
    return installed.has_tesserocr()


def reading_version() -> str:
    """Return the version of the Tesseract that reads pages. Raises ReaderMissing."""
    return tesseract_library.version() if is_in_process() else installed.version()


def quarter_turns(picture: Picture, *, timeout_s: float) -> int:
    """Return by how many degrees, clockwise, a page must be turned to stand upright: 0, 90, 180 or 270; 0 when it cannot be told."""
    try:
        if is_in_process():
            turn, sure = tesseract_library.turn(picture, tessdata=installed.tessdata())
        else:
            turn, sure = turn_by_command(picture, timeout_s=timeout_s)
    except ReaderFailed:
        return 0
    return turn if sure >= _SURE_TURN else 0


def turn_by_command(picture: Picture, *, timeout_s: float) -> tuple[int, float]:
    """Return what `tesseract_library.turn` does, as Tesseract's command says. Raises ReaderFailed, ReaderMissing."""
    with _running():
        told = pytesseract.image_to_osd(str(picture.path), config="--psm 0", timeout=timeout_s, output_type=pytesseract.Output.DICT)
    return int(told.get("rotate", 0)), float(told.get("orientation_conf", 0.0))


@contextmanager
def _running() -> Iterator[None]:
    # Several threads in one Tesseract only wait for one another: the pages are what runs side by side.
    os.environ["OMP_THREAD_LIMIT"] = "1"
    try:
        yield
    except (pytesseract.TesseractNotFoundError, PermissionError) as error:
        raise ReaderMissing from error
    except (pytesseract.TesseractError, RuntimeError, UnicodeDecodeError) as error:
        raise ReaderFailed(reason=_reason(error)) from error


def parse_table(table: str, *, size: tuple[int, int], page: int) -> tuple[Line, ...]:
    """Return the lines of Tesseract's table of words; lines that hold only specks are left out."""
    width, height = size
    rows: dict[tuple[str, str, str], list[Word]] = {}
    for row in table.splitlines():
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
