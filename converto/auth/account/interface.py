"""What may be asked of a person's own account."""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from pydantic import Field

from converto.auth.people import Client, Email, Ended, Me, Name, OpaqueToken, Password, Tenant
from converto.kernel.actor import Actor
from converto.kernel.errors import Forbidden, Invalid, Limited, NotFound
from converto.kernel.interface import Interface, Value, command, query


class InvalidMailedToken(Invalid):
    """What a letter brought is unknown, was used, or is over."""

    code = "auth.invalid_mailed_token"
    message = "This link was used before, or is too old; ask for a new one."


class WrongPassword(Forbidden):
    """The password that a signed-in person gave is not theirs."""

    code = "auth.wrong_password"
    message = "This is not your password."


class TooManyLetters(Limited):
    """Enough letters are on their way to this person."""

    code = "auth.too_many_letters"
    message = "We have sent you several of these letters already; use the newest one, or try again later."


class UnknownSession(NotFound):
    """No session of one's own that stands."""

    code = "auth.unknown_session"
    message = "You have no open session {session_id}."


class UnknownPerson(NotFound):
    """Nobody has this address."""

    code = "auth.unknown_person"
    message = "Nobody is known by {email}."


class MailedToken(Value):
    """What a letter's link carries behind `#token=`."""

    token: OpaqueToken


class VerifiedEmail(Value):
    """An address that its person reads the letters of."""

    email: str


class ForgottenPassword(Value):
    """Whose password is forgotten."""

    email: Email


class PasswordChange(Value):
    """The password of now, and the one from now on."""

    current_password: Password
    new_password: Password


class PasswordReset(Value):
    """What the letter brought, and the password from now on."""

    token: OpaqueToken
    new_password: Password


class PasswordIsReset(Value):
    """How many sessions were ended, and what makes this device known, so that its owner gets in while strangers are made to wait."""

    ended: int
    device_token: str = Field(repr=False)


class ProfileChange(Value):
    """What a person changes of themselves; what is left out stays."""

    full_name: Name | None = None
    email: Email | None = None
    """Taken once a letter sent there was answered; until then the old one stands."""


class OpenSession(Value):
    """A session that stands."""

    id: UUID
    tenant: Tenant
    device: str
    """Such as `Firefox, Linux`."""
    address: str | None
    user_agent: str | None
    methods: tuple[str, ...]
    """What was proved when it was opened and since, as RFC 8176 names it."""
    opened_at: datetime
    seen_at: datetime
    """When it last fetched an access token, which it does every ten minutes while it is used."""
    ends_at: datetime
    is_current: bool


class OpenSessions(Value):
    """A person's sessions, the one seen last first."""

    items: tuple[OpenSession, ...]
    next_cursor: None = None
    """All of them are on the first page."""


class Account(Interface, Protocol):
    """A person's own account."""

    @command
    async def verify_email(self, token: OpaqueToken, client: Client) -> VerifiedEmail:
        """Take note that a person reads what is sent to an address, and make it theirs where they have asked for the change.

        Raises InvalidMailedToken, EmailTaken.
        """
        ...

    @command
    async def resend_verification(self, actor: Actor, client: Client) -> None:
        """Send the letter that verifies the address again; nothing happens where it is verified. Raises TooManyLetters."""
        ...

    @query
    async def sessions(self, actor: Actor) -> OpenSessions:
        """Return the open sessions of the actor's person, in every company."""
        ...

    @command
    async def end_session(self, actor: Actor, session_id: UUID) -> None:
        """End a session of the actor's person, in whichever company. Raises UnknownSession."""
        ...

    @command
    async def change_password(self, actor: Actor, change: PasswordChange, client: Client) -> Ended:
        """Change the password of the actor's person, and end their other sessions.

        Raises WrongPassword, WeakPassword, TooManyFailures, Overloaded.
        """
        ...

    @command
    async def forgot_password(self, forgotten: ForgottenPassword, client: Client) -> None:
        """Send a letter that resets the password, if somebody has this address, which is never told. Raises TooManyFailures."""
        ...

    @command
    async def reset_password(self, reset: PasswordReset, client: Client) -> PasswordIsReset:
        """Set a new password, and end all sessions of the person. Raises InvalidMailedToken, WeakPassword, Overloaded."""
        ...

    @command
    async def change_profile(self, actor: Actor, change: ProfileChange, client: Client) -> Me:
        """Change the name at once, and the address once it is verified. Raises StepUpRequired for the address, TooManyLetters."""
        ...

    @command
    async def disable_user(self, email: Email) -> Ended:
        """Let a person in no more, and end their sessions: an operator's decision, offered by no route. Raises UnknownPerson."""
        ...

    @command
    async def enable_user(self, email: Email) -> None:
        """Let a person in again. Raises UnknownPerson."""
        ...
