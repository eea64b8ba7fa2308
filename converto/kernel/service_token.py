"""Tokens of services: programs of the installation's own operator that do for every tenant what their scopes allow.

Whoever knows the secret by which our processes trust one another may make one; nothing is kept, so one ends when its time or its secret
does.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from pydantic import SecretStr

from converto.kernel.actor import Actor
from converto.kernel.errors import Unauthenticated

PREFIX = "converto-service."
NOBODY = UUID(int=0)
"""The tenant that a service acts for: none."""
SCOPES = ("events:read", "events:service", "events:write")
"""What a token gives unless said otherwise: to hear and tell the events of every tenant."""
OF_BILLING = ("billing:correct",)
"""What a token for refunds and agreements gives, and no other."""


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    name: str
    ends: int
    scopes: tuple[str, ...] = SCOPES


class BadServiceToken(Unauthenticated):
    """A service's token that none of our secrets signed, or whose time is over."""

    code = "service_token.bad"
    message = "The service token is not valid here, or its time is over: make one by `converto events token NAME`."


def mint(secrets: Sequence[SecretStr], name: str, *, lasts: timedelta, at: datetime, scopes: tuple[str, ...] = SCOPES) -> str:
    """Return a token for a service, signed with the first secret."""
    claims = _written(msgspec.json.encode(_Claims(name, int((at + lasts).timestamp()), scopes)))
    return f"{PREFIX}{claims}.{_signature(secrets[0], claims)}"


def actor(secrets: Sequence[SecretStr], token: str, *, at: datetime) -> Actor:
    """Return whom a token stands for. Raises BadServiceToken, and never anything else."""
    claims, _, given = token.removeprefix(PREFIX).partition(".")
    if not given.isascii() or not any(hmac.compare_digest(_signature(secret, claims), given) for secret in secrets):
        raise BadServiceToken
    try:
        said = msgspec.json.decode(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)), type=_Claims)
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise BadServiceToken from error
    if said.ends <= at.timestamp():
        raise BadServiceToken
    return Actor.service(NOBODY, *said.scopes)


def _signature(secret: SecretStr, claims: str) -> str:
    # the prefix is signed, too: no other thing that this secret signs can be taken for a token
    signed = f"{PREFIX}{claims}".encode(errors="replace")
    return _written(hmac.new(secret.get_secret_value().encode(), signed, hashlib.sha256).digest())


def _written(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
