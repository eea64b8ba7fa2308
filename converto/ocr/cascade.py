"""Which engine reads which page: a PDF's own text, else the fast engine, and the accurate one where that leaves doubts."""

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from converto.kernel.errors import Error
from converto.ocr.document import EngineChoice, EngineUse, Finding, Kind
from converto.ocr.files.pages import Pages, Picture
from converto.ocr.recognition import engines, installed
from converto.ocr.recognition.diacritics import restored
from converto.ocr.recognition.engines import Engine, Tesseract
from converto.ocr.recognition.picture_quality import by_sheet, picture_findings
from converto.ocr.recognition.retries import Reread, read_harder
from converto.ocr.timings import Timings
from converto.ocr.understanding.agreement import adds_up, agreed
from converto.ocr.understanding.extraction import Extracted, extract
from converto.ocr.words import Line, Page, lines_by_place

TEXT_LAYER = "text-layer"
_PAGE_TIMEOUT_S = 120.0
# The accurate engine takes seconds a page: of a longer document it reads the first and the last pages, where names and totals stand.
_FIRST_PAGES, _LAST_PAGES = 5, 5
_SURE_DATE = 0.8
_SURE_VENDOR = 0.87
_SURE_TOTAL = 0.9
_SURE_WORDS = 0.85
_FORGIVEN = ("seller_id_several", "currency_missing")


@dataclass(frozen=True)
class Understood:
    """A document as it was read: its pages, what is on them, and what read it."""

    pages: tuple[Page, ...]
    extracted: Extracted
    engines: tuple[EngineUse, ...]
    picture_findings: tuple[Finding, ...] = ()
    """Why another picture should be taken."""
    pictures: tuple[int, ...] = ()
    """The numbers of the pages that have no text of their own."""

    @property
    def engine(self) -> str:
        """Give the engines with their versions, joined by `+`."""
        return "+".join(f"{use.name} {use.version}".strip() for use in self.engines)


class Cascade:
    """Reads the pages of one document with the engines that were chosen for it."""

    def __init__(self, pages: Pages, *, choice: EngineChoice, languages: Sequence[str], timings: Timings) -> None:
        self._pages = pages
        self._timings = timings
        self._used: dict[str, EngineUse] = {}
        self._picture_findings: dict[int, tuple[Finding, ...]] = {}
        self._plain: set[int] = set()
        self._fast: Engine = Tesseract(languages, timeout_s=_PAGE_TIMEOUT_S)
        self._accurate = None
        if choice is EngineChoice.RAPIDOCR:
            self._fast = engines.accurate()
        elif choice is EngineChoice.AUTO and installed.has_rapidocr():
            self._accurate = engines.accurate()

    def read(self, count: int, *, kind: Kind, today: datetime.date, page_read: Callable[[int], None]) -> Understood:
        """Return what `count` pages say; `page_read` is told how many are done."""
        pages = []
        for number in range(1, count + 1):
            with self._timings.step("text_layer"):
                words = self._pages.words(number)
            if words:
                self._use(TEXT_LAYER, "")
                pages.append(Page(number, lines_by_place(words, page=number)))
            else:
                pages.append(Page(number, self._read_picture(number, self._fast)))
            page_read(number)
        pictures = [number for number in sorted(self._picture_findings) if number not in self._plain]
        extracted = self._understand(pages, kind, today)
        if self._accurate is not None and pictures and not is_beyond_doubt(extracted, pages):
            return self._read_again(self._accurate, pages, extracted, pictures=pictures, kind=kind, today=today)
        return self._understood(pages, extracted)

    def _read_again(
        self, engine: Engine, pages: Sequence[Page], first: Extracted, *, pictures: Sequence[int], kind: Kind, today: datetime.date
    ) -> Understood:
        """Return what a document says by both engines."""
        chosen = pictures if len(pictures) <= _FIRST_PAGES + _LAST_PAGES else [*pictures[:_FIRST_PAGES], *pictures[-_LAST_PAGES:]]
        again = list(pages)
        try:
            for number in chosen:
                lines = self._read_picture(number, engine)
                again[number - 1] = Page(number, restored(lines, pages[number - 1].lines))
        except (Error, MemoryError) as error:
            # What the fast engine has read is worth more than a scan that fails.
            why = type(error).__name__
            detail = f"The accurate engine could not read this document ({why}); what the fast one read is shown. Compare with the picture."
            failed = Finding(code="second_reading_failed", severity="warning", detail=detail)
            return self._understood(pages, replace(first, findings=(*first.findings, failed)))
        second = self._understand(again, kind, today)
        return self._understood(again, agreed(first, second))

    def _read_picture(self, number: int, engine: Engine) -> tuple[Line, ...]:
        with self._timings.step("picture"):
            picture = self._pages.picture(number)
        if picture.is_plain:
            self._plain.add(number)
            self._picture_findings[number] = picture_findings(picture, (), page=number)
            return ()
        with self._timings.step(engine.name):
            read = self._looked_at(picture, engine, number)
        if read.turn:
            self._pages.turn(number, read.turn)
            picture = self._pages.picture(number)
        self._use(engine.name, engine.version)
        self._picture_findings[number] = picture_findings(picture, read.lines, page=number)
        return by_sheet(read.lines, picture.sheets)

    def _looked_at(self, picture: Picture, engine: Engine, number: int) -> Reread:
        lines = engine.read(picture, page=number)
        if not lines and engine is self._accurate:
            return Reread(())  # it sees lines on any ground and on any side: where it saw none, nothing was there to be read harder
        return read_harder(picture, lines, engine=engine, page=number, timeout_s=_PAGE_TIMEOUT_S, folder=self._pages.folder)

    def _understand(self, pages: Sequence[Page], kind: Kind, today: datetime.date) -> Extracted:
        with self._timings.step("understanding"):
            return extract(pages, kind=kind, today=today)

    def _understood(self, pages: Sequence[Page], extracted: Extracted) -> Understood:
        of_pictures = tuple(finding for number in sorted(self._picture_findings) for finding in self._picture_findings[number])
        return Understood(tuple(pages), extracted, tuple(self._used.values()), of_pictures, tuple(sorted(self._picture_findings)))

    def _use(self, name: str, version: str) -> None:
        before = self._used.get(name)
        self._used[name] = EngineUse(name=name, version=version, pages=1 + (before.pages if before else 0))


def is_beyond_doubt(extracted: Extracted, pages: Sequence[Page]) -> bool:
    """Tell whether a reading proves itself: date, total and VAT agree and the name is sure; of plain text, that the words are sure."""
    if extracted.kind is Kind.TEXT:
        words = [word.confidence for page in pages for line in page.lines for word in line.words]
        return bool(words) and sum(words) / len(words) >= _SURE_WORDS
    fields = extracted.fields
    if fields.total is None or fields.date is None or fields.vendor is None or not adds_up(extracted):
        return False
    if any(finding.severity != "info" and finding.code not in _FORGIVEN for finding in extracted.findings):
        return False
    return fields.date.confidence >= _SURE_DATE and fields.vendor.confidence >= _SURE_VENDOR and fields.total.confidence >= _SURE_TOTAL
