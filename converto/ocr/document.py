"""What stands on a document, as the reader and its callers speak of it."""

import datetime
from enum import StrEnum
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import Field as Bounded
from pydantic import WithJsonSchema

from converto.kernel.interface import Value
from converto.kernel.money import Amount, Money

MAX_PAGE_CPU_S = 6
"""So much processor time may PDFium take for a page, of which it needs a hundredth of a second; whoever asks is ended by SIGPROF."""
T = TypeVar("T")
Share = Annotated[float, Bounded(ge=0, le=1)]
_CLOCK = {"type": "string", "pattern": r"^[0-2]\d:[0-5]\d:[0-5]\d$", "examples": ["17:42:00"]}
LocalTime = Annotated[datetime.time, WithJsonSchema(_CLOCK, mode="serialization")]
"""A time of day where the document was written: JSON Schema's own format `time` wants an offset from UTC, which no receipt tells."""


class Kind(StrEnum):
    """What a document is; `auto` asks the reader to decide."""

    AUTO = "auto"
    RECEIPT = "receipt"
    INVOICE = "invoice"
    TEXT = "text"


class EngineChoice(StrEnum):
    """What reads pictures; `auto` begins with the fast engine, and asks the accurate one where that leaves doubts."""

    AUTO = "auto"
    TESSERACT = "tesseract"
    RAPIDOCR = "rapidocr"


class EngineUse(Value):
    """What read a document, and how many of its pages it was asked for."""

    name: str
    version: str
    pages: int


class Status(StrEnum):
    """Where a scan stands."""

    QUEUED = "queued"
    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"


FINISHED = (Status.COMPLETED, Status.FAILED)


class Failure(Value):
    """Why a scan failed."""

    code: str
    detail: str


class Source(StrEnum):
    """Where a value comes from."""

    OCR = "ocr"
    BARCODE = "barcode"
    QR = "qr"
    E_INVOICE = "e-invoice"
    AI = "ai"
    PERSON = "person"


class Box(Value):
    """A rectangle on a page, as shares of the page's width and height; the origin is the upper left corner."""

    x: Share
    y: Share
    width: Share
    height: Share


class Found(Value, Generic[T]):
    """A value found on a document, how sure it is, and where it stands; `box` is None where the place is not known."""

    value: T
    confidence: Share
    page: int = Bounded(ge=1)
    box: Box | None = None
    source: Source = Source.OCR


class PaymentMethod(StrEnum):
    """How it was paid."""

    CARD = "card"
    CASH = "cash"
    MOBILE = "mobile"
    INVOICE = "invoice"
    GIFT_CARD = "gift_card"


class Fields(Value):
    """The fields of a document; one that is not on it is None, never a default."""

    vendor: Found[str] | None = None
    business_id: Found[str] | None = None
    vat_id: Found[str] | None = None
    date: Found[datetime.date] | None = None
    time: Found[LocalTime] | None = None
    due_date: Found[datetime.date] | None = None
    receipt_number: Found[str] | None = None
    currency: Found[str] | None = None
    total: Found[Money] | None = None
    net_total: Found[Money] | None = None
    vat_total: Found[Money] | None = None
    payment_method: Found[PaymentMethod] | None = None
    card_last4: Found[str] | None = None
    iban: Found[str] | None = None
    reference_number: Found[str] | None = None
    address: Found[str] | None = None
    category: Found[str] | None = None


class Alternatives(Value):
    """Values that stand on the document and were not taken, for the fields that people correct most; likelier ones first."""

    vendor: tuple[Found[str], ...] = ()
    business_id: tuple[Found[str], ...] = ()
    date: tuple[Found[datetime.date], ...] = ()
    total: tuple[Found[Money], ...] = ()


class VatLine(Value):
    """One row of the VAT table, as printed: amounts in the document's currency, the rate in percent."""

    rate: Amount
    net: Amount | None = None
    vat: Amount | None = None
    gross: Amount | None = None
    confidence: Share
    page: int = Bounded(default=1, ge=1)
    box: Box | None = None
    source: Source = Source.OCR
    type_code: str = "VAT"
    """VAT, or the name of another tax that an e-invoice states."""
    category: str | None = None
    """UNTDID 5305, as an e-invoice states it: S is taxed, AE leaves the tax to the buyer, K is sold into another member state."""


class LineItem(Value):
    """One thing bought, as printed; amounts in the document's currency, the rate in percent."""

    description: str
    quantity: Amount | None = None
    unit_price: Amount | None = None
    total: Amount
    vat_rate: Amount | None = None
    confidence: Share
    page: int = Bounded(default=1, ge=1)
    box: Box | None = None
    source: Source = Source.OCR


class Finding(Value):
    """Something about a document that a person should know."""

    code: str
    severity: Literal["info", "warning", "error"]
    field: str | None = None
    detail: str
    scan_id: UUID | None = None
    """The other scan, where it is about two."""
    page: int | None = None
    """The page that it is about, where it is not about the whole document."""
    boxes: tuple[Box, ...] = ()
    """Where on that page."""


class ReviewReason(Value):
    """Why a person should look at a document."""

    code: str
    """Of a finding, or `unsure`."""
    field: str | None
    detail: str


class Correction(Value):
    """What a person said about a field, which holds instead of what the machine read; that is kept beside it."""

    value: str | Money | None
    """None where a person said that there is none."""
    corrected_at: datetime.datetime
    corrected_by: UUID | None
    """The person; None for a program with an API key."""
    api_key_id: UUID | None = None
    learned_from: UUID | None = None
    """The earlier scan of the same company on which it was said; None where it was said on this one."""
    machine: Found[str | Money] | None = None
    """What the machine read."""


class FieldChange(Value):
    """One change of a field by a person; such entries are only ever added."""

    id: UUID
    field: str
    before: str | Money | None
    after: str | Money | None
    corrected_at: datetime.datetime
    corrected_by: UUID | None
    api_key_id: UUID | None = None


class PageWords(Value):
    """The words that were read on a picture of a page: each with its left edge, top, width and height, in shares of the page upright."""

    page: int = Bounded(ge=1)
    words: tuple[tuple[str, float, float, float, float], ...] = ()


class Reading(Value):
    """What was read from one document."""

    kind: Kind
    engine: str
    engines: tuple[EngineUse, ...] = ()
    timings_ms: dict[str, int] = Bounded(default_factory=dict)
    """How long each step took."""
    languages: tuple[str, ...]
    pages: int = Bounded(ge=1)
    turns: tuple[int, ...] = ()
    """By how many degrees clockwise each page was turned, beyond what its file says, to stand upright."""
    confidence: Share
    text: str
    fields: Fields
    alternatives: Alternatives = Alternatives()
    vat_lines: tuple[VatLine, ...] = ()
    line_items: tuple[LineItem, ...] = ()
    findings: tuple[Finding, ...] = ()
    words: tuple[PageWords, ...] = ()
    """Of the pages that are pictures; kept beside the rest."""
