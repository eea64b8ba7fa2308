"""A company's wish that a model be asked what the reader did not find, and its answer on the way into the scan."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from converto.events.outbox import publish
from converto.kernel.database import Database, Transaction
from converto.kernel.event import Event
from converto.ocr.events import ScanAssistWanted, ScanCorrected
from converto.ocr.interface import Kind, NotReadYet, OcrOptions, Reading, Status, UnknownScan
from converto.ocr.models import ScanRow
from converto.ocr.repository import Scans, Search, Wishes
from converto.ocr.scans import duplicates
from converto.ocr.scans.assistance import assisted, missing
from converto.ocr.scans.corrections import corrected
from converto.ocr.scans.packing import unpacked

WORTH_ASKING = frozenset({Kind.RECEIPT, Kind.INVOICE})


class Assisting:
    """Keeps who wants help, and takes it in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def options(self, tenant_id: UUID) -> OcrOptions:
        """Return how a company wants its documents to be read."""
        async with self._database.reading() as session:
            return OcrOptions(ai_assist=await Wishes(session).ai_assist(tenant_id))

    async def set_options(self, tenant_id: UUID, options: OcrOptions) -> None:
        """Say how a company wants its documents to be read."""
        async with self._database.writing() as session:
            await Wishes(session).set(tenant_id, ai_assist=options.ai_assist)

    async def take_in(self, tenant_id: UUID, scan_id: UUID, said: Mapping[str, Any]) -> ScanRow:
        """Fill what a scan lacks with what a model says; what is there stays. Raises UnknownScan, NotReadYet."""
        async with self._database.writing() as session:
            row = await Scans(session).lock(tenant_id, scan_id)
            if row is None:
                raise UnknownScan(scan_id=str(scan_id))
            if row.status != Status.COMPLETED or row.reading is None:
                raise NotReadYet(status=row.status)
            words = await Scans(session).words(tenant_id, scan_id)
            before = Reading.model_validate(row.reading).model_copy(update={"words": unpacked(words) if words is not None else ()})
            after = assisted(before, said)
            filled = tuple(name for name in missing(before.fields) if name not in missing(after.fields))
            if after == before:
                return row
            row.reading, row.revision = after.model_dump(mode="json", exclude={"words"}), row.revision + 1
            fields = corrected(after.fields, row.corrections)
            duplicates.note(row, fields)
            await Search(session).take_in(row)
            if filled:
                vendor, total = fields.vendor and fields.vendor.value, fields.total and fields.total.value
                await publish(session, ScanCorrected(tenant_id=tenant_id, scan_id=scan_id, fields=filled, vendor=vendor, total=total))
        return row


async def wanted(session: Transaction, row: ScanRow, reading: Reading) -> list[Event]:
    """Return the note that a model is to be asked, where the company wants that and something was not found."""
    lacks = missing(reading.fields)
    if reading.kind not in WORTH_ASKING or not lacks or not await Wishes(session).ai_assist(row.tenant_id):
        return []
    return [ScanAssistWanted(tenant_id=row.tenant_id, scan_id=row.id, fields=lacks)]
