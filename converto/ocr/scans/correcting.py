"""Corrections by people: kept, recorded, told, and learned from."""

from uuid import UUID

from converto.events.outbox import publish
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database, Transaction
from converto.kernel.paging import Page, after
from converto.ocr.events import ScanCorrected
from converto.ocr.interface import FieldChange, Fields, NotReadYet, Reading, Status, UnknownScan
from converto.ocr.models import FieldChangeRow, ScanRow
from converto.ocr.repository import Corrections, Scans, Search
from converto.ocr.scans import duplicates
from converto.ocr.scans.corrections import checked, corrected, entry, said_by_people, text_of, value_of
from converto.ocr.scans.hints import learned, lessons, signs


class Correcting:
    """Keeps what people say beside what the machine read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def correct(self, actor: Actor, scan_id: UUID, changes: dict[str, object]) -> ScanRow:
        """Keep a correction, and tell of it where it changes something."""
        async with self._database.writing() as session:
            row = await Scans(session).lock(actor.tenant_id, scan_id)
            if row is None:
                raise UnknownScan(scan_id=str(scan_id))
            if row.status != Status.COMPLETED or row.reading is None:
                raise NotReadYet(status=row.status)
            machine = Reading.model_validate(row.reading).fields
            before = corrected(machine, row.corrections)
            said = checked(changes, currency=text_of(before.currency) or (before.total.value.currency if before.total else "EUR"))
            at, kept = now(), dict(row.corrections or {})
            kept.update({name: entry(value, at, by=actor) for name, value in said.items()})
            if _values(kept) == _values(row.corrections) and said_by_people(row.corrections).keys() >= said.keys():
                return row
            row.corrections, row.revision = kept, row.revision + 1
            after_it = corrected(machine, kept)
            duplicates.note(row, after_it)
            await self._record(session, actor, row, before=before, after=after_it, names=tuple(said))
            await self._learn(session, row, machine=machine, fields=after_it, names=tuple(said))
            await Search(session).take_in(row)
            await publish(session, _told(row, after_it, tuple(said)))
        return row

    async def changes(self, actor: Actor, scan_id: UUID, *, limit: int, cursor: str | None) -> Page[FieldChange]:
        """Return the record of a scan's changes."""
        async with self._database.reading() as session:
            if await Scans(session).standing(actor.tenant_id, scan_id) is None:
                raise UnknownScan(scan_id=str(scan_id))
            rows = await Corrections(session).of_scan(actor.tenant_id, scan_id, limit=limit + 1, after=after(cursor))
        found = [FieldChange.model_validate(row, from_attributes=True) for row in rows]
        return Page[FieldChange].of(found, limit, cursor=lambda change: change.id)

    async def _record(
        self, session: Transaction, actor: Actor, row: ScanRow, *, before: Fields, after: Fields, names: tuple[str, ...]
    ) -> None:
        at = now()
        await Corrections(session).note(
            FieldChangeRow(
                tenant_id=row.tenant_id,
                id=new_id(),
                scan_id=row.id,
                field=name,
                before=value_of(before, name),
                after=value_of(after, name),
                corrected_at=at,
                corrected_by=actor.user_id,
                api_key_id=actor.api_key_id,
            )
            for name in names
        )

    async def _learn(self, session: Transaction, row: ScanRow, *, machine: Fields, fields: Fields, names: tuple[str, ...]) -> None:
        people = said_by_people(row.corrections)
        vendor_was_said = "vendor" in people
        for lesson in lessons(machine, fields, names, vendor_was_said=vendor_was_said):
            who = people[next(name for name in names if name in {"vendor", "business_id"})]
            source = {
                "scan_id": row.id,
                "corrected_at": now(),
                "corrected_by": who["corrected_by"] and UUID(who["corrected_by"]),
                "api_key_id": who["api_key_id"] and UUID(who["api_key_id"]),
            }
            await Corrections(session).learn(row.tenant_id, lesson.key, lesson.said, source=source)


async def remember(session: Transaction, row: ScanRow, machine: Fields) -> Fields:
    """Lay what was said of the seller on earlier documents over a new reading, and return its fields as they hold now."""
    keys = signs(machine, text_of(machine.business_id)).values()
    hints = await Corrections(session).hints(row.tenant_id, keys) if keys else {}
    kept = {**learned(machine, hints), **said_by_people(row.corrections)}
    row.corrections = kept or None
    return corrected(machine, kept)


def _told(row: ScanRow, fields: Fields, names: tuple[str, ...]) -> ScanCorrected:
    total = fields.total.value if fields.total else None
    return ScanCorrected(tenant_id=row.tenant_id, scan_id=row.id, fields=names, vendor=text_of(fields.vendor), total=total)


def _values(kept: dict[str, object] | None) -> dict[str, object]:
    return {name: one["value"] for name, one in (kept or {}).items()}  # type: ignore[index]
