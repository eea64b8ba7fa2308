"""The tables of letters, and of the secrets that they bring."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from converto.auth.models import Row


class LetterRow(Row):
    """A letter that waits to be sent; gone once it is."""

    __tablename__ = "letters"
    __table_args__ = (Index("letters_written", "written_at"),)

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    sealed: Mapped[bytes]
    """What is to be written and to whom: it may hold what opens an account."""
    written_at: Mapped[datetime]


class MailedTokenRow(Row):
    """A secret that was sent to an address: who brings it reads the letters there. Only its hash is kept; used once, then gone."""

    __tablename__ = "mailed_tokens"
    __table_args__ = (Index("mailed_tokens_user", "user_id", "purpose"), Index("mailed_tokens_ends", "ends_at"))

    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    purpose: Mapped[str] = mapped_column(String(20))
    email: Mapped[str] = mapped_column(String(254))
    """Where it was sent: it proves this address and no other."""
    ends_at: Mapped[datetime]
