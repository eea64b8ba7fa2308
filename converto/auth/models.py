"""The tables: people, companies, who belongs where, sessions and their tokens, signing keys, failed sign-ins."""

from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, LargeBinary, MetaData, String, Uuid
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from converto.kernel.columns import Moment

PERSON, SERVICE_ACCOUNT = "person", "service"
NO_PASSWORD: Final = "!"  # noqa: S105 - what no hash looks like
"""Stands in the place of the hash for who has no password, such as a service account."""


class Row(DeclarativeBase):
    """What every table of this module shares."""

    metadata: ClassVar[MetaData] = MetaData()
    type_annotation_map: ClassVar = {datetime: Moment, UUID: Uuid, bytes: LargeBinary}


class UserRow(Row):
    """A person; they may belong to several companies."""

    __tablename__ = "users"
    __table_args__ = (Index("users_deletion_due", "deletion_due_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    full_name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20), default=PERSON)
    """`person`, or `service` for the account of a program, which never signs in by a password."""
    created_at: Mapped[datetime]
    email_verified_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    deletion_due_at: Mapped[datetime | None]
    """When the account is emptied, where its person has asked for it and may still take it back."""
    erased_at: Mapped[datetime | None]
    """When it was emptied: nothing but its id is left, which the audit log needs."""


class TenantRow(Row):
    """A company."""

    __tablename__ = "tenants"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    business_id: Mapped[str | None] = mapped_column(String(9))
    """The Finnish one, such as `1234567-1`."""
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    """When its last person has gone; what it has booked stays for its legal time."""


class MembershipRow(Row):
    """What a person is in a company."""

    __tablename__ = "memberships"
    __table_args__ = (Index("memberships_user", "user_id", "joined_at"),)

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(20))
    joined_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    """When the person last turned to this company: a sign-in leads to the one used last."""


class SessionRow(Row):
    """A person signed in to a company on one device; the truth about whether its tokens are good."""

    __tablename__ = "sessions"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "user_id"], ["memberships.tenant_id", "memberships.user_id"], ondelete="CASCADE"),
        Index("sessions_user", "user_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    version: Mapped[int]
    opened_at: Mapped[datetime]
    refreshed_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    end_reason: Mapped[str | None] = mapped_column(String(40))
    address: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(512))
    proved_at: Mapped[datetime]
    """When the person has last proved who they are in this session."""
    methods: Mapped[str] = mapped_column(String(40))
    """What they have proved it by, such as `pwd otp`: the values are those of RFC 8176."""


class RefreshTokenRow(Row):
    """A refresh token by its hash. Once used it is kept, so that a second use is known as theft."""

    __tablename__ = "refresh_tokens"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "session_id"], ["sessions.tenant_id", "sessions.id"], ondelete="CASCADE"),
        Index("refresh_tokens_session", "tenant_id", "session_id"),
    )

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True, unique=True)
    session_id: Mapped[UUID]
    used_at: Mapped[datetime | None]
    sealed_successor: Mapped[bytes | None]
    """Its successor, readable only with the token itself; gone soon after the grace time."""


class SigningKeyRow(Row):
    """A signing key of the installation, sealed."""

    __tablename__ = "signing_keys"

    kid: Mapped[str] = mapped_column(String(64), primary_key=True)
    generation: Mapped[int] = mapped_column(unique=True)
    """Two processes that make the same generation at once collide here, and one of them takes the other's."""
    sealed: Mapped[bytes]
    signs_from: Mapped[datetime | None]
    signs_until: Mapped[datetime | None]


class SignInFailureRow(Row):
    """Wrong passwords by account, network, device, or in all; the e-mail and the address themselves are not kept."""

    __tablename__ = "sign_in_failures"
    __table_args__ = (Index("sign_in_failures_last", "last_at"),)

    account: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """What is counted, hashed."""
    failures: Mapped[int]
    last_at: Mapped[datetime]
    blocked_until: Mapped[datetime]


class DeviceRow(Row):
    """A device that a person has signed in on; it shows by what it was given then."""

    __tablename__ = "devices"
    __table_args__ = (Index("devices_user", "user_id", "seen_at"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    known_since: Mapped[datetime]
    seen_at: Mapped[datetime]
