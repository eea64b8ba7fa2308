"""The facts that the reader tells."""

from typing import ClassVar
from uuid import UUID

from converto.kernel.event import Event
from converto.kernel.money import Money
from converto.ocr.interface import Failure, Kind


class ScanRequested(Event):
    """A document waits to be read."""

    type: ClassVar[str] = "ocr.requested"
    subject_field: ClassVar[str | None] = "scan_id"

    scan_id: UUID


class ScanStarted(Event):
    """A document is being read."""

    type: ClassVar[str] = "ocr.started"
    subject_field: ClassVar[str | None] = "scan_id"

    scan_id: UUID


class ScanCompleted(Event):
    """A document has been read; ask the reader for all that is on it."""

    type: ClassVar[str] = "ocr.completed"
    subject_field: ClassVar[str | None] = "scan_id"

    scan_id: UUID
    kind: Kind
    pages: int
    vendor: str | None
    total: Money | None


class ScanFailed(Event):
    """A document could not be read."""

    type: ClassVar[str] = "ocr.failed"
    subject_field: ClassVar[str | None] = "scan_id"

    scan_id: UUID
    error: Failure


class ScanCorrected(Event):
    """A person said what some fields are, or a model filled some that were missing; ask the reader for all that is on the document."""

    type: ClassVar[str] = "ocr.corrected"
    subject_field: ClassVar[str | None] = "scan_id"

    scan_id: UUID
    fields: tuple[str, ...]
    vendor: str | None
    total: Money | None


class ScanAssistWanted(Event):
    """A model is to be asked what the reader did not find, for the company wants that."""

    type: ClassVar[str] = "ocr.assist_wanted"
    subject_field: ClassVar[str | None] = "scan_id"
    internal: ClassVar[bool] = True

    scan_id: UUID
    fields: tuple[str, ...]


class ScanCancelled(Event):
    """Nobody wants a document read any more: it was cancelled, or removed before it was read."""

    type: ClassVar[str] = "ocr.cancelled"
    subject_field: ClassVar[str | None] = "scan_id"

    scan_id: UUID
