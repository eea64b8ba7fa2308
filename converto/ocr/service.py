"""The reader: takes documents in, has them read in the background, and keeps what was found."""

import asyncio
import hashlib
import time
from functools import partial
from uuid import UUID
from weakref import WeakValueDictionary

import structlog

from converto.events.outbox import publish
from converto.kernel.actor import Actor
from converto.kernel.bell import Bell
from converto.kernel.blobs import BlobStore
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database
from converto.kernel.errors import Error, Internal, Unavailable
from converto.kernel.paging import Page, after
from converto.ocr.events import ScanCompleted, ScanFailed, ScanRequested, ScanStarted
from converto.ocr.interface import (
    Failure,
    KeyReused,
    Kind,
    NotReadYet,
    Ocr,
    OcrHealth,
    Reading,
    Scan,
    ScanFilter,
    ScanSummary,
    Status,
    StillReading,
    StoredDocument,
    UnknownPage,
    UnknownScan,
    Upload,
)
from converto.ocr.models import ScanRow
from converto.ocr.readers import Readers
from converto.ocr.refusals import ReaderStopped
from converto.ocr.repository import Scans
from converto.ocr.settings import OcrSettings

log = structlog.get_logger()

FINISHED = (Status.COMPLETED, Status.FAILED)
LONGEST_WAIT_S = 50.0
LOOK_AGAIN_S = 1.0
"""How often a waiting caller looks for a scan that another process may finish."""


class OcrService(Ocr):
    """Keeps the rows, the documents and the events of scans in step; the reading itself is done by worker processes."""

    def __init__(self, database: Database, blobs: BlobStore, readers: Readers, settings: OcrSettings) -> None:
        self._database = database
        self._blobs = blobs
        self._readers = readers
        self._settings = settings
        # a bell for each scan that somebody waits for, gone with the last who does
        self._finished: WeakValueDictionary[UUID, Bell] = WeakValueDictionary()

    async def submit(self, actor: Actor, upload: Upload) -> Scan:
        """See `Ocr.submit`."""
        actor.require("ocr:write")
        languages = self._readers.languages(upload.languages or self._settings.languages)
        document = await self._readers.inspect(upload.content)
        sha256 = await asyncio.to_thread(lambda: hashlib.sha256(upload.content).hexdigest())
        row = ScanRow(
            tenant_id=actor.tenant_id,
            id=new_id(),
            status=Status.QUEUED,
            kind=upload.kind,
            languages="+".join(languages),
            filename=upload.filename,
            media_type=document.media_type,
            bytes=len(upload.content),
            sha256=sha256,
            idempotency_key=upload.idempotency_key,
            created_at=now(),
        )
        await self._blobs.put(_key(actor.tenant_id, row.id), upload.content)
        known = await self._enqueue(row)
        if known is None:
            return _scan(row)
        await self._blobs.delete(_key(actor.tenant_id, row.id))
        if known.sha256 != sha256:
            raise KeyReused
        return _scan(known)

    async def scan(self, actor: Actor, scan_id: UUID) -> Scan:
        """See `Ocr.scan`."""
        actor.require("ocr:read")
        return _scan(await self._row(actor, scan_id))

    async def finished(self, actor: Actor, scan_id: UUID, *, wait_s: float) -> Scan:
        """See `Ocr.finished`."""
        actor.require("ocr:read")
        until = time.monotonic() + min(wait_s, LONGEST_WAIT_S)
        bell = self._finished.setdefault(scan_id, Bell())
        while True:
            seen = bell.rings
            row = await self._row(actor, scan_id)
            left_s = until - time.monotonic()
            if row.status in FINISHED or left_s <= 0:
                return _scan(row)
            await bell.beyond(seen, timeout_s=min(left_s, LOOK_AGAIN_S))

    async def scans(self, actor: Actor, wanted: ScanFilter, *, limit: int = 50, cursor: str | None = None) -> Page[ScanSummary]:
        """See `Ocr.scans`."""
        actor.require("ocr:read")
        async with self._database.reading() as session:
            rows = await Scans(session).page(actor.tenant_id, wanted, limit=limit + 1, after=after(cursor))
        return Page[ScanSummary].of([_summary(row) for row in rows], limit, cursor=lambda scan: scan.id)

    async def retry(self, actor: Actor, scan_id: UUID) -> Scan:
        """See `Ocr.retry`."""
        actor.require("ocr:write")
        async with self._database.writing() as session:
            row = await Scans(session).lock(actor.tenant_id, scan_id)
            if row is None:
                raise UnknownScan(scan_id=str(scan_id))
            if row.status not in FINISHED:
                raise StillReading(status=row.status)
            row.status, row.started_at, row.finished_at = Status.QUEUED, None, None
            row.reading = row.error_code = row.error_detail = row.duration_ms = None
            await publish(session, ScanRequested(tenant_id=actor.tenant_id, scan_id=scan_id))
        return _scan(row)

    async def delete(self, actor: Actor, scan_id: UUID) -> None:
        """See `Ocr.delete`."""
        actor.require("ocr:write")
        await self._row(actor, scan_id)
        async with self._database.writing() as session:
            await Scans(session).remove(actor.tenant_id, scan_id)
        await self._blobs.delete(_key(actor.tenant_id, scan_id))

    async def original(self, actor: Actor, scan_id: UUID) -> StoredDocument:
        """See `Ocr.original`."""
        actor.require("ocr:read")
        row = await self._row(actor, scan_id)
        content = await self._blobs.get(_key(actor.tenant_id, scan_id))
        return StoredDocument(content=content, media_type=row.media_type, filename=row.filename)

    async def page_picture(self, actor: Actor, scan_id: UUID, page: int) -> bytes:
        """See `Ocr.page_picture`."""
        actor.require("ocr:read")
        row = await self._row(actor, scan_id)
        if row.status == Status.FAILED or row.reading is None:
            raise NotReadYet(status=row.status)
        pages = Reading.model_validate(row.reading).pages
        if not 1 <= page <= pages:
            raise UnknownPage(page=page, pages=pages)
        return await self._readers.page_png(await self._blobs.get(_key(actor.tenant_id, scan_id)), page)

    async def health(self) -> OcrHealth:
        """See `Ocr.health`."""
        engine = await self._readers.engine()
        async with self._database.reading() as session:
            queued, reading = await Scans(session).count(Status.QUEUED), await Scans(session).count(Status.STARTED)
        status = "ok" if set(self._settings.languages.split("+")) <= set(engine.languages) else "degraded"
        return OcrHealth(
            status=status, engine=engine.name, version=engine.version, languages=engine.languages, queued=queued, reading=reading
        )

    async def read(self, tenant_id: UUID, scan_id: UUID) -> None:
        """Read a document and keep what is on it; for one that is finished or gone there is nothing to do."""
        row = await self._start(tenant_id, scan_id)
        if row is None:
            return
        start = time.perf_counter()
        try:
            reading = await self._reading(row)
        except Unavailable:
            raise  # no fault of the document: the job is tried again
        except Error as error:
            await self._finish(tenant_id, scan_id, Failure(code=error.code, detail=error.detail), duration_ms=_since(start))
        else:
            await self._finish(tenant_id, scan_id, reading, duration_ms=_since(start))

    async def _reading(self, row: ScanRow) -> Reading:
        content = await self._blobs.get(_key(row.tenant_id, row.id))
        read = partial(self._readers.read, content, languages=row.languages.split("+"), kind=Kind(row.kind), today=now().date())
        try:
            return await read()
        except ReaderStopped:  # perhaps by somebody else's doing, so once more; a second time it is the document's
            return await read()

    async def give_up(self, tenant_id: UUID, scan_id: UUID, reason: str) -> None:
        """Let a scan fail that could not be read, try after try."""
        log.error("ocr.given_up", scan_id=str(scan_id), reason=reason)
        failure = Failure(
            code=Internal.code, detail="The document could not be read; the cause is in the log. Try again, or upload it anew."
        )
        await self._finish(tenant_id, scan_id, failure, duration_ms=0)

    async def _row(self, actor: Actor, scan_id: UUID) -> ScanRow:
        async with self._database.reading() as session:
            row = await Scans(session).get(actor.tenant_id, scan_id)
        if row is None:
            raise UnknownScan(scan_id=str(scan_id))
        return row

    async def _enqueue(self, row: ScanRow) -> ScanRow | None:
        """Keep a scan and have it read; returns the one that has its idempotency key already, if there is one."""
        async with self._database.writing() as session:
            scans = Scans(session)
            row.duplicate_of = await scans.first_with_content(row.tenant_id, row.sha256)
            if await scans.add(row):
                await publish(session, ScanRequested(tenant_id=row.tenant_id, scan_id=row.id))
                return None
            return await scans.with_key(row.tenant_id, row.idempotency_key or "")

    async def _start(self, tenant_id: UUID, scan_id: UUID) -> ScanRow | None:
        async with self._database.writing() as session:
            row = await Scans(session).lock(tenant_id, scan_id)
            if row is None or row.status in FINISHED:
                return None
            if row.status == Status.QUEUED:  # one that a dead process began is started already
                row.status, row.started_at = Status.STARTED, now()
                await publish(session, ScanStarted(tenant_id=tenant_id, scan_id=scan_id))
        return row

    async def _finish(self, tenant_id: UUID, scan_id: UUID, result: Reading | Failure, *, duration_ms: int) -> None:
        async with self._database.writing() as session:
            row = await Scans(session).lock(tenant_id, scan_id)
            if row is None or row.status in FINISHED:
                return
            row.finished_at, row.duration_ms = now(), duration_ms
            if isinstance(result, Failure):
                row.status, row.error_code, row.error_detail = Status.FAILED, result.code, result.detail
                await publish(session, ScanFailed(tenant_id=tenant_id, scan_id=scan_id, error=result))
            else:
                row.status, row.kind, row.reading = Status.COMPLETED, result.kind, result.model_dump(mode="json")
                await publish(session, _completed(tenant_id, scan_id, result))
        log.info("ocr.finished", scan_id=str(scan_id), status=row.status, code=row.error_code, duration_ms=duration_ms)
        if (bell := self._finished.get(scan_id)) is not None:
            bell.ring()


def _key(tenant_id: UUID, scan_id: UUID) -> str:
    return f"ocr/{tenant_id}/{scan_id}"


def _since(start: float) -> int:
    return round((time.perf_counter() - start) * 1000)


def _failure(row: ScanRow) -> Failure | None:
    return Failure(code=row.error_code, detail=row.error_detail or "") if row.error_code else None


def _scan(row: ScanRow) -> Scan:
    read = Reading.model_validate(row.reading).model_dump(exclude={"kind", "languages"}) if row.reading else {}
    return Scan.model_validate(
        {
            **{name: getattr(row, name) for name in ("id", "status", "kind", "filename", "media_type", "bytes", "duplicate_of")},
            **{name: getattr(row, name) for name in ("created_at", "started_at", "finished_at", "duration_ms")},
            "languages": tuple(row.languages.split("+")),
            "error": _failure(row),
            **read,
        }
    )


def _summary(row: ScanRow) -> ScanSummary:
    reading = Reading.model_validate(row.reading) if row.reading else None
    fields = reading.fields if reading else None
    return ScanSummary(
        id=row.id,
        status=Status(row.status),
        kind=Kind(row.kind),
        filename=row.filename,
        created_at=row.created_at,
        finished_at=row.finished_at,
        confidence=reading.confidence if reading else None,
        vendor=fields.vendor.value if fields and fields.vendor else None,
        date=fields.date.value if fields and fields.date else None,
        total=fields.total.value if fields and fields.total else None,
        duplicate_of=row.duplicate_of,
        error=_failure(row),
    )


def _completed(tenant_id: UUID, scan_id: UUID, reading: Reading) -> ScanCompleted:
    vendor, total = reading.fields.vendor, reading.fields.total
    return ScanCompleted(
        tenant_id=tenant_id,
        scan_id=scan_id,
        kind=reading.kind,
        pages=reading.pages,
        vendor=vendor.value if vendor else None,
        total=total.value if total else None,
    )
