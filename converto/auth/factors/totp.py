"""Codes of authenticator apps: RFC 6238, six digits of SHA-1 every thirty seconds, which is what every app can do."""

import os
from base64 import b32decode, b32encode
from datetime import datetime
from typing import Final

import segno
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP_S: Final = 30
DIGITS: Final = 6
SECRET_BYTES: Final = 20
DRIFT_STEPS: Final = 1
"""How far the clock of the person's device may be off, either way."""


def new_secret() -> bytes:
    """Return a secret for one person's app."""
    return os.urandom(SECRET_BYTES)


def as_typed(secret: bytes) -> str:
    """Return a secret as it is typed into an app that reads no pictures."""
    return b32encode(secret).decode().rstrip("=")


def secret_of(typed: str) -> bytes:
    """Return the secret that is typed so."""
    return b32decode(typed + "=" * (-len(typed) % 8))


def uri(secret: bytes, *, account: str, issuer: str) -> str:
    """Return the address that sets an app up."""
    # S303: SHA-1 is what the standard and the apps have; the weakness of its collisions does not concern HMAC
    return TOTP(secret, DIGITS, SHA1(), STEP_S).get_provisioning_uri(account, issuer)  # noqa: S303


def qr_code(text: str) -> str:
    """Return a text as a QR code: an SVG picture in a `data:` address."""
    return str(segno.make_qr(text, error="m").svg_data_uri(scale=4, xmldecl=False))


def counter_of(secret: bytes, code: str, *, at: datetime) -> int | None:
    """Return the counter whose code this is, of those that count at a moment, or None for none of them.

    Every one of them is looked at, so that the time it takes says nothing.
    """
    codes = HOTP(secret, DIGITS, SHA1())  # noqa: S303 - see above
    present = int(at.timestamp()) // STEP_S
    given = code.encode()
    found = [counter for counter in range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1) if bytes_eq(codes.generate(counter), given)]
    return max(found, default=None)
