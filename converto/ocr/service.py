"""The reader: takes documents in, has them read in the background, and keeps what was found."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import PurePath
from typing import Any
from uuid import UUID

from converto.events.inbox import Inbox
from converto.events.outbox import publish
from converto.kernel.actor import Actor
from converto.kernel.blobs import BlobStore
from converto.kernel.clock import now
from converto.kernel.database import Database
from converto.kernel.drain import Drain
from converto.kernel.errors import Unavailable
from converto.kernel.paging import Page, after
from converto.kernel.paid_work import PaidWork
from converto.ocr.events import ScanCancelled, ScanRequested
from converto.ocr.figures import ReadingFigures
from converto.ocr.interface import (
    CANCELLED,
    FINISHED,
    AlreadyFinished,
    Batch,
    BatchUpload,
    ExportPage,
    FieldChange,
    Fields,
    KeyReused,
    NotReadYet,
    Ocr,
    OcrHealth,
    OcrOptions,
    Reading,
    Scan,
    ScanFilter,
    ScanProgress,
    ScanSummary,
    Status,
    StillReading,
    StoredDocument,
    UnknownPage,
    UnknownScan,
    Upload,
    WordsUnknown,
)
from converto.ocr.models import ScanRow
from converto.ocr.repository import Scans, Search
from converto.ocr.scans import duplicates
from converto.ocr.scans.assistance import assisted
from converto.ocr.scans.assisting import Assisting
from converto.ocr.scans.batching import Batching
from converto.ocr.scans.bells import Bells
from converto.ocr.scans.correcting import Correcting
from converto.ocr.scans.intake import Intake, paid_by
from converto.ocr.scans.jobs import Jobs, blob_key
from converto.ocr.scans.readers import Readers
from converto.ocr.scans.shown import export_page_of, failure_of, scan_of, summary_of
from converto.ocr.settings import OcrSettings

LONGEST_WAIT_S = 50.0
LOOK_AGAIN_S = 1.0
"""How often a waiting caller looks for what another process may have changed."""
BEAT_S = 15.0
"""How often whoever looks on is told that nothing has changed."""
EXPORTED_AT_ONCE = 200
"""How many scans an export takes out of the database at a time."""
READ_SCAN = "ocr.read_scan"
"""The subscriber whose inbox holds the jobs."""
WAITED_FOR = 10
"""The priority of a scan that somebody waits for."""


class OcrService(Ocr):
    """Keeps the rows, the documents and the events of scans in step; the reading itself is done by worker processes."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        readers: Readers,
        *,
        settings: OcrSettings,
        drain: Drain,
        paid_work: PaidWork,
        figures: ReadingFigures,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._readers = readers
        self._settings = settings
        self._drain = drain
        self._bells = Bells()
        self._paid_work = paid_work
        self._intake = Intake(database, blobs, readers, settings=settings, paid_work=paid_work)
        self._batching = Batching(self._intake)
        self._correcting = Correcting(database)
        self._assisting = Assisting(database)
        self.jobs = Jobs(database, blobs, readers, bells=self._bells, figures=figures)

    async def submit(self, actor: Actor, upload: Upload) -> Scan:
        """See `Ocr.submit`."""
        actor.require("ocr:write")
        row = await self._intake.store(actor, upload)
        is_kept = False
        try:
            await self._intake.reserve(actor, [row])
            known = await self._enqueue(row, priority=WAITED_FOR if upload.waited_for else 0)
            is_kept = known is None
        finally:
            if not is_kept:
                await self._intake.give_back(actor, [row])
        if known is None:
            return scan_of(row)
        if known.sha256 != row.sha256:
            raise KeyReused
        return await self._shown(known)

    async def read(self, actor: Actor, upload: Upload) -> Reading:
        """See `Ocr.read`."""
        actor.require("ocr:read")
        return await self._intake.read(actor, upload)

    async def assisted(self, actor: Actor, reading: Reading, *, said: dict[str, Any]) -> Reading:
        """See `Ocr.assisted`."""
        actor.require("ocr:read")
        return await asyncio.to_thread(assisted, reading, said)

    async def submit_batch(self, actor: Actor, upload: BatchUpload) -> Batch:
        """See `Ocr.submit_batch`."""
        actor.require("ocr:write")
        return await self._batching.submit(actor, upload)

    async def batch(self, actor: Actor, batch_id: UUID) -> Batch:
        """See `Ocr.batch`."""
        actor.require("ocr:read")
        return await self._batching.batch(actor, batch_id)

    async def scan(self, actor: Actor, scan_id: UUID) -> Scan:
        """See `Ocr.scan`."""
        actor.require("ocr:read")
        return await self._shown(await self._row(actor, scan_id))

    async def finished(self, actor: Actor, scan_id: UUID, *, wait_s: float) -> Scan:
        """See `Ocr.finished`."""
        actor.require("ocr:read")
        until = time.monotonic() + min(wait_s, LONGEST_WAIT_S)
        bell = self._bells.of(scan_id)
        while True:
            seen = bell.rings
            row = await self._row(actor, scan_id)
            left_s = until - time.monotonic()
            if row.status in FINISHED or left_s <= 0 or self._drain.has_begun:
                return await self._shown(row)
            await self._drain.or_done(bell.beyond(seen, timeout_s=min(left_s, LOOK_AGAIN_S)))

    async def progress(self, actor: Actor, scan_id: UUID) -> AsyncIterator[ScanProgress]:
        """See `Ocr.progress`."""
        actor.require("ocr:read")
        bell, told, quiet_until = self._bells.of(scan_id), None, 0.0
        while not self._drain.has_begun:
            seen = bell.rings
            stands = await self._progress(actor, scan_id)
            if stands != told or time.monotonic() >= quiet_until:
                yield stands
                told, quiet_until = stands, time.monotonic() + BEAT_S
            if stands.status in FINISHED:
                return
            await self._drain.or_done(bell.beyond(seen, timeout_s=LOOK_AGAIN_S))
        raise Unavailable(module="ocr", retry_after_s=1)

    async def _progress(self, actor: Actor, scan_id: UUID) -> ScanProgress:
        async with self._database.reading() as session:
            stands = await Scans(session).standing(actor.tenant_id, scan_id)
        if stands is None:
            raise UnknownScan(scan_id=str(scan_id))
        return ScanProgress(
            id=scan_id,
            status=Status(stands.status),
            pages_read=stands.pages_read,
            pages=stands.pages,
            revision=stands.revision,
            error=failure_of(stands),
        )

    async def scans(self, actor: Actor, wanted: ScanFilter, *, limit: int = 50, cursor: str | None = None) -> Page[ScanSummary]:
        """See `Ocr.scans`."""
        actor.require("ocr:read")
        async with self._database.reading() as session:
            rows = await Scans(session).page(actor.tenant_id, wanted, limit=limit + 1, after=after(cursor))
        return Page[ScanSummary].of([summary_of(row) for row in rows], limit, cursor=lambda scan: scan.id)

    async def export(self, actor: Actor, wanted: ScanFilter) -> AsyncIterator[ExportPage]:
        """See `Ocr.export`."""
        actor.require("ocr:read")
        last: UUID | None = None
        while True:  # no transaction outlives a page, for whoever takes the rows may take their time
            async with self._database.reading() as session:
                rows = await Scans(session).page(actor.tenant_id, wanted, limit=EXPORTED_AT_ONCE, after=last)
            if rows:
                yield await asyncio.to_thread(export_page_of, rows)
                last = rows[-1].id
            if len(rows) < EXPORTED_AT_ONCE:
                return

    async def cancel(self, actor: Actor, scan_id: UUID) -> Scan:
        """See `Ocr.cancel`."""
        actor.require("ocr:write")
        async with self._database.writing() as session:
            row = await _locked(Scans(session), actor, scan_id)
            if row.error_code == CANCELLED:
                return scan_of(row)
            if row.status in FINISHED:
                raise AlreadyFinished(status=row.status)
            row.status, row.finished_at, row.reader_id, row.revision = Status.FAILED, now(), None, row.revision + 1
            row.error_code, row.error_detail = CANCELLED, "The reading was cancelled; have it read anew if it is wanted after all."
            await Inbox(session).cancel(READ_SCAN, str(scan_id))
            await publish(session, ScanCancelled(tenant_id=row.tenant_id, scan_id=scan_id))
        self._bells.ring(scan_id)
        return scan_of(row)

    async def retry(self, actor: Actor, scan_id: UUID) -> Scan:
        """See `Ocr.retry`."""
        actor.require("ocr:write")
        await self._row(actor, scan_id)
        await self._paid_work.reserve(actor, (paid_by(scan_id),))
        requested = ScanRequested(tenant_id=actor.tenant_id, scan_id=scan_id)
        async with self._database.writing() as session:
            row = await _locked(Scans(session), actor, scan_id)
            if row.status not in FINISHED:
                raise StillReading(status=row.status)
            row.status, row.started_at, row.finished_at = Status.QUEUED, None, None
            row.reading = row.error_code = row.error_detail = row.duration_ms = row.reader_id = None
            row.job_id, row.pages_read, row.revision = requested.id, 0, row.revision + 1
            row.read_as = None  # whoever asks for another reading wants no earlier one
            duplicates.note(row, Fields())
            await Search(session).take_in(row)
            await publish(session, requested)
        self._bells.ring(scan_id)
        return scan_of(row)

    async def correct(self, actor: Actor, scan_id: UUID, *, changes: dict[str, Any]) -> Scan:
        """See `Ocr.correct`."""
        actor.require("ocr:write")
        return await self._shown(await self._correcting.correct(actor, scan_id, changes))

    async def changes(self, actor: Actor, scan_id: UUID, *, limit: int = 50, cursor: str | None = None) -> Page[FieldChange]:
        """See `Ocr.changes`."""
        actor.require("ocr:read")
        return await self._correcting.changes(actor, scan_id, limit=limit, cursor=cursor)

    async def delete(self, actor: Actor, scan_id: UUID) -> None:
        """See `Ocr.delete`."""
        actor.require("ocr:write")
        async with self._database.writing() as session:
            row = await _locked(Scans(session), actor, scan_id)
            if row.status not in FINISHED:
                await Inbox(session).cancel(READ_SCAN, str(scan_id))
                await publish(session, ScanCancelled(tenant_id=row.tenant_id, scan_id=scan_id))
            await Scans(session).remove(actor.tenant_id, scan_id)
        self._bells.ring(scan_id)
        await self._blobs.delete(blob_key(row))

    async def assist(self, actor: Actor, scan_id: UUID, *, said: dict[str, Any]) -> Scan:
        """See `Ocr.assist`."""
        actor.require("ocr:write")
        row = await self._assisting.take_in(actor.tenant_id, scan_id, said)
        self._bells.ring(scan_id)
        return await self._shown(row)

    async def options(self, actor: Actor) -> OcrOptions:
        """See `Ocr.options`."""
        actor.require("ocr:read")
        return await self._assisting.options(actor.tenant_id)

    async def set_options(self, actor: Actor, options: OcrOptions) -> OcrOptions:
        """See `Ocr.set_options`."""
        actor.require("billing:write")
        await self._assisting.set_options(actor.tenant_id, options)
        return options

    async def original(self, actor: Actor, scan_id: UUID) -> StoredDocument:
        """See `Ocr.original`."""
        actor.require("ocr:read")
        row = await self._row(actor, scan_id)
        content = await self._blobs.get(blob_key(row))
        return StoredDocument(content=content, media_type=row.media_type, filename=row.filename)

    async def page_picture(self, actor: Actor, scan_id: UUID, page: int) -> bytes:
        """See `Ocr.page_picture`."""
        actor.require("ocr:read")
        row = await self._row(actor, scan_id)
        if row.status == Status.FAILED or row.reading is None:
            raise NotReadYet(status=row.status)
        reading = Reading.model_validate(row.reading)
        if not 1 <= page <= reading.pages:
            raise UnknownPage(page=page, pages=reading.pages)
        return await self._readers.page_png(await self._blobs.get(blob_key(row)), page, turns=reading.turns)

    async def searchable_pdf(self, actor: Actor, scan_id: UUID) -> StoredDocument:
        """See `Ocr.searchable_pdf`."""
        actor.require("ocr:read")
        row = await self._row(actor, scan_id)
        if row.status != Status.COMPLETED or row.reading is None:
            raise NotReadYet(status=row.status)
        async with self._database.reading() as session:
            words = await Scans(session).words(actor.tenant_id, scan_id)
        if words is None:
            raise WordsUnknown
        content = await self._readers.searchable_pdf(await self._blobs.get(blob_key(row)), words, turns=row.reading["turns"])
        return StoredDocument(content=content, media_type="application/pdf", filename=f"{PurePath(row.filename).stem or scan_id}.pdf")

    async def health(self) -> OcrHealth:
        """See `Ocr.health`."""
        engine = await self._readers.engine()
        async with self._database.across_tenants.reading() as session:
            queued, reading = await Scans(session).count(Status.QUEUED), await Scans(session).count(Status.STARTED)
        status = "ok" if set(self._settings.languages.split("+")) <= set(engine.languages) else "degraded"
        return OcrHealth(
            status=status, engine=engine.name, version=engine.version, languages=engine.languages, queued=queued, reading=reading
        )

    async def _row(self, actor: Actor, scan_id: UUID) -> ScanRow:
        async with self._database.reading() as session:
            row = await Scans(session).get(actor.tenant_id, scan_id)
        if row is None:
            raise UnknownScan(scan_id=str(scan_id))
        return row

    async def _shown(self, row: ScanRow) -> Scan:
        async with self._database.reading(row.tenant_id) as session:
            return scan_of(row, near=await duplicates.near_to(session, row))

    async def _enqueue(self, row: ScanRow, *, priority: int) -> ScanRow | None:
        """Keep a scan and have it read; returns the one that has its idempotency key already, if there is one."""
        async with self._database.writing() as session:
            if await self._intake.keep(session, row, priority=priority):
                return None
            return await Scans(session).with_key(row.tenant_id, row.idempotency_key or "")


async def _locked(scans: Scans, actor: Actor, scan_id: UUID) -> ScanRow:
    """Return a scan for a change. Raises UnknownScan."""
    row = await scans.lock(actor.tenant_id, scan_id)
    if row is None:
        raise UnknownScan(scan_id=str(scan_id))
    return row
