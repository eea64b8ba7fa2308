"""The reader as the service uses it: what can be refused at once is refused here, the reading is done by worker processes."""

import asyncio
import base64
import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from uuid import UUID

from converto import __version__
from converto.kernel.workers import PagesRead, Trade, Workers
from converto.ocr.document import MAX_PAGE_CPU_S, EngineChoice, Kind, Reading
from converto.ocr.recognition import installed
from converto.ocr.refusals import EngineMissing, ReaderMissing, ReaderStopped, TookTooLong
from converto.ocr.settings import OcrSettings

if TYPE_CHECKING:
    from converto.ocr.files.media import Inspected

READING = Trade("converto.ocr.worker", ReaderStopped, lambda seconds: TookTooLong(timeout_s=seconds), most_cpu_s=MAX_PAGE_CPU_S)

# A longer answer is taken apart in a thread: the event loop has others to serve.
_LONG_ANSWER_BYTES = 100_000


@dataclass(frozen=True)
class Engine:
    """What reads; without Tesseract its version is empty and it has no languages."""

    name: str
    version: str
    languages: tuple[str, ...]


class Readers:
    """Reads documents in worker processes, at most `settings.workers` at once."""

    def __init__(self, settings: OcrSettings) -> None:
        self._settings = settings
        self._workers = Workers(READING, size=settings.workers, timeout_s=settings.timeout_s, max_memory_bytes=settings.worker_max_bytes)
        self._engine = Engine("tesseract", "", ())

    async def __aenter__(self) -> Self:
        await self._workers.__aenter__()
        await self.engine()
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._workers.__aexit__(*failure)

    async def engine(self) -> Engine:
        """Return what reads here, looked up anew until it is found."""
        if not self._engine.languages:
            self._engine = await asyncio.to_thread(_engine)
        return self._engine

    def languages(self, wanted: str) -> tuple[str, ...]:
        """Return the languages of `fin+eng` one by one. Raises UnknownLanguage, ReaderMissing."""
        if not self._engine.languages:
            raise ReaderMissing
        return installed.check_languages(wanted.split("+"))

    def choice(self, wanted: EngineChoice) -> EngineChoice:
        """Return what shall read pictures. Raises EngineMissing where it is asked for by name and not installed."""
        if wanted is EngineChoice.RAPIDOCR and not installed.has_rapidocr():
            raise EngineMissing(engine=wanted.value)
        return wanted

    def reads_as(self, kind: Kind, engine: EngineChoice) -> str:
        """Return what a reading depends on beside the document, its languages and the day: another version may read better."""
        versions = (__version__, self._engine.version, installed.tesserocr_version(), installed.rapidocr_version())
        return "|".join((kind.value, engine.value, *versions))

    async def inspect(self, content: bytes) -> "Inspected":
        """Return what a document is, or refuse it: see `media.inspect`."""
        return await asyncio.to_thread(_inspect, content, max_bytes=self._settings.max_bytes, max_pages=self._settings.max_pages)

    async def read(
        self,
        content: bytes,
        *,
        languages: Sequence[str],
        kind: Kind,
        engine: EngineChoice,
        today: datetime.date,
        pages_read: PagesRead | None = None,
        company: UUID | None = None,
        is_urgent: bool = False,
    ) -> Reading:
        """Return what a document says, when it is its company's turn; one that is urgent goes first.

        `pages_read` is told how far it is, and may end it. Raises what `refusals` lists.
        """
        job = {
            "call": "read",
            "languages": list(languages),
            "kind": kind.value,
            "engine": engine.value,
            "today": today.isoformat(),
        }
        limits = {"max_bytes": self._settings.max_bytes, "max_pages": self._settings.max_pages}
        answer = await self._workers.ask(content, {**job, **limits}, pages_read, company=company, is_urgent=is_urgent)
        if len(answer) > _LONG_ANSWER_BYTES:
            return await asyncio.to_thread(Reading.model_validate_json, answer)
        return Reading.model_validate_json(answer)

    async def page_png(self, content: bytes, number: int, *, turns: Sequence[int] = ()) -> bytes:
        """Return a page as PNG, upright; numbers begin with 1, `turns` are those of its reading."""
        return await self._workers.ask(content, {"call": "page_png", "number": number, "turns": list(turns)}, is_urgent=True)

    async def searchable_pdf(self, content: bytes, words: bytes, *, turns: Sequence[int] = ()) -> bytes:
        """Return a document as a PDF with its words in it; they and `turns` are of its reading."""
        job = {"call": "searchable_pdf", "words": base64.b64encode(words).decode(), "turns": list(turns)}
        return await self._workers.ask(content, job, is_urgent=True)


def _inspect(content: bytes, *, max_bytes: int, max_pages: int) -> "Inspected":
    from converto.ocr.files.media import inspect  # noqa: PLC0415 - Pillow and PDFium are 8 MB, which only who receives documents needs

    return inspect(content, max_bytes=max_bytes, max_pages=max_pages)


def _engine() -> Engine:
    try:
        return Engine("tesseract", installed.version(), installed.languages())
    except ReaderMissing:
        return Engine("tesseract", "", ())
