"""The tables of what models were asked, and what it cost. Amounts are whole nano-USD."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Boolean, Date, Float, Index, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from converto.kernel.columns import Moment


class Base(DeclarativeBase):
    """The tables of this module, and of no other."""

    metadata = MetaData()


class BudgetRow(Base):
    """What may be spent in a calendar month."""

    __tablename__ = "budget"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(50), primary_key=True)
    """`tenant`, `member:` or `key:` with an id."""
    soft_nano: Mapped[int | None] = mapped_column(BigInteger)
    hard_nano: Mapped[int | None] = mapped_column(BigInteger)


class SpendingRow(Base):
    """What was spent in a calendar month, and what calls on their way could take."""

    __tablename__ = "spending"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(50), primary_key=True)
    period: Mapped[str] = mapped_column(String(7), primary_key=True)
    spent_nano: Mapped[int] = mapped_column(BigInteger, default=0)
    reserved_nano: Mapped[int] = mapped_column(BigInteger, default=0)
    told: Mapped[int] = mapped_column(default=0)
    """1: that the soft limit is reached; 2: that the hard one is; 3: both."""


class ReservationRow(Base):
    """What a call on its way could take; its process says again and again that it lives."""

    __tablename__ = "reservation"
    __table_args__ = (Index("reservation_until", "until"), Index("reservation_holder", "holder"))

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    holder: Mapped[UUID]
    until: Mapped[datetime] = mapped_column(Moment)
    amount_nano: Mapped[int] = mapped_column(BigInteger)
    call: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What the ledger says of it if its process dies."""


class CallRow(Base):
    """The ledger: one call of a provider."""

    __tablename__ = "call"
    __table_args__ = (Index("call_day", "tenant_id", "day"), Index("call_completion", "tenant_id", "completion_id"))

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    completion_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(Moment)
    day: Mapped[date] = mapped_column(Date)
    provider: Mapped[str] = mapped_column(String(20))
    model: Mapped[str] = mapped_column(String(220))
    user_id: Mapped[UUID | None]
    api_key_id: Mapped[UUID | None]
    prompt_tokens: Mapped[int] = mapped_column(BigInteger)
    completion_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    cache_write_tokens: Mapped[int] = mapped_column(BigInteger)
    cost_nano: Mapped[int] = mapped_column(BigInteger)
    usage_source: Mapped[str] = mapped_column(String(10))
    price_version: Mapped[str] = mapped_column(String(40))
    outcome: Mapped[str] = mapped_column(String(20))
    latency_ms: Mapped[int]
    streamed: Mapped[bool] = mapped_column(Boolean)


class ContentRow(Base):
    """What was asked and answered, where a company wants it kept."""

    __tablename__ = "content"
    __table_args__ = (Index("content_at", "at"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    completion_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Moment)
    request: Mapped[dict[str, Any]] = mapped_column(JSON)
    answer: Mapped[str] = mapped_column(Text)


class OptionsRow(Base):
    """How a company wants models to be asked."""

    __tablename__ = "options"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    options: Mapped[dict[str, Any]] = mapped_column(JSON)


class TemplateRow(Base):
    """A version of a prompt template; it never changes."""

    __tablename__ = "template"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    system: Mapped[str | None] = mapped_column(Text)
    text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Moment)


class FeedbackRow(Base):
    """How good an answer was."""

    __tablename__ = "feedback"
    __table_args__ = (Index("feedback_model", "tenant_id", "model"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    completion_id: Mapped[UUID] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(String(220))
    score: Mapped[float] = mapped_column(Float)
    at: Mapped[datetime] = mapped_column(Moment)


class PriceRow(Base):
    """What a version of litellm's table says of a model, taken in once and never changed."""

    __tablename__ = "price"

    version: Mapped[str] = mapped_column(String(40), primary_key=True)
    model: Mapped[str] = mapped_column(String(220), primary_key=True)
    entry: Mapped[dict[str, Any]] = mapped_column(JSON)
