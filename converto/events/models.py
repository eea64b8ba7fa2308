"""The tables of the public events: the log, the consumer groups, and what was published under which key."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Boolean, Index, Integer, LargeBinary, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from converto.kernel.columns import Moment

Position = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts only a column of exactly this type


class Base(DeclarativeBase):
    """The tables of this module, and of no other."""

    metadata = MetaData()


class EventRow(Base):
    """An event of the installation, at its place in the one order that all consumers outside see."""

    __tablename__ = "event_log"
    __table_args__ = (
        UniqueConstraint("event_id", name="event_log_event"),
        Index("event_log_tenant", "tenant_id", "position"),
        Index("event_log_kept", "kept_at"),
        {"sqlite_autoincrement": True},  # a position is never given twice, also when the last row has gone
    )

    position: Mapped[int] = mapped_column(Position, primary_key=True)
    event_id: Mapped[UUID]
    tenant_id: Mapped[UUID]
    stream: Mapped[str] = mapped_column(String(100))
    type: Mapped[str] = mapped_column(String(100))
    envelope: Mapped[dict[str, Any]] = mapped_column(JSON)
    kept_at: Mapped[datetime] = mapped_column(Moment)


class GroupRow(Base):
    """A consumer group: nothing else is kept of a subscription, so that any process serves any call of it."""

    __tablename__ = "consumer_groups"
    __table_args__ = (UniqueConstraint("tenant_id", "name", name="consumer_groups_name"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    every_tenant: Mapped[bool] = mapped_column(Boolean)
    """Whether it is a service's, and hears the events of all tenants."""
    stream_names: Mapped[list[str]] = mapped_column(JSON)
    event_types: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    lease_s: Mapped[int]
    ordered: Mapped[bool] = mapped_column(Boolean)
    position: Mapped[int] = mapped_column(BigInteger)
    """Up to here the log has been looked through for it."""
    created_at: Mapped[datetime] = mapped_column(Moment)
    read_at: Mapped[datetime | None] = mapped_column(Moment)


class PublicationRow(Base):
    """What was published under a key, so that a second try is known."""

    __tablename__ = "publications"
    __table_args__ = (Index("publications_kept", "kept_at"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    event_id: Mapped[UUID]
    kept_at: Mapped[datetime] = mapped_column(Moment)
