"""Several scans at once, as the reader and its callers speak of them: batches that come in, tables that go out."""

import datetime
from uuid import UUID

from pydantic import Field as Bounded

from converto.kernel.interface import Value
from converto.kernel.money import Money
from converto.ocr.document import EngineChoice, Failure, Kind, Share, Status, VatLine


class ExportRow(Value):
    """A scan as a table shows it; the columns stand in this order."""

    id: UUID
    created_at: datetime.datetime
    filename: str
    status: Status
    kind: Kind
    vendor: str | None = None
    business_id: str | None = None
    vat_id: str | None = None
    date: datetime.date | None = None
    time: datetime.time | None = None
    due_date: datetime.date | None = None
    receipt_number: str | None = None
    reference_number: str | None = None
    iban: str | None = None
    currency: str | None = None
    total: Money | None = None
    net_total: Money | None = None
    vat_total: Money | None = None
    vat_lines: tuple[VatLine, ...] = ()
    payment_method: str | None = None
    card_last4: str | None = None
    address: str | None = None
    category: str | None = None
    confidence: Share | None = None
    duplicate_of: UUID | None = None
    error: str | None = None
    """The code of why it failed."""


class ExportPage(Value):
    """Some rows of an export, which go together on their way."""

    rows: tuple[ExportRow, ...]


class BatchFile(Value):
    """One of several files."""

    content: bytes = Bounded(repr=False)
    filename: str = Bounded(max_length=255)


class BatchUpload(Value):
    """Several documents to read; a ZIP archive stands for the files in it."""

    files: tuple[BatchFile, ...]
    languages: str = Bounded(default="", max_length=50)
    kind: Kind = Kind.AUTO
    engine: EngineChoice | None = None
    idempotency_key: str | None = Bounded(default=None, max_length=255)


class RefusedFile(Value):
    """A file that is not read, and why."""

    filename: str
    code: str
    detail: str


class BatchScan(Value):
    """One of several documents."""

    id: UUID
    filename: str
    status: Status
    error: Failure | None = None


class BatchCounts(Value):
    """How many of several documents stand how; those that were removed are not counted."""

    queued: int
    started: int
    completed: int
    failed: int


class Batch(Value):
    """Several documents that came at once, and how far they are."""

    batch_id: UUID
    created_at: datetime.datetime
    taken: int
    """How many were taken in."""
    counts: BatchCounts
    is_finished: bool
    scans: tuple[BatchScan, ...]
    refused: tuple[RefusedFile, ...] = ()
