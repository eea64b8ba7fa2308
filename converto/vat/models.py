"""The tables of value added tax."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index, LargeBinary, MetaData, String, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from converto.kernel.columns import Moment, SealedMoment


class Base(DeclarativeBase):
    """The tables of this module, and of no other."""

    metadata = MetaData()


class VoucherRow(Base):
    """A voucher; a trigger lets nothing of it change once it has a number."""

    __tablename__ = "voucher"
    __table_args__ = (
        UniqueConstraint("tenant_id", "year", "number", name="voucher_number"),
        UniqueConstraint("tenant_id", "reverses", name="voucher_reverses"),
        UniqueConstraint("tenant_id", "event_id", name="voucher_event"),
        Index("voucher_day", "tenant_id", "tax_date", "id"),
        Index("voucher_status", "tenant_id", "status", "id"),
        Index("voucher_seller", "tenant_id", "seller_id", "total_cents"),
        Index("voucher_original", "tenant_id", "original_sha256"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(String(10))
    year: Mapped[int | None]
    number: Mapped[int | None]
    tax_date: Mapped[date]
    document_date: Mapped[date]
    seller_id: Mapped[str | None] = mapped_column(String(200))
    iban: Mapped[str | None] = mapped_column(String(200))
    total_cents: Mapped[int] = mapped_column(BigInteger)
    original_sha256: Mapped[str | None] = mapped_column(String(64))
    scan_id: Mapped[UUID | None]
    reverses: Mapped[UUID | None]
    event_id: Mapped[UUID | None]
    """The event that it was drafted for."""
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The voucher as it is told, and once it is booked as it stays."""


class EntryRow(Base):
    """One line of a booked voucher, or the filing of a return, in the company's chain; only ever added."""

    __tablename__ = "entry"
    __table_args__ = (Index("entry_day", "tenant_id", "tax_date", "number"), Index("entry_voucher", "tenant_id", "voucher_id"))

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    """Counts the company's entries from one on, without a gap."""
    voucher_id: Mapped[UUID | None]
    line: Mapped[int]
    tax_date: Mapped[date]
    treatment: Mapped[str | None] = mapped_column(String(40))
    base_box: Mapped[str | None] = mapped_column(String(3))
    tax_box: Mapped[str | None] = mapped_column(String(3))
    net_cents: Mapped[int] = mapped_column(BigInteger)
    vat_cents: Mapped[int] = mapped_column(BigInteger)
    deductible_cents: Mapped[int] = mapped_column(BigInteger)
    content_sha256: Mapped[str] = mapped_column(String(64))
    """Of the voucher, or of the return, as it was then."""
    at: Mapped[datetime] = mapped_column(SealedMoment)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    """SHA-256 of the entry and of the hash of the one before it."""


class ChainHeadRow(Base):
    """Where a company's chain ends, sealed by the installation's secret."""

    __tablename__ = "chain_head"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    seal: Mapped[bytes] = mapped_column(LargeBinary(32))


class CounterRow(Base):
    """The last voucher number of a year."""

    __tablename__ = "voucher_counter"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class ReturnRow(Base):
    """A return that was filed; a trigger lets nothing of it change."""

    __tablename__ = "filed_return"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(String(10), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first: Mapped[date]
    last: Mapped[date]
    content: Mapped[dict[str, Any]] = mapped_column(JSON)


class CorrectionRow(Base):
    """A replacement that is being made: while it is open, entries of its filed period are taken."""

    __tablename__ = "correction"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(String(10), primary_key=True)
    first: Mapped[date]
    last: Mapped[date]
    reason: Mapped[str] = mapped_column(String(1000))
    opened_at: Mapped[datetime] = mapped_column(Moment)
    opened_by: Mapped[UUID | None]


class RegimeRow(Base):
    """How long a company's periods are, from a day on."""

    __tablename__ = "period_regime"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    set_at: Mapped[datetime] = mapped_column(Moment)


class SupplierRuleRow(Base):
    """A rule about a supplier; one is on, those before it are kept."""

    __tablename__ = "supplier_rule"
    __table_args__ = (
        Index(
            "supplier_rule_on",
            "tenant_id",
            "seller_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    seller_id: Mapped[str] = mapped_column(String(200))
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    content: Mapped[dict[str, Any]] = mapped_column(JSON)


class DueNoticeRow(Base):
    """It was told that a period is due in so many days or fewer."""

    __tablename__ = "due_notice"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(String(10), primary_key=True)
    days_before: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    told_at: Mapped[datetime] = mapped_column(Moment)
