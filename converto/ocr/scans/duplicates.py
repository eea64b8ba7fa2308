"""Documents that are likely the same purchase twice: the same seller, the same total within a cent, the same day or the next."""

from datetime import date, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from converto.kernel.database import Transaction
from converto.ocr.document import Fields, Finding
from converto.ocr.models import ScanRow
from converto.ocr.repository import Scans
from converto.ocr.scans.corrections import text_of
from converto.ocr.scans.hints import folded

LONGEST_NAME: Final = 200
WITHIN_CENTS: Final = 1
WITHIN: Final = timedelta(days=1)


class Likeness(NamedTuple):
    """By what a document is compared with others; None where it does not say."""

    seller_id: str | None
    seller_name: str | None
    document_date: date | None
    total_cents: int | None
    total_currency: str | None


def likeness(fields: Fields) -> Likeness:
    """Return by what a document is compared."""
    total = fields.total.value if fields.total else None
    return Likeness(
        seller_id=text_of(fields.business_id),
        seller_name=folded(text_of(fields.vendor) or "")[:LONGEST_NAME] or None,
        document_date=fields.date.value if fields.date else None,
        total_cents=int((total.amount * 100).to_integral_value()) if total else None,
        total_currency=total.currency if total else None,
    )


def note(row: ScanRow, fields: Fields) -> None:
    """Write into a scan's row by what it is compared; the fields are those that hold now."""
    for name, value in likeness(fields)._asdict().items():
        setattr(row, name, value)


async def near_to(session: Transaction, row: ScanRow) -> UUID | None:
    """Return an earlier scan of the company that is likely of the same purchase: what is seen now, for it may be removed or corrected."""
    if row.document_date is None or row.total_cents is None:
        return None
    return await Scans(session).near(row, cents=WITHIN_CENTS, time=WITHIN)


def finding_of(other: UUID | None) -> tuple[Finding, ...]:
    """Return what a person is told of a scan that is likely the same."""
    if other is None:
        return ()
    detail = "Another scan has the same seller and total, and a date within a day: is it the same purchase? Then remove one of them."
    return (Finding(code="near_duplicate", severity="warning", detail=detail, scan_id=other),)
