"""The tables of outbound webhooks."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, Index, MetaData, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from converto.kernel.columns import Moment

_waiting = text("due_at IS NOT NULL")


class Base(DeclarativeBase):
    """The tables of this module, and of no other."""

    metadata = MetaData()


class WebhookRow(Base):
    """An endpoint: where to, which events, the secrets that sign, and how it has been doing."""

    __tablename__ = "webhook"
    __table_args__ = (
        UniqueConstraint("tenant_id", "slot", name="webhook_slot"),
        UniqueConstraint("tenant_id", "idempotency_key", name="webhook_idempotency_key"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    slot: Mapped[int]
    """A place among those that a tenant may have: the key, not a count, keeps the limit."""
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(String(200))
    event_types: Mapped[list[str]] = mapped_column(JSON)
    secret: Mapped[str] = mapped_column(Text)
    """Sealed."""
    old_secret: Mapped[str | None] = mapped_column(Text)
    """Sealed; it signs too until `old_secret_until`."""
    old_secret_until: Mapped[datetime | None] = mapped_column(Moment)
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    fingerprint: Mapped[str] = mapped_column(String(64))
    """Of what was asked for when it was made, by which a repeated creation is told from another one under the same key."""
    disabled_at: Mapped[datetime | None] = mapped_column(Moment)
    disabled_because: Mapped[str | None] = mapped_column(String(20))
    failures: Mapped[int] = mapped_column(default=0)
    """Attempts that failed in a row, of whichever delivery."""
    failing_since: Mapped[datetime | None] = mapped_column(Moment)
    paused_until: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    updated_at: Mapped[datetime] = mapped_column(Moment)


class DeliveryRow(Base):
    """One event on its way to one endpoint."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("tenant_id", "webhook_id", "event_id", name="webhook_delivery_once"),
        Index("webhook_delivery_due", "tenant_id", "webhook_id", "due_at", sqlite_where=_waiting, postgresql_where=_waiting),
        Index("webhook_delivery_list", "tenant_id", "webhook_id", "id"),
        Index("webhook_delivery_age", "created_at"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    webhook_id: Mapped[UUID]
    event_id: Mapped[UUID]
    event_type: Mapped[str] = mapped_column(String(100))
    body: Mapped[str | None] = mapped_column(Text)
    """None where it was too large to be sent."""
    status: Mapped[str] = mapped_column(String(20))
    due_at: Mapped[datetime | None] = mapped_column(Moment)
    """When it may next be taken: while it is under way the end of its lease, None once it is settled."""
    lease: Mapped[UUID | None]
    attempts: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    """Failed attempts since it was queued or replayed."""
    tries: Mapped[int]
    """The failed attempts after which it is given up."""
    created_at: Mapped[datetime] = mapped_column(Moment)
    delivered_at: Mapped[datetime | None] = mapped_column(Moment)


class AttemptRow(Base):
    """What came of one attempt."""

    __tablename__ = "webhook_attempt"
    __table_args__ = (Index("webhook_attempt_of", "tenant_id", "delivery_id", "id"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    delivery_id: Mapped[UUID]
    number: Mapped[int]
    at: Mapped[datetime] = mapped_column(Moment)
    status_code: Mapped[int | None]
    latency_ms: Mapped[int]
    answer: Mapped[str] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(Text)
