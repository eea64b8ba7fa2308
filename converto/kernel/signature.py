"""Signed calls between our own processes: HMAC-SHA256 over the time, the path and the body."""

import hashlib
import hmac
import time
from collections.abc import Sequence

from pydantic import SecretStr

from converto.kernel.errors import Unauthenticated

HEADER = "x-converto-signature"
WINDOW_S = 60


class BadSignature(Unauthenticated):
    """An internal call that none of our secrets signed, or too long ago."""

    code = "rpc.bad_signature"
    message = "The call is not signed by a secret known here, or its time is off by more than a minute."


def sign(secrets: Sequence[SecretStr], path: str, body: bytes) -> str:
    """Return the header value for a call, signed with the first secret."""
    stamp = str(int(time.time()))
    return f"t={stamp},v1={_digest(secrets[0], stamp, path, body)}"


def verify(secrets: Sequence[SecretStr], header: str, path: str, body: bytes) -> None:
    """Accept a call signed with any of the secrets within the last minute. Raises BadSignature."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    stamp, given = parts.get("t", ""), parts.get("v1", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12 and abs(time.time() - int(stamp)) <= WINDOW_S):
        raise BadSignature
    if not any(given.isascii() and hmac.compare_digest(_digest(secret, stamp, path, body), given) for secret in secrets):
        raise BadSignature


def _digest(secret: SecretStr, stamp: str, path: str, body: bytes) -> str:
    signed = f"{stamp}\n{path}\n".encode() + body
    return hmac.new(secret.get_secret_value().encode(), signed, hashlib.sha256).hexdigest()
