"""The reader's tables."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index, LargeBinary, MetaData, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from converto.kernel.columns import Moment


class Base(DeclarativeBase):
    """The tables of this module, and of no other."""

    metadata = MetaData()


class ScanRow(Base):
    """A document and how its reading stands."""

    __tablename__ = "scan"
    __table_args__ = (
        UniqueConstraint("tenant_id", "idempotency_key", name="scan_idempotency_key"),
        Index("scan_content", "tenant_id", "sha256"),
        Index("scan_status", "status"),
        Index("scan_batch", "tenant_id", "batch_id"),
        Index("scan_total", "tenant_id", "document_date", "total_cents"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(20))
    languages: Mapped[str] = mapped_column(String(50))
    engine: Mapped[str] = mapped_column(String(20), server_default="auto", default="auto")
    """What is asked to read it; also when it is read anew."""
    read_as: Mapped[str | None] = mapped_column(String(150))
    """What beside its bytes and languages its reading depends on; None for one that takes no earlier reading, and gives none."""
    filename: Mapped[str] = mapped_column(String(255))
    media_type: Mapped[str] = mapped_column(String(50))
    bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    duplicate_of: Mapped[UUID | None]
    seller_id: Mapped[str | None] = mapped_column(String(20))
    """By this and the four below it is compared with others, to find a purchase that came twice."""
    seller_name: Mapped[str | None] = mapped_column(String(200))
    document_date: Mapped[date | None]
    total_cents: Mapped[int | None] = mapped_column(BigInteger)
    total_currency: Mapped[str | None] = mapped_column(String(3))
    batch_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(Moment)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    duration_ms: Mapped[int | None]
    reading: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    corrections: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """By field what a person said instead of what the machine read; it outlives a new reading."""
    error_code: Mapped[str | None] = mapped_column(String(100))
    error_detail: Mapped[str | None] = mapped_column(Text)
    pages: Mapped[int | None]
    """How many the document has; None where it came before that was kept."""
    pages_read: Mapped[int] = mapped_column(server_default="0", default=0)
    revision: Mapped[int] = mapped_column(server_default="1", default=1)
    """Grows with every change that whoever looks on is told of."""
    job_id: Mapped[UUID | None]
    """The `ocr.requested` that it is read for; an earlier one that comes late is passed over."""
    reader_id: Mapped[UUID | None]
    """Whoever reads it now: the result of anybody else is refused."""


class FieldChangeRow(Base):
    """One change of a field by a person; never changed, and removed with its scan alone."""

    __tablename__ = "field_change"
    __table_args__ = (Index("field_change_scan", "tenant_id", "scan_id"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    scan_id: Mapped[UUID]
    field: Mapped[str] = mapped_column(String(30))
    before: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[Any | None] = mapped_column(JSON(none_as_null=True))
    corrected_at: Mapped[datetime] = mapped_column(Moment)
    corrected_by: Mapped[UUID | None]
    api_key_id: Mapped[UUID | None]


class SellerHintRow(Base):
    """What a company's people said of a seller, under a sign that the seller's next documents bear as well."""

    __tablename__ = "seller_hint"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    """`id:` and the business id, or `name:` and the name as the machine read it."""
    vendor: Mapped[str | None] = mapped_column(String(200))
    business_id: Mapped[str | None] = mapped_column(String(20))
    scan_id: Mapped[UUID]
    """On which it was said."""
    corrected_at: Mapped[datetime] = mapped_column(Moment)
    corrected_by: Mapped[UUID | None]
    api_key_id: Mapped[UUID | None]


class SearchRow(Base):
    """The words of a scan: in SQLite what triggers keep an FTS5 index `scan_index` of, in PostgreSQL a text vector."""

    __tablename__ = "scan_search"
    __table_args__ = (UniqueConstraint("number", name="scan_search_number"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    scan_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    """By which the index knows it: the random bits of the scan's id."""
    words: Mapped[str] = mapped_column(Text().with_variant(TSVECTOR(), "postgresql"))


class PageWordsRow(Base):
    """Where the words of a scan's pictures stand, packed: only a searchable PDF needs them."""

    __tablename__ = "scan_words"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    scan_id: Mapped[UUID] = mapped_column(primary_key=True)
    words: Mapped[bytes] = mapped_column(LargeBinary)


class OptionsRow(Base):
    """How a company wants its documents to be read."""

    __tablename__ = "options"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    ai_assist: Mapped[bool]


class BatchRow(Base):
    """Several documents that came at once."""

    __tablename__ = "batch"
    __table_args__ = (UniqueConstraint("tenant_id", "idempotency_key", name="batch_idempotency_key"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    sha256: Mapped[str] = mapped_column(String(64))
    """Of all that came, by which a key is seen to be used for something else."""
    taken: Mapped[int]
    refused: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
