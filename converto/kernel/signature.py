"""Signed calls between our own processes: HMAC-SHA256 over the time, the path, and the length and digest of the body.

So the headers alone show whether a call is ours: of the body of one that is not nothing is read, of one that is no more than was signed.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Iterable, Sequence

from pydantic import SecretStr

from converto.kernel.errors import Unauthenticated

HEADER = "x-converto-signature"
DIGEST_HEADER = "content-digest"
WINDOW_S = 60


class BadSignature(Unauthenticated):
    """An internal call that none of our secrets signed, or too long ago."""

    code = "rpc.bad_signature"
    message = "The call is not signed by a secret known here, or its time is off by more than a minute."


class Digest:
    """The SHA-256 of a body that comes in pieces."""

    def __init__(self, pieces: Iterable[bytes] = ()) -> None:
        self._sum = hashlib.sha256()
        self.length = 0
        for piece in pieces:
            self.add(piece)

    def add(self, piece: bytes) -> None:
        """Go on by one piece."""
        self._sum.update(piece)
        self.length += len(piece)

    def __str__(self) -> str:
        """Return it as the header `Content-Digest` of RFC 9530 bears it."""
        return f"sha-256=:{base64.b64encode(self._sum.digest()).decode()}:"


def sign(secrets: Sequence[SecretStr], path: str, digest: Digest) -> str:
    """Return the header value for a call, signed with the first secret."""
    stamp = str(int(time.time()))
    return f"t={stamp},v1={_signature(secrets[0], stamp, path, length=str(digest.length), digest=str(digest))}"


def verify(secrets: Sequence[SecretStr], header: str, path: str, *, length: str, digest: str) -> None:
    """Accept a call signed with any of the secrets within the last minute, going by its headers. Raises BadSignature."""
    parts = dict(part.split("=", 1) for part in header.split(",") if "=" in part)
    stamp, given = parts.get("t", ""), parts.get("v1", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12 and abs(time.time() - int(stamp)) <= WINDOW_S):
        raise BadSignature
    if not (length.isascii() and length.isdigit()):
        raise BadSignature
    expected = (_signature(secret, stamp, path, length=length, digest=digest) for secret in secrets)
    if not any(given.isascii() and hmac.compare_digest(each, given) for each in expected):
        raise BadSignature


def _signature(secret: SecretStr, stamp: str, path: str, *, length: str, digest: str) -> str:
    signed = f"{stamp}\n{path}\n{length}\n{digest}".encode()
    return hmac.new(secret.get_secret_value().encode(), signed, hashlib.sha256).hexdigest()
