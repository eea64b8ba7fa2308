"""Documents as they come in: looked at, stored, and asked to be read."""

import asyncio
import hashlib
from collections.abc import Sequence
from uuid import UUID

from converto.events.outbox import publish, publish_all
from converto.kernel.actor import Actor
from converto.kernel.blobs import BlobStore
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database, Transaction
from converto.kernel.paid_work import PaidWork, Use
from converto.ocr.events import ScanRequested
from converto.ocr.interface import EngineChoice, Reading, Status, Upload
from converto.ocr.models import ScanRow
from converto.ocr.repository import Scans, Search
from converto.ocr.scans.jobs import blob_key
from converto.ocr.scans.readers import Readers
from converto.ocr.settings import OcrSettings

KEPT_AT_ONCE = 100
"""So many rows go to the database with one statement."""

SCANS_OF_A_PLAN = "ocr_scans_per_month"


def paid_by(scan_id: UUID) -> Use:
    """Return what a reading takes of its company's plan: one scan, however often it is read."""
    return Use(feature=SCANS_OF_A_PLAN, key=f"ocr:{scan_id}")


class Intake:
    """Takes documents in, one by one."""

    def __init__(self, database: Database, blobs: BlobStore, readers: Readers, *, settings: OcrSettings, paid_work: PaidWork) -> None:
        self.database = database
        self.blobs = blobs
        self.settings = settings
        self._readers = readers
        self._paid_work = paid_work

    def choose(self, languages: str, engine: EngineChoice | None) -> tuple[Sequence[str], EngineChoice]:
        """Return by what languages and engine a document is read. Raises UnknownLanguage, ReaderMissing and the like."""
        return self._readers.languages(languages or self.settings.languages), self._readers.choice(engine or self.settings.engine)

    async def store(self, actor: Actor, upload: Upload, *, batch_id: UUID | None = None) -> ScanRow:
        """Store a document, and return the row of its scan, which is not kept yet. Raises what `refusals.REFUSALS` lists."""
        languages, engine = self.choose(upload.languages, upload.engine)
        document = await self._readers.inspect(upload.content)
        sha256 = await asyncio.to_thread(lambda: hashlib.sha256(upload.content).hexdigest())
        row = ScanRow(
            tenant_id=actor.tenant_id,
            id=new_id(),
            status=Status.QUEUED,
            kind=upload.kind,
            languages="+".join(languages),
            engine=engine,
            read_as=self._readers.reads_as(upload.kind, engine),
            filename=upload.filename,
            media_type=document.media_type,
            bytes=len(upload.content),
            pages=document.pages,
            pages_read=0,
            revision=1,
            sha256=sha256,
            idempotency_key=upload.idempotency_key,
            batch_id=batch_id,
            created_at=now(),
        )
        await self.blobs.put(blob_key(row), upload.content)
        return row

    async def read(self, actor: Actor, upload: Upload) -> Reading:
        """Read a document for somebody who waits, and keep nothing. Raises what `refusals.REFUSALS` lists."""
        languages, engine = self.choose(upload.languages, upload.engine)
        await self._readers.inspect(upload.content)
        return await self._readers.read(
            upload.content,
            languages=languages,
            kind=upload.kind,
            engine=engine,
            today=now().date(),
            company=actor.tenant_id,
            is_urgent=True,
        )

    async def reserve(self, actor: Actor, rows: Sequence[ScanRow]) -> None:
        """Hold room in the plan for reading documents. Raises LimitReached."""
        await self._paid_work.reserve(actor, tuple(paid_by(row.id) for row in rows))

    async def give_back(self, actor: Actor, rows: Sequence[ScanRow]) -> None:
        """Remove the documents of scans that are not kept after all, and the room that is held for them."""
        for row in rows:
            await self.blobs.delete(blob_key(row))
        await self._paid_work.release(actor, tuple(paid_by(row.id) for row in rows))

    async def keep(self, session: Transaction, row: ScanRow, *, priority: int = 0) -> bool:
        """Keep a scan and have it read; False when its idempotency key is taken."""
        requested = ScanRequested(tenant_id=row.tenant_id, scan_id=row.id)
        row.job_id = requested.id
        scans = Scans(session)
        row.duplicate_of = await scans.first_with_content(row.tenant_id, row.sha256)
        if not await scans.add(row):
            return False
        await Search(session).take_in(row)
        await publish(session, requested, priority=priority)
        return True

    async def keep_all(self, session: Transaction, rows: Sequence[ScanRow]) -> None:
        """Keep scans without idempotency keys of one company, and have them read: in a few statements, for others wait to write."""
        scans, firsts = Scans(session), dict[str, UUID]()
        for at in range(0, len(rows), KEPT_AT_ONCE):
            some = rows[at : at + KEPT_AT_ONCE]
            requests = [ScanRequested(tenant_id=row.tenant_id, scan_id=row.id) for row in some]
            firsts = {**await scans.firsts_with_contents(some[0].tenant_id, {row.sha256 for row in some}), **firsts}
            for row, requested in zip(some, requests, strict=True):
                row.job_id, row.duplicate_of = requested.id, firsts.get(row.sha256)
                firsts.setdefault(row.sha256, row.id)
            await scans.add_all(some)
            await Search(session).take_in_new(some)
            await publish_all(session, requests)
