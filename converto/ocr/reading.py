"""Read one document: bytes in, reading out. Pure work for a processor, no database and no network."""

import datetime
from collections.abc import Callable, Sequence
from contextlib import closing

from converto.ocr.answer_keys.applied import with_answer_keys
from converto.ocr.answer_keys.keys_on_pages import keys_on_pages
from converto.ocr.cascade import Cascade
from converto.ocr.document import EngineChoice, Kind, Reading
from converto.ocr.files.media import MAX_BYTES, MAX_PAGES, MOST_PAGES, inspect
from converto.ocr.files.pages import Pages, png
from converto.ocr.files.searchable import words_of
from converto.ocr.recognition import installed
from converto.ocr.refusals import DamagedFile
from converto.ocr.timings import Timings
from converto.ocr.understanding.calibration import calibrated


def read(  # noqa: PLR0913 - each is a wish of its own
    content: bytes,
    *,
    languages: Sequence[str],
    today: datetime.date,
    kind: Kind = Kind.AUTO,
    engine: EngineChoice = EngineChoice.AUTO,
    max_bytes: int = MAX_BYTES,
    max_pages: int = MAX_PAGES,
    page_read: Callable[[int], None] = lambda _: None,
    is_calibrated: bool = True,
) -> Reading:
    """Return what a document says, and call `page_read` with how many pages are done after each.

    Without `is_calibrated` confidences are as the rules give them, for whoever measures what they mean.

    Raises what `refusals` lists; each says what is wrong with the document and how to mend it.
    """
    timings = Timings()
    inspected = inspect(content, max_bytes=max_bytes, max_pages=max_pages)
    chosen = installed.check_languages(languages)
    with closing(Pages(content, inspected)) as pages:
        cascade = Cascade(pages, choice=engine, languages=chosen, timings=timings)
        understood = cascade.read(inspected.pages, kind=kind, today=today, page_read=page_read)
        extracted = understood.extracted
        if kind is not Kind.TEXT:
            with timings.step("answer_keys"):
                keys = keys_on_pages(pages, understood.pages)
            extracted = with_answer_keys(extracted, keys, understood.pages, kind=kind, today=today)
        if is_calibrated:
            lines = [line for page in understood.pages for line in page.lines]
            extracted = calibrated(extracted, [use.name for use in understood.engines], lines)
    return Reading(
        kind=extracted.kind,
        engine=understood.engine,
        engines=understood.engines,
        timings_ms=timings.milliseconds(),
        languages=chosen,
        pages=inspected.pages,
        turns=pages.turns if any(pages.turns) else (),
        confidence=extracted.confidence,
        text="\n\n".join(page.text for page in understood.pages),
        fields=extracted.fields,
        alternatives=extracted.alternatives,
        vat_lines=extracted.vat_lines,
        line_items=extracted.line_items,
        findings=(*understood.picture_findings, *extracted.findings),
        words=words_of(understood.pages, understood.pictures),
    )


def page_png(content: bytes, number: int, *, turns: Sequence[int] = ()) -> bytes:
    """Return a page as PNG, upright as it was read; numbers begin with 1, `turns` are its reading's. Raises what `refusals` lists."""
    inspected = inspect(content, max_bytes=len(content), max_pages=MOST_PAGES)  # it was taken in
    if not 1 <= number <= inspected.pages:
        raise DamagedFile(kind=inspected.media_type.name)
    with closing(Pages(content, inspected, turns=turns)) as pages:
        return png(pages.shown(number))
