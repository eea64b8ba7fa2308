"""Reading as a job: whoever takes one up gets a token, and a result without the latest token is refused."""

import asyncio
import time
from functools import partial
from uuid import uuid4
from weakref import WeakValueDictionary

import structlog

from converto.events.outbox import publish, publish_all
from converto.kernel.blobs import BlobStore
from converto.kernel.clock import now
from converto.kernel.database import Database
from converto.kernel.errors import Error, Internal, Unavailable
from converto.kernel.event import Event
from converto.kernel.workers import PagesRead
from converto.ocr.events import ScanCompleted, ScanFailed, ScanRequested, ScanStarted
from converto.ocr.figures import ReadingFigures
from converto.ocr.interface import FINISHED, EngineChoice, Failure, Kind, Reading, Status
from converto.ocr.models import ScanRow
from converto.ocr.refusals import ReaderStopped
from converto.ocr.repository import Scans, Search
from converto.ocr.scans import duplicates
from converto.ocr.scans.assisting import wanted
from converto.ocr.scans.bells import Bells
from converto.ocr.scans.correcting import remember
from converto.ocr.scans.corrections import corrected
from converto.ocr.scans.packing import packed, unpacked
from converto.ocr.scans.readers import Readers

log = structlog.get_logger()

NOTE_EVERY_S = 0.5
"""How often at most it is noted how far a reading is."""
# What holds on its day alone, or came of a want of memory: such a reading serves no other scan.
_PASSING = {"future_date", "second_reading_failed"}


class TakenOver(Exception):
    """Another process reads this now; should it come to nothing, this one tries again."""


class _Unwanted(Exception):
    """The row says that this reading is not the one that counts any more."""


class Jobs:
    """Reads what was asked for.

    A process that was stopped in the middle and goes on when another has taken its job over, or when the scan was cancelled, removed or
    asked for anew, finds another token in the row, or none: it reads no further, and what it has read changes nothing.
    """

    def __init__(self, database: Database, blobs: BlobStore, readers: Readers, *, bells: Bells, figures: ReadingFigures) -> None:
        self._database = database
        self._blobs = blobs
        self._readers = readers
        self._bells = bells
        self._figures = figures
        self._under_way: WeakValueDictionary[tuple[object, ...], asyncio.Lock] = WeakValueDictionary()

    async def read(self, event: ScanRequested) -> None:
        """Read a document and keep what is on it; for one that is finished, gone or asked for anew there is nothing to do.

        Raises TakenOver, and Unavailable when it is no fault of the document: the job is tried again.
        """
        row = await self._start(event)
        if row is None:
            return
        # The same bytes at the same time: the second waits for the first one's reading.
        async with self._under_way.setdefault((row.tenant_id, row.sha256, row.languages, row.read_as), asyncio.Lock()):
            await self._read(row)

    async def _read(self, row: ScanRow) -> None:
        start = time.perf_counter()
        result: Reading | Failure | None = None
        try:
            result = await self._reading(row)
        except _Unwanted:
            pass
        except Unavailable:
            raise
        except Error as error:
            result = Failure(code=error.code, detail=error.detail)
        await self._finish(row, result, duration_ms=round((time.perf_counter() - start) * 1000))

    async def give_up(self, event: ScanRequested, reason: str) -> None:
        """Let a scan fail that could not be read, try after try."""
        log.error("ocr.given_up", scan_id=str(event.scan_id), reason=reason)
        detail = "The document could not be read; the cause is in the log. Try again, or upload it anew."
        async with self._database.writing(event.tenant_id) as session:
            row = await _wanted(Scans(session), event)
            if row is not None:
                await publish(session, _kept(row, Failure(code=Internal.code, detail=detail), duration_ms=0))
        if row is not None:
            self._figures.failed(Internal.code)
        self._bells.ring(event.scan_id)

    async def _start(self, event: ScanRequested) -> ScanRow | None:
        async with self._database.writing(event.tenant_id) as session:
            row = await _wanted(Scans(session), event)
            if row is None:
                return None
            row.reader_id, row.pages_read, row.revision = uuid4(), 0, row.revision + 1
            waited_s: float | None = None
            if row.status == Status.QUEUED:  # one that a dead process began is started already
                row.status, row.started_at = Status.STARTED, now()
                waited_s = (row.started_at - row.created_at).total_seconds()
                await publish(session, ScanStarted(tenant_id=row.tenant_id, scan_id=row.id))
        if waited_s is not None:
            self._figures.began(waited_s)
        self._bells.ring(row.id)
        return row

    async def _earlier(self, row: ScanRow) -> Reading | None:
        """Return what the same company has had read from the same bytes in the same way."""
        if row.read_as is None:
            return None
        async with self._database.reading(row.tenant_id) as session:
            earlier = await Scans(session).earlier_reading(row)
        if earlier is None:
            return None
        reading = Reading.model_validate(earlier[0])
        if any(finding.code in _PASSING for finding in reading.findings):
            return None
        return reading.model_copy(update={"words": await asyncio.to_thread(unpacked, earlier[1])})

    async def _reading(self, row: ScanRow) -> Reading:
        earlier = await self._earlier(row)
        if earlier is not None:
            return earlier
        content = await self._blobs.get(blob_key(row))
        read = partial(
            self._readers.read,
            content,
            languages=row.languages.split("+"),
            kind=Kind(row.kind),
            engine=EngineChoice(row.engine),
            today=now().date(),
            company=row.tenant_id,
        )
        try:
            return await read(pages_read=self._noting(row))
        except ReaderStopped:  # perhaps by somebody else's doing, so once more; a second time it is the document's
            return await read(pages_read=self._noting(row))

    def _noting(self, row: ScanRow) -> PagesRead:
        """Return what is told how many pages are done: it notes that now and then, and ends a reading that nobody wants any more."""
        noted_at = -NOTE_EVERY_S

        async def note(pages_read: int) -> None:
            nonlocal noted_at
            if pages_read == row.pages or time.monotonic() - noted_at < NOTE_EVERY_S:
                return  # after the last page comes the result itself
            noted_at = time.monotonic()
            if not await self._note(row, pages_read):
                raise _Unwanted

        return note

    async def _note(self, row: ScanRow, pages_read: int) -> bool:
        """Note how far a reading is; False when it is not the one that counts."""
        if row.reader_id is None:
            return False
        try:
            async with self._database.writing(row.tenant_id) as session:
                counts = await Scans(session).note_pages(row.tenant_id, row.id, reader_id=row.reader_id, pages_read=pages_read)
        except Exception as error:  # a database that is away for a moment ends no reading
            log.warning("ocr.progress_not_noted", scan_id=str(row.id), exc_info=error)
            return True
        self._bells.ring(row.id)
        return counts

    async def _finish(self, begun: ScanRow, result: Reading | Failure | None, *, duration_ms: int) -> None:
        """Keep a result, if its reader is the one that counts. Raises TakenOver where another process reads the same."""
        words = await asyncio.to_thread(packed, result.words) if isinstance(result, Reading) else b""
        async with self._database.writing(begun.tenant_id) as session:
            row = await Scans(session).lock(begun.tenant_id, begun.id)
            if row is None or row.status in FINISHED or row.job_id != begun.job_id:
                log.info("ocr.result_refused", scan_id=str(begun.id))
                return
            if result is None or row.reader_id != begun.reader_id:
                raise TakenOver
            if isinstance(result, Reading):
                await Scans(session).keep_words(row.tenant_id, row.id, words)
                duplicates.note(row, await remember(session, row, result.fields))
            told = _kept(row, result, duration_ms=duration_ms)
            await Search(session).take_in(row)
            await publish_all(session, [told, *(await wanted(session, row, result) if isinstance(result, Reading) else ())])
        if isinstance(result, Reading):
            self._figures.completed(result.pages, duration_ms / 1000)
        else:
            self._figures.failed(result.code)
        log.info("ocr.finished", scan_id=str(row.id), status=row.status, code=row.error_code, duration_ms=duration_ms)
        self._bells.ring(row.id)


async def _wanted(scans: Scans, event: ScanRequested) -> ScanRow | None:
    """Return the scan that an event asks for, locked, unless it is finished, gone or asked for anew."""
    row = await scans.lock(event.tenant_id, event.scan_id)
    if row is None or row.status in FINISHED or row.job_id not in {None, event.id}:
        return None
    row.job_id = event.id
    return row


def _kept(row: ScanRow, result: Reading | Failure, *, duration_ms: int) -> Event:
    """Write a result into a row that is locked; returns what is to be told."""
    row.finished_at, row.duration_ms, row.reader_id, row.revision = now(), duration_ms, None, row.revision + 1
    if isinstance(result, Failure):
        row.status, row.error_code, row.error_detail = Status.FAILED, result.code, result.detail
        return ScanFailed(tenant_id=row.tenant_id, scan_id=row.id, error=result)
    row.status, row.kind, row.reading = Status.COMPLETED, result.kind, result.model_dump(mode="json", exclude={"words"})
    row.pages = row.pages_read = result.pages
    fields = corrected(result.fields, row.corrections)
    vendor, total = fields.vendor, fields.total
    return ScanCompleted(
        tenant_id=row.tenant_id,
        scan_id=row.id,
        kind=result.kind,
        pages=result.pages,
        vendor=vendor.value if vendor else None,
        total=total.value if total else None,
    )


def blob_key(row: ScanRow) -> str:
    """Return where the document of a scan lies."""
    return f"ocr/{row.tenant_id}/{row.id}"
