"""The table of the edge: what was asked under an Idempotency-Key, and what it was answered."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from converto.kernel.columns import Moment


class Base(DeclarativeBase):
    """The tables of this module, and of no other."""

    metadata = MetaData()


class IdempotencyKeyRow(Base):
    """A key under which somebody works, or which was answered. Neither the key nor anything of the payload can be read from it."""

    __tablename__ = "idempotency_key"
    __table_args__ = (Index("idempotency_key_until", "until"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    holder: Mapped[UUID]
    until: Mapped[datetime] = mapped_column(Moment)
    """The end of the lease of whoever works under it, or of the time for which the answer is kept: then the key is free."""
    payload: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    """The mark of what was asked; None while somebody works under the key."""
    answer: Mapped[bytes | None] = mapped_column(LargeBinary)
