"""A scan's row as callers see it: what the machine read, with what people said instead."""

from collections.abc import Sequence
from uuid import UUID

from converto.ocr.interface import ExportPage, ExportRow, Failure, Fields, Kind, Reading, Scan, ScanSummary, Status
from converto.ocr.models import ScanRow
from converto.ocr.repository import BatchMember, Standing
from converto.ocr.scans.corrections import corrected, shown
from converto.ocr.scans.duplicates import finding_of
from converto.ocr.scans.review import reasons


def failure_of(row: ScanRow | Standing | BatchMember) -> Failure | None:
    """Return why a scan failed, if it did."""
    return Failure(code=row.error_code, detail=row.error_detail or "") if row.error_code else None


def scan_of(row: ScanRow, *, near: UUID | None = None) -> Scan:
    """Return a scan with all that was found, and with the other one that is likely of the same purchase."""
    reading = Reading.model_validate(row.reading) if row.reading else None
    read = reading.model_dump(exclude={"kind", "languages", "fields", "findings", "words"}) if reading else {}
    fields = corrected(reading.fields, row.corrections) if reading else None
    said = shown(row.corrections, reading.fields) if reading else {}
    why = reasons(reading, fields, said) if reading and fields else ()
    return Scan.model_validate(
        {
            **{
                name: getattr(row, name) for name in ("id", "status", "kind", "filename", "media_type", "bytes", "duplicate_of", "batch_id")
            },
            **{name: getattr(row, name) for name in ("created_at", "started_at", "finished_at", "duration_ms")},
            "languages": tuple(row.languages.split("+")),
            "requested_engine": row.engine,
            "error": failure_of(row),
            "fields": fields,
            "corrections": said,
            "needs_review": bool(why),
            "review_reasons": why,
            "findings": (*reading.findings, *finding_of(near)) if reading else (),
            **read,
        }
    )


def summary_of(row: ScanRow) -> ScanSummary:
    """Return a scan as a list shows it."""
    reading = Reading.model_validate(row.reading) if row.reading else None
    fields = corrected(reading.fields, row.corrections) if reading else None
    why = reasons(reading, fields, shown(row.corrections, reading.fields)) if reading and fields else ()
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
        needs_review=bool(why),
        error=failure_of(row),
    )


def export_row_of(row: ScanRow) -> ExportRow:
    """Return a scan as a table shows it."""
    reading = row.reading or {}
    fields = corrected(Fields.model_validate(reading["fields"]), row.corrections) if row.reading else Fields()
    values = {name: found.value for name, found in fields if found is not None}
    total = fields.total.value if fields.total else None
    return ExportRow.model_validate(
        {
            **{name: getattr(row, name) for name in ("id", "created_at", "filename", "status", "kind", "duplicate_of")},
            **values,
            "currency": values.get("currency") or (total.currency if total else None),
            "vat_lines": reading.get("vat_lines", ()),
            "confidence": reading.get("confidence"),
            "error": row.error_code,
        }
    )


def export_page_of(rows: Sequence[ScanRow]) -> ExportPage:
    """Return scans as rows of a table."""
    return ExportPage(rows=tuple(export_row_of(row) for row in rows))
