"""Keeps answers unreadable in the database: only who comes again with the same key and the same payload has them opened."""

import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class CannotOpen(Exception):
    """The answer was sealed by another secret, for another key or payload, or was changed since."""


class AnswerSeal:
    """Seals one answer, by the secret of the installation, the Idempotency-Key and what was asked: the table holds none of the three."""

    def __init__(self, secret: bytes, *, use: Sequence[bytes], payload: bytes) -> None:
        """Take the secret, what the key's use consists of, and the digest of the payload."""
        asked = b"".join(hashlib.sha256(part).digest() for part in (*use, payload))
        self._key = hmac.digest(secret, b"converto answer " + asked, "sha256")
        self.mark = hmac.digest(secret, b"converto payload " + asked, "sha256")
        """Tells the same payload from another one, to nobody who lacks the secret."""

    def close(self, answer: bytes) -> bytes:
        """Return an answer as it may be stored."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._key).encrypt(nonce, answer, self.mark)

    def open(self, sealed: bytes) -> bytes:
        """Return a stored answer. Raises CannotOpen."""
        try:
            return AESGCM(self._key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self.mark)
        except InvalidTag as error:
            raise CannotOpen from error
