"""The table of what was told of pictures; no picture is kept."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from converto.kernel.columns import Moment


class Base(DeclarativeBase):
    """The tables of this module, and of no other."""

    metadata = MetaData()


class AnalysisRow(Base):
    """An analysis."""

    __tablename__ = "analysis"
    __table_args__ = (Index("analysis_unfinished", "status", "created_at"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    task: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(Moment)
    duration_ms: Mapped[int | None]
    model: Mapped[str] = mapped_column(String(220))
    told: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """What `Analysis` has beside the columns."""
    error_code: Mapped[str | None] = mapped_column(String(100))
    error_detail: Mapped[str | None] = mapped_column(String(500))
