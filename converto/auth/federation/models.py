"""The tables of sign-ins by other providers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from converto.auth.models import Row


class IdentityRow(Row):
    """Who a person is at another provider."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("user_id", "issuer", name="identities_user"),)

    issuer: Mapped[str] = mapped_column(String(255), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    """What the provider calls them for ever; an e-mail may change its owner, this does not."""
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    email: Mapped[str | None] = mapped_column(String(254))
    linked_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class OidcFlowRow(Row):
    """Somebody who was sent to a provider and is not back yet; gone once they are, or ten minutes later."""

    __tablename__ = "oidc_flows"
    __table_args__ = (Index("oidc_flows_ends", "ends_at"),)

    state_hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    browser_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    """The hash of the cookie of the browser that was sent: no other may come back with its answer."""
    provider: Mapped[str] = mapped_column(String(40))
    sealed: Mapped[bytes]
    """The nonce and the PKCE verifier."""
    tenant_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
    """The session of somebody who links an account that they have; None for a sign-in."""
    return_to: Mapped[str | None] = mapped_column(String(300))
    """The page that a browser goes on to, its tokens in cookies; None for a client that reads them."""
    ends_at: Mapped[datetime]
