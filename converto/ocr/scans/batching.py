"""Several documents at once: each is taken or refused for itself, and all that are taken are kept in one transaction."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from converto.kernel.actor import Actor
from converto.kernel.clock import new_id, now
from converto.kernel.errors import Error, Unavailable
from converto.ocr.files.archive import Limits, unpacked
from converto.ocr.interface import Batch, BatchCounts, BatchScan, BatchUpload, KeyReused, RefusedFile, Status, UnknownBatch, Upload
from converto.ocr.models import BatchRow, ScanRow
from converto.ocr.refusals import NothingToRead
from converto.ocr.repository import Batches, BatchMember
from converto.ocr.scans.intake import Intake
from converto.ocr.scans.shown import failure_of

_SHOWN_REFUSED = 50


class Batching:
    """Takes several documents in at once, and says how far they are."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        settings = intake.settings
        self._limits = Limits(settings.batch_max_files, settings.max_bytes, settings.batch_max_bytes)

    async def submit(self, actor: Actor, upload: BatchUpload) -> Batch:
        """Keep what can be read, and return it beside what is refused."""
        self._intake.choose(upload.languages, upload.engine)
        sha256 = await asyncio.to_thread(_digest, upload)
        known = await self._known(actor, upload, sha256)
        if known is not None:
            return known
        batch = BatchRow(tenant_id=actor.tenant_id, id=new_id(), created_at=now(), idempotency_key=upload.idempotency_key, sha256=sha256)
        rows: list[ScanRow] = []
        refused: list[RefusedFile] = []
        is_kept = False
        try:
            await self._store(actor, upload, batch.id, rows=rows, refused=refused)
            if not rows:
                shown = [one.model_dump() for one in refused[:_SHOWN_REFUSED]]
                raise NothingToRead(refused=shown, count=len(refused))
            await self._intake.reserve(actor, rows)
            batch.taken, batch.refused = len(rows), [one.model_dump() for one in refused]
            is_kept = await self._keep(batch, rows)
        finally:
            if not is_kept:
                await self._intake.give_back(actor, rows)
        if not is_kept:  # somebody else was faster under the same key
            return await self._known(actor, upload, sha256) or _batch(batch, ())
        return _batch(batch, rows)

    async def batch(self, actor: Actor, batch_id: UUID) -> Batch:
        """Return how far the documents of a batch are."""
        async with self._intake.database.reading() as session:
            row = await Batches(session).get(actor.tenant_id, batch_id)
            scans = await Batches(session).scans(actor.tenant_id, batch_id) if row is not None else ()
        if row is None:
            raise UnknownBatch(batch_id=str(batch_id))
        return _batch(row, scans)

    async def _known(self, actor: Actor, upload: BatchUpload, sha256: str) -> Batch | None:
        if upload.idempotency_key is None:
            return None
        async with self._intake.database.reading() as session:
            row = await Batches(session).with_key(actor.tenant_id, upload.idempotency_key)
            scans = await Batches(session).scans(actor.tenant_id, row.id) if row is not None else ()
        if row is not None and row.sha256 != sha256:
            raise KeyReused
        return None if row is None else _batch(row, scans)

    async def _store(self, actor: Actor, upload: BatchUpload, batch_id: UUID, *, rows: list[ScanRow], refused: list[RefusedFile]) -> None:
        chosen = {"languages": upload.languages, "kind": upload.kind, "engine": upload.engine}
        files = unpacked(upload.files, self._limits)
        while (file := await asyncio.to_thread(next, files, None)) is not None:
            if isinstance(file, RefusedFile):
                refused.append(file)
                continue
            one = Upload.model_validate({"content": file.content, "filename": file.filename, **chosen})
            try:
                rows.append(await self._intake.store(actor, one, batch_id=batch_id))
            except Unavailable:
                raise
            except Error as refusal:
                refused.append(RefusedFile(filename=file.filename, code=refusal.code, detail=refusal.detail))

    async def _keep(self, batch: BatchRow, rows: list[ScanRow]) -> bool:
        async with self._intake.database.writing() as session:
            if not await Batches(session).add(batch):
                return False
            await self._intake.keep_all(session, rows)
        return True


def _digest(upload: BatchUpload) -> str:
    whole = hashlib.sha256()
    for file in upload.files:
        whole.update(hashlib.sha256(file.content).digest())
    return whole.hexdigest()


def _batch(row: BatchRow, scans: Sequence[ScanRow | BatchMember]) -> Batch:
    counts = Counter(scan.status for scan in scans)
    return Batch(
        batch_id=row.id,
        created_at=row.created_at,
        taken=row.taken,
        counts=BatchCounts(**{status.value: counts[status] for status in Status}),
        is_finished=not counts[Status.QUEUED] and not counts[Status.STARTED],
        scans=tuple(BatchScan(id=scan.id, filename=scan.filename, status=Status(scan.status), error=failure_of(scan)) for scan in scans),
        refused=tuple(RefusedFile.model_validate(one) for one in row.refused),
    )
