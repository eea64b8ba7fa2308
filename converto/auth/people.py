"""Persons, companies, tokens, and the refusals that all parts of auth speak of."""

import re
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from converto.auth.roles import Role
from converto.kernel.errors import Conflict, Forbidden, Invalid, Limited, Unauthenticated, Unavailable
from converto.kernel.interface import Value

_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?",
)
_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_UNPRINTABLE = re.compile(f"[{_CONTROLS}]")


def _email(text: str) -> str:
    folded = text.strip().lower()  # the limits below are RFC 5321's
    if len(folded) > 254 or len(folded.partition("@")[0]) > 64 or not _EMAIL.fullmatch(folded):
        msg = "this is not an e-mail address"
        raise ValueError(msg)
    return folded


def _one_line(text: str) -> str:
    if _UNPRINTABLE.search(text):
        msg = "line breaks and control characters are not taken"
        raise ValueError(msg)
    return text


def is_broken(text: str) -> bool:
    """Tell whether a text holds half of a surrogate pair: JSON can spell one, and no encoding can write it."""
    return any("\ud800" <= sign <= "\udfff" for sign in text)


def _whole(secret: SecretStr) -> SecretStr:
    if is_broken(secret.get_secret_value()):
        msg = "half a character is not taken"
        raise ValueError(msg)
    return secret


Email = Annotated[str, Field(max_length=320, json_schema_extra={"x-wire-format": "email"}), AfterValidator(_email)]
"""An ASCII address in lower case: one person, one spelling."""
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(json_schema_extra={"x-wire-pattern": rf"^[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*$"}),
    AfterValidator(_one_line),
]
Password = Annotated[SecretStr, Field(max_length=1024), AfterValidator(_whole)]
"""As it was typed: never trimmed, cut or folded. What is too long or too weak is told by WeakPassword."""
SecondStep = Annotated[SecretStr, Field(max_length=64), AfterValidator(_whole)]
"""What is typed beside a password: six digits of an authenticator app, or a recovery code."""
OpaqueToken = Annotated[SecretStr, Field(max_length=256), AfterValidator(_whole)]


class InvalidToken(Unauthenticated):
    """An access token that is malformed, forged, expired or revoked; which of them is never told."""

    code = "auth.invalid_token"
    message = "The access token is not valid; sign in again or refresh it."


class InvalidRefreshToken(Unauthenticated):
    """A refresh token that is unknown, expired, or was used before."""

    code = "auth.invalid_refresh_token"
    message = "The refresh token is not valid; sign in again."


class WrongCredentials(Unauthenticated):
    """The e-mail and the password do not belong together; which one is wrong is never told."""

    code = "auth.wrong_credentials"
    message = "The e-mail or the password is wrong."


class TooManyFailures(Limited):
    """Too many wrong passwords for this account; each further one lengthens the wait."""

    code = "auth.too_many_failures"
    message = "Too many failed sign-ins; try again in {retry_after_s} s."


class EmailTaken(Conflict):
    """Somebody has registered with this e-mail."""

    code = "auth.email_taken"
    message = "There is an account with this e-mail; sign in instead."


class WeakPassword(Invalid):
    """A password that is too short, too long, common, or easy to guess; `errors` says which."""

    code = "auth.weak_password"
    message = "The password is not taken: {reason}."


class StepUpRequired(Forbidden):
    """What only the person themselves may do, in a session that anybody at their desk could hold: they prove again who they are."""

    code = "auth.step_up_required"
    message = (
        "Prove that it is you first: POST /auth/step-up with your password, a code or a passkey, then send this again within 5 minutes."
    )


class NoCompany(Forbidden):
    """A person who belongs to no company any more."""

    code = "auth.no_company"
    message = "This account belongs to no company; ask somebody to invite it."


class Overloaded(Unavailable):
    """More sign-ins at once than passwords can be checked."""

    code = "auth.overloaded"
    message = "Too many people are signing in at this moment; try again in {retry_after_s} s."


class Client(Value):
    """Where a person signs in from: kept with the session, so that they can tell their sessions apart."""

    address: str | None = Field(default=None, max_length=64)
    user_agent: str | None = Field(default=None, max_length=512)
    language: str | None = Field(default=None, max_length=100)
    """Its `Accept-Language`: which language letters are written in."""
    device_token: OpaqueToken | None = None
    """What this device was given at an earlier sign-in, by which its owner gets in while strangers are made to wait."""


class User(Value):
    """A person."""

    id: UUID
    email: str
    full_name: str
    created_at: datetime
    email_verified: bool = False
    """Whether they have shown that they read what is sent to the address."""
    deletes_at: datetime | None = None
    """When the account is emptied, where its person has asked for that: POST /auth/me/restore takes it back."""


class Tenant(Value):
    """A company; everything that is kept belongs to exactly one."""

    id: UUID
    name: str
    created_at: datetime


class TokenPair(Value):
    """What a client keeps: a short-lived access token, and the refresh token that gives the next pair, once."""

    access_token: str = Field(repr=False)
    refresh_token: str = Field(repr=False)
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int = Field(gt=0, description="seconds until the access token ends")


class SignedIn(TokenPair):
    """A pair of tokens, and whom and which company they are for."""

    user: User
    tenant: Tenant
    device_token: str | None = Field(default=None, repr=False)
    """What makes this device known: sent at the next sign-in as `X-Converto-Device`, it gets its owner in while strangers have to wait."""


class InBrowser(Value):
    """A sign-in whose tokens lie in cookies: the body has none."""

    user: User
    tenant: Tenant
    expires_in: int = Field(gt=0, description="seconds until the access token ends")


class Ended(Value):
    """How many sessions were ended."""

    ended: int


class Me(Value):
    """The person who asks, the company they act for, and what they may do there."""

    user: User
    tenant: Tenant
    role: Role
    scopes: tuple[str, ...]


class PublicKey(Value):
    """A key that access tokens can be checked with, as RFC 7517 writes it."""

    kty: Literal["EC"] = "EC"
    crv: Literal["P-256"] = "P-256"
    x: str
    y: str
    kid: str
    alg: Literal["ES256"] = "ES256"
    use: Literal["sig"] = "sig"


class KeySet(Value):
    """The public keys in force, the one to come included."""

    keys: tuple[PublicKey, ...]
