"""The table of the audit log."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from converto.auth.models import Row


class AuditRow(Row):
    """One thing that was done in a company; never changed, never removed before its time."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index("audit_entries_user", "user_id"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """Counts the company's entries from one on, without a gap."""
    at: Mapped[datetime]
    action: Mapped[str] = mapped_column(String(60))
    user_id: Mapped[UUID | None]
    """The person or service account that did it; None for the program itself, and for a program with an API key."""
    api_key_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
    target: Mapped[str | None] = mapped_column(String(200))
    """What it was done to: an id or a name."""
    address: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(512))
    request_id: Mapped[str] = mapped_column(String(128))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    """SHA-256 of the entry and of the hash of the one before it."""


class AuditHeadRow(Row):
    """Where a company's chain begins and ends, sealed by the installation's secret: an end that was cut off would show nowhere else."""

    __tablename__ = "audit_heads"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    first: Mapped[int]
    """The oldest entry that is kept."""
    before: Mapped[bytes] = mapped_column(LargeBinary(32))
    """The hash of the one before it, which was removed when its time was over."""
    last: Mapped[int]
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    """The hash of the last entry."""
    seal: Mapped[bytes] = mapped_column(LargeBinary(32))
    """HMAC-SHA-256 of all that."""
