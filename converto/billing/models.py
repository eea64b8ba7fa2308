"""The tables of plans and usage."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Index, LargeBinary, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from converto.kernel.columns import Moment


class Base(DeclarativeBase):
    """The tables of this module, and of no other."""

    metadata = MetaData()


class AccountRow(Base):
    """How a company stands with us."""

    __tablename__ = "account"
    __table_args__ = (Index("account_customer", "customer_id", unique=True),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    opened_at: Mapped[datetime] = mapped_column(Moment)
    trial_ends_at: Mapped[datetime] = mapped_column(Moment)
    anchor: Mapped[datetime] = mapped_column(Moment)
    """On whose day and time of the month its periods begin."""
    plan: Mapped[str | None] = mapped_column(String(30))
    plan_version: Mapped[int | None]
    interval: Mapped[str | None] = mapped_column(String(10))
    subscription_id: Mapped[str | None] = mapped_column(String(255))
    subscription_status: Mapped[str | None] = mapped_column(String(30))
    cancels_at: Mapped[datetime | None] = mapped_column(Moment)
    paid_until: Mapped[datetime | None] = mapped_column(Moment)
    grace_until: Mapped[datetime | None] = mapped_column(Moment)
    customer_id: Mapped[str | None] = mapped_column(String(255))
    country: Mapped[str | None] = mapped_column(String(2))
    vat_id: Mapped[str | None] = mapped_column(String(20))
    version: Mapped[int] = mapped_column(default=1)
    """Grows with every change of what the company may do."""
    synced_at: Mapped[datetime | None] = mapped_column(Moment)
    """When the payment service was last heard."""
    sync_version: Mapped[int] = mapped_column(default=0)
    """Grows with every time that what the payment service has was taken in: who has looked before that has to look again."""


class OverrideRow(Base):
    """What was agreed with one company for one feature, beside its plan."""

    __tablename__ = "entitlement_override"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    feature: Mapped[str] = mapped_column(String(50), primary_key=True)
    limit_value: Mapped[int | None] = mapped_column(BigInteger)
    is_hard: Mapped[bool]
    since: Mapped[datetime] = mapped_column(Moment)
    until: Mapped[datetime | None] = mapped_column(Moment)
    reason: Mapped[str] = mapped_column(String(200))


class UsageRow(Base):
    """A piece of work that was counted, or for which room is held: the truth that the counters are made from."""

    __tablename__ = "usage_event"
    __table_args__ = (
        Index("usage_event_day", "tenant_id", "feature", "day"),
        Index("usage_event_expiry", "expires_at"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    feature: Mapped[str] = mapped_column(String(50), primary_key=True)
    key: Mapped[str] = mapped_column(String(220), primary_key=True)
    state: Mapped[str] = mapped_column(String(10))
    quantity: Mapped[int] = mapped_column(BigInteger)
    period_start: Mapped[datetime] = mapped_column(Moment)
    period_end: Mapped[datetime] = mapped_column(Moment)
    occurred_at: Mapped[datetime] = mapped_column(Moment)
    day: Mapped[date]
    expires_at: Mapped[datetime | None] = mapped_column(Moment)


class CounterRow(Base):
    """How much of a feature is used and held in a period; it can be made anew from the events."""

    __tablename__ = "usage_counter"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    feature: Mapped[str] = mapped_column(String(50), primary_key=True)
    period_start: Mapped[datetime] = mapped_column(Moment, primary_key=True)
    used: Mapped[int] = mapped_column(BigInteger)
    reserved: Mapped[int] = mapped_column(BigInteger)
    warned: Mapped[int]
    """The highest share of the limit, in per cent, that has been told."""


class SeenRow(Base):
    """A subscription, an invoice or a charge, as the payment service had it when it was last looked at."""

    __tablename__ = "seen"
    __table_args__ = (Index("seen_created", "tenant_id", "kind", "created_at"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
    seen: Mapped[dict[str, Any]] = mapped_column(JSON)


class StripeEventRow(Base):
    """A webhook as it came, whoever it is about: kept before anything is made of it."""

    __tablename__ = "stripe_event"
    __table_args__ = (Index("stripe_event_open", "customer_id", "handled_at"),)

    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    type: Mapped[str] = mapped_column(String(100))
    customer_id: Mapped[str | None] = mapped_column(String(255))
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(Moment)
    handled_at: Mapped[datetime | None] = mapped_column(Moment)
    """None of what is about no customer of ours as well."""


class ReportRow(Base):
    """Usage that the payment service is to be told of, once."""

    __tablename__ = "meter_report"
    __table_args__ = (Index("meter_report_due", "sent_at"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    """Of the event that told of it, and so what it is reported under."""
    feature: Mapped[str] = mapped_column(String(50))
    quantity: Mapped[int] = mapped_column(BigInteger)
    used_at: Mapped[datetime] = mapped_column(Moment)
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
