"""Documents as they come in: looked at, stored, and asked to be read."""

import asyncio
import hashlib
from collections.abc import Sequence
from uuid import UUID

from converto.events.outbox import publish
from converto.kernel.actor import Actor
from converto.kernel.blobs import BlobStore
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database, Transaction
from converto.ocr.events import ScanRequested
from converto.ocr.interface import EngineChoice, Status, Upload
from converto.ocr.jobs import blob_key
from converto.ocr.models import ScanRow
from converto.ocr.readers import Readers
from converto.ocr.repository import Scans, Search
from converto.ocr.settings import OcrSettings


class Intake:
    """Takes documents in, one by one."""

    def __init__(self, database: Database, blobs: BlobStore, readers: Readers, *, settings: OcrSettings) -> None:
        self.database = database
        self.blobs = blobs
        self.settings = settings
        self._readers = readers

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

    async def forget(self, row: ScanRow) -> None:
        """Remove the document of a scan that is not kept after all."""
        await self.blobs.delete(blob_key(row))
