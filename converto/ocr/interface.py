"""What other modules, and the REST API, may ask of the reader."""

import datetime
from collections.abc import AsyncIterator
from typing import Any, Literal, Protocol
from uuid import UUID

from pydantic import Field as Bounded

from converto.kernel.actor import Actor
from converto.kernel.errors import Conflict, Invalid, NotFound
from converto.kernel.interface import Interface, Value, command, query, stream
from converto.kernel.money import Money
from converto.kernel.paging import Page
from converto.ocr.document import (
    FINISHED,
    Alternatives,
    Box,
    Correction,
    EngineChoice,
    EngineUse,
    Failure,
    FieldChange,
    Fields,
    Finding,
    Found,
    Kind,
    LineItem,
    PageWords,
    PaymentMethod,
    Reading,
    ReviewReason,
    Share,
    Source,
    Status,
    VatLine,
)
from converto.ocr.several import Batch, BatchCounts, BatchFile, BatchScan, BatchUpload, ExportPage, ExportRow, RefusedFile
from converto.ocr.wishes import OcrOptions, ScanFilter

# what is on a document, and what several are, is part of what is asked, though it has files of its own
__all__ = [
    "FINISHED",
    "Alternatives",
    "Batch",
    "BatchCounts",
    "BatchFile",
    "BatchScan",
    "BatchUpload",
    "Box",
    "Correction",
    "EngineChoice",
    "EngineUse",
    "ExportPage",
    "ExportRow",
    "Failure",
    "FieldChange",
    "Fields",
    "Finding",
    "Found",
    "Kind",
    "LineItem",
    "OcrOptions",
    "PageWords",
    "PaymentMethod",
    "Reading",
    "RefusedFile",
    "ReviewReason",
    "ScanFilter",
    "Share",
    "Source",
    "Status",
    "VatLine",
]

CANCELLED = "ocr.cancelled"
"""The code of the `error` of a scan that was cancelled, which counts as failed."""


class Scan(Value):
    """A document and, once it is read, what is on it."""

    id: UUID
    status: Status
    kind: Kind
    """What was asked for until the document is read, what it is afterwards."""
    languages: tuple[str, ...]
    filename: str
    media_type: str
    bytes: int
    created_at: datetime.datetime
    started_at: datetime.datetime | None = None
    finished_at: datetime.datetime | None = None
    duration_ms: int | None = None
    """How long the reading took, without the wait before it."""
    requested_engine: EngineChoice = EngineChoice.AUTO
    """What was asked to read it."""
    engine: str | None = None
    """What has read it, with versions."""
    engines: tuple[EngineUse, ...] = ()
    timings_ms: dict[str, int] = Bounded(default_factory=dict)
    """How long each step of the reading took."""
    pages: int | None = None
    turns: tuple[int, ...] = ()
    """By how many degrees clockwise each page was turned, beyond what its file says, to stand upright: places are told of it upright."""
    confidence: Share | None = None
    text: str | None = None
    duplicate_of: UUID | None = None
    """An earlier scan of the very same bytes."""
    batch_id: UUID | None = None
    """The batch that it came in."""
    fields: Fields | None = None
    vat_lines: tuple[VatLine, ...] = ()
    line_items: tuple[LineItem, ...] = ()
    alternatives: Alternatives | None = None
    """Other values of some fields that stand on the document, for a person to choose."""
    findings: tuple[Finding, ...] = ()
    needs_review: bool = False
    """Whether a person should look at what was read."""
    review_reasons: tuple[ReviewReason, ...] = ()
    """Why; nothing that a person has put right already."""
    error: Failure | None = None
    corrections: dict[str, Correction] = Bounded(default_factory=dict)
    """By field what a person said, beside what the machine read; `fields` has what holds."""


class ScanProgress(Value):
    """How far a scan is."""

    id: UUID
    status: Status
    pages_read: int = 0
    pages: int | None = None
    """How many the document has; None where it was uploaded before that was kept."""
    revision: int
    """Grows with every change."""
    error: Failure | None = None


class ScanSummary(Value):
    """A scan as a list shows it."""

    id: UUID
    status: Status
    kind: Kind
    filename: str
    created_at: datetime.datetime
    finished_at: datetime.datetime | None = None
    confidence: Share | None = None
    vendor: str | None = None
    date: datetime.date | None = None
    total: Money | None = None
    duplicate_of: UUID | None = None
    needs_review: bool = False
    """Whether a person should look at what was read."""
    error: Failure | None = None


class Upload(Value):
    """A document to read."""

    content: bytes = Bounded(repr=False)
    filename: str = Bounded(max_length=255)
    languages: str = Bounded(default="", max_length=50)
    """Tesseract's names joined by `+`; empty means what the installation is set to."""
    kind: Kind = Kind.AUTO
    engine: EngineChoice | None = None
    """None means what the installation is set to."""
    idempotency_key: str | None = Bounded(default=None, max_length=255)
    waited_for: bool = False
    """Somebody waits for its reading: it goes before what else the same company has waiting."""


class StoredDocument(Value):
    """The bytes that were uploaded, unchanged."""

    content: bytes = Bounded(repr=False)
    media_type: str
    filename: str


class OcrHealth(Value):
    """Whether the reader can read, and how busy it is."""

    status: Literal["ok", "degraded"]
    engine: str
    version: str
    languages: tuple[str, ...]
    queued: int
    """Scans that wait."""
    reading: int
    """Scans that are being read now."""


class UnknownScan(NotFound):
    """There is no such scan, or it belongs to another company."""

    code = "ocr.unknown_scan"
    message = "There is no scan {scan_id}."


class UnknownBatch(NotFound):
    """There is no such batch, or it belongs to another company."""

    code = "ocr.unknown_batch"
    message = "There is no batch {batch_id}."


class UnknownPage(NotFound):
    """The document has no such page."""

    code = "ocr.unknown_page"
    message = "The document has no page {page}; its pages are 1 to {pages}."


class NotReadYet(Conflict):
    """The answer needs a document that has been read."""

    code = "ocr.not_read_yet"
    message = "The scan is {status}; ask again once it is completed."


class WordsUnknown(Conflict):
    """A scan that was read before the places of its words were kept."""

    code = "ocr.words_unknown"
    message = "Where the words of this scan stand was not kept when it was read; have it read anew."


class StillReading(Conflict):
    """A scan that is on its way cannot be read anew."""

    code = "ocr.still_reading"
    message = "The scan is {status}; only one that is completed or failed can be read anew."


class AlreadyFinished(Conflict):
    """A scan that is finished cannot be cancelled."""

    code = "ocr.already_finished"
    message = "The scan is {status} already; delete it if it is not wanted."


class BadCorrection(Invalid):
    """Values that their fields cannot have; `errors` names each."""

    code = "ocr.bad_correction"
    message = "The correction is not valid: {summary}"


class KeyReused(Invalid):
    """An Idempotency-Key that came before with another document."""

    code = "ocr.idempotency_key_reused"
    message = "This Idempotency-Key was used for another document; choose a new key for a new document."


class Ocr(Interface, Protocol):
    """Reads documents in the background, and keeps them with what was read."""

    @command(timeout_s=60)
    async def submit(self, actor: Actor, upload: Upload) -> Scan:
        """Keep a document and have it read; the same idempotency key with the same bytes gives the same scan.

        What can be refused at once is: an empty file, one that is too large, of an unknown type, encrypted, or with too many pages.
        What only reading can find makes the scan fail, with the reason in its `error`.
        """
        ...

    @query(timeout_s=120)
    async def read(self, actor: Actor, upload: Upload) -> Reading:
        """Read a document at once, before those that are read in the background, and keep nothing of it.

        Raises what `submit` raises, and what only reading can find.
        """
        ...

    @query
    async def assisted(self, actor: Actor, reading: Reading, *, said: dict[str, Any]) -> Reading:
        """Return a reading with what a model says of the fields that it lacks; what was found stays, and nothing is kept.

        Such a value has the source `ai`: sure where its words stand on the page, with a box there, and less sure, without one, where not.
        """
        ...

    @command(timeout_s=300)
    async def submit_batch(self, actor: Actor, upload: BatchUpload) -> Batch:
        """Keep several documents and have them read; what cannot be is listed in `refused`, each with its reason.

        All that are taken are taken together; the same idempotency key with the same bytes gives the same batch.
        Raises KeyReused, UnknownLanguage, NothingToRead, TooManyFiles, ArchiveTooLarge, and DamagedFile for the archive itself.
        """
        ...

    @query
    async def batch(self, actor: Actor, batch_id: UUID) -> Batch:
        """Return how far the documents of a batch are. Raises UnknownBatch."""
        ...

    @query
    async def scan(self, actor: Actor, scan_id: UUID) -> Scan:
        """Return a scan. Raises UnknownScan."""
        ...

    @query(timeout_s=70)
    async def finished(self, actor: Actor, scan_id: UUID, *, wait_s: float) -> Scan:
        """Return a scan once it is completed or failed, or as it stands after `wait_s` (at most 50). Raises UnknownScan."""
        ...

    @query
    async def scans(self, actor: Actor, wanted: ScanFilter, *, limit: int = 50, cursor: str | None = None) -> Page[ScanSummary]:
        """List scans, newest first. Raises BadCursor."""
        ...

    @stream(timeout_s=600)
    def export(self, actor: Actor, wanted: ScanFilter) -> AsyncIterator[ExportPage]:
        """Yield all scans of a list as rows of a table, newest first."""
        ...

    @stream(timeout_s=3600)
    def progress(self, actor: Actor, scan_id: UUID) -> AsyncIterator[ScanProgress]:
        """Yield how far a scan is: at once, whenever it changes, and unchanged every 15 s as a sign of life; it ends once that is done.

        A scan that is removed meanwhile raises UnknownScan, as one does that is not there; a process that ends raises Unavailable.
        """
        ...

    @command
    async def cancel(self, actor: Actor, scan_id: UUID) -> Scan:
        """Stop reading a document, or never begin; its scan fails with the code `ocr.cancelled`. Raises UnknownScan, AlreadyFinished."""
        ...

    @command
    async def retry(self, actor: Actor, scan_id: UUID) -> Scan:
        """Have a document read anew. Raises UnknownScan, StillReading."""
        ...

    @command
    async def correct(self, actor: Actor, scan_id: UUID, *, changes: dict[str, Any]) -> Scan:
        """Say what fields of a document are: a text, `"12.34"` or Money for an amount, None for what is not on it.

        The machine's values stay beside them; the next documents of the same seller are named alike. Raises UnknownScan, NotReadYet,
        BadCorrection, which names each wrong field and then changes none.
        """
        ...

    @query
    async def changes(self, actor: Actor, scan_id: UUID, *, limit: int = 50, cursor: str | None = None) -> Page[FieldChange]:
        """List who changed which field of a document, newest first. Raises UnknownScan, BadCursor."""
        ...

    @command
    async def delete(self, actor: Actor, scan_id: UUID) -> None:
        """Remove a scan with its document, for good; one that is being read is read no further. Raises UnknownScan."""
        ...

    @command
    async def assist(self, actor: Actor, scan_id: UUID, *, said: dict[str, Any]) -> Scan:
        """Fill what a scan lacks with what a model says, as `assisted` does. Raises UnknownScan, NotReadYet."""
        ...

    @query
    async def options(self, actor: Actor) -> OcrOptions:
        """Return how the company wants its documents to be read."""
        ...

    @command
    async def set_options(self, actor: Actor, options: OcrOptions) -> OcrOptions:
        """Say how the company wants its documents to be read; it holds for what is read from now on."""
        ...

    @query(timeout_s=60)
    async def original(self, actor: Actor, scan_id: UUID) -> StoredDocument:
        """Return the document as it was uploaded. Raises UnknownScan."""
        ...

    @query(timeout_s=60)
    async def page_picture(self, actor: Actor, scan_id: UUID, page: int) -> bytes:
        """Return a page as the reader sees it, upright, as PNG. Raises UnknownScan, UnknownPage."""
        ...

    @query(timeout_s=120)
    async def searchable_pdf(self, actor: Actor, scan_id: UUID) -> StoredDocument:
        """Return the document as a PDF whose text can be found and copied. Raises UnknownScan, NotReadYet, WordsUnknown."""
        ...

    @query
    async def health(self) -> OcrHealth:
        """Return whether the reader can read, and how busy it is."""
        ...
