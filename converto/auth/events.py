"""The facts that this module tells."""

from typing import ClassVar, Literal
from uuid import UUID

from converto.kernel.event import Event

EndReason = Literal[
    "logout", "logout_all", "refresh_token_reused", "revoked", "password_changed", "password_reset", "user_disabled", "user_deleted",
    "member_removed", "company_left", "company_switched",
]  # fmt: skip
"""Why a session has ended before its time; whoever hears of it takes any text, for there will be more."""


class UserRegistered(Event):
    """Somebody opened an account and a company."""

    type: ClassVar[str] = "auth.user.registered"

    user_id: UUID
    email: str
    full_name: str
    company_name: str


class UserLoggedIn(Event):
    """Somebody signed in."""

    type: ClassVar[str] = "auth.user.login"

    user_id: UUID
    session_id: UUID


class SessionRevoked(Event):
    """A session has ended before its time: its tokens are refused from now on."""

    type: ClassVar[str] = "auth.session.revoked"
    version: ClassVar[int] = 2
    """Since then the reason is any text: there will be more of them."""

    user_id: UUID
    session_id: UUID
    reason: str


class LetterWritten(Event):
    """A letter waits to be sent; whom it is for and what it says is told to nobody."""

    type: ClassVar[str] = "auth.letter.written"
    internal: ClassVar[bool] = True

    letter_id: UUID


class UserDeleted(Event):
    """Somebody's account was emptied: whoever keeps something of that person removes it; told once for each of their companies."""

    type: ClassVar[str] = "auth.user.deleted"

    user_id: UUID
