"""What callers of the reader wish for: which scans, and how a company's documents are read."""

import datetime

from converto.kernel.interface import Value
from converto.kernel.written import YesNo
from converto.ocr.document import Status


class ScanFilter(Value):
    """Which scans a list shows."""

    status: Status | None = None
    since: datetime.date | None = None
    """The first day of upload, UTC."""
    until: datetime.date | None = None
    """The last day of upload, UTC."""
    q: str | None = None
    """Beginnings of words that all stand in the text, the fields or the file's name, whatever their case and diacritics."""


class OcrOptions(Value):
    """How a company wants its documents to be read."""

    ai_assist: YesNo = False
    """Whether a model is asked what the reader did not find on a receipt or an invoice: its pictures then go to the provider."""
