"""The tables of what people prove beside a password."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from converto.auth.models import Row


class TotpRow(Row):
    """A person's authenticator app."""

    __tablename__ = "totp"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[bytes]
    """The secret that the app and we share."""
    created_at: Mapped[datetime]
    confirmed_at: Mapped[datetime | None]
    """When a first code has shown that the app has it; before that nobody is asked for one."""
    last_counter: Mapped[int] = mapped_column(BigInteger)
    """The counter of the newest code that was taken: it and those before it are never taken again."""


class RecoveryCodeRow(Row):
    """A code that takes the place of the app, once."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    used_at: Mapped[datetime | None]


class PasskeyRow(Row):
    """The public half of a key that a person's device keeps for us."""

    __tablename__ = "passkeys"
    __table_args__ = (Index("passkeys_user", "user_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    credential_id: Mapped[bytes] = mapped_column(LargeBinary(1023), unique=True)
    public_key: Mapped[bytes]
    """As COSE writes it."""
    sign_count: Mapped[int] = mapped_column(BigInteger)
    """How often the device says it has signed; one that goes back is a copy. Always 0 for devices that do not count."""
    name: Mapped[str] = mapped_column(String(100))
    is_synced: Mapped[bool]
    """Whether the device's maker may keep copies on the person's other devices."""
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class ChallengeRow(Row):
    """What a passkey is asked to sign, by its hash; gone once it has come back, or five minutes later."""

    __tablename__ = "passkey_challenges"
    __table_args__ = (Index("passkey_challenges_ends", "ends_at"),)

    challenge_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(20))
    session_id: Mapped[UUID | None]
    """The session that asked; None for a sign-in, for which there is none yet."""
    ends_at: Mapped[datetime]
