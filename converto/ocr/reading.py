"""Read one document: bytes in, reading out. Pure work for a processor, no database and no network."""

import datetime
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from converto.ocr import tesseract
from converto.ocr.extraction import extract
from converto.ocr.interface import Kind, Reading
from converto.ocr.media import MAX_BYTES, MAX_PAGES, inspect
from converto.ocr.pages import Pages, png
from converto.ocr.refusals import DamagedFile
from converto.ocr.retries import read_harder
from converto.ocr.words import Line, Page, lines_by_place

TEXT_LAYER = "text-layer"
_PAGE_TIMEOUT_S = 120.0


def read(
    content: bytes,
    *,
    languages: Sequence[str],
    today: datetime.date,
    kind: Kind = Kind.AUTO,
    max_bytes: int = MAX_BYTES,
    max_pages: int = MAX_PAGES,
    page_read: Callable[[int], None] = lambda _: None,
) -> Reading:
    """Return what a document says, and call `page_read` with how many pages are done after each.

    Raises what `refusals` lists; each says what is wrong with the document and how to mend it.
    """
    inspected = inspect(content, max_bytes=max_bytes, max_pages=max_pages)
    chosen = tesseract.check_languages(languages)
    read_pages, engines = [], []
    with tempfile.TemporaryDirectory(prefix="converto-") as folder:
        pages = Pages(content, inspected, folder=Path(folder))
        for number in range(1, inspected.pages + 1):
            lines, engine = _read_page(pages, number, languages=chosen, folder=Path(folder))
            read_pages.append(Page(number, lines))
            engines.append(engine)
            page_read(number)
    extracted = extract(read_pages, kind=kind, today=today)
    return Reading(
        kind=extracted.kind,
        engine="+".join(dict.fromkeys(engines)),
        languages=chosen,
        pages=inspected.pages,
        turns=pages.turns if any(pages.turns) else (),
        confidence=extracted.confidence,
        text="\n\n".join(page.text for page in read_pages),
        fields=extracted.fields,
        vat_lines=extracted.vat_lines,
        line_items=extracted.line_items,
        findings=extracted.findings,
    )


def page_png(content: bytes, number: int, *, turns: Sequence[int] = ()) -> bytes:
    """Return a page as PNG, upright as it was read; numbers begin with 1, `turns` are its reading's. Raises what `refusals` lists."""
    inspected = inspect(content)
    if not 1 <= number <= inspected.pages:
        raise DamagedFile(kind=inspected.media_type.name)
    with tempfile.TemporaryDirectory(prefix="converto-") as folder:
        return png(Pages(content, inspected, folder=Path(folder), turns=turns).shown(number))


def _read_page(pages: Pages, number: int, *, languages: Sequence[str], folder: Path) -> tuple[tuple[Line, ...], str]:
    words = pages.words(number)
    if words:
        return lines_by_place(words, page=number), TEXT_LAYER
    picture = pages.picture(number)
    lines = tesseract.read_picture(picture, languages=languages, page=number, timeout_s=_PAGE_TIMEOUT_S)
    reread = read_harder(picture, lines, languages=languages, page=number, timeout_s=_PAGE_TIMEOUT_S, folder=folder)
    pages.turn(number, reread.turn)
    return reread.lines, f"tesseract {tesseract.version()}"
