"""Keeps signing secrets unreadable in the database: they are opened only to sign."""

import asyncio
import base64
import os
from functools import cached_property
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

_NONCE_BYTES = 12
_SALT = sha256(b"converto webhooks").digest()
"""Parts this key from others that are made of the same secret; an installation has one secret, so nothing is lost by a fixed salt."""


class WrongKey(Exception):
    """The secret was sealed with another key, or for another endpoint, or was changed since."""


class Seal:
    """Encrypts the secrets of endpoints with a key that is not in the database."""

    def __init__(self, key: str) -> None:
        self._key = key

    @cached_property
    def _cipher(self) -> AESGCM:
        # 2^14 rounds, about 50 ms, for a key that a person may have chosen; once a process, and only where there are endpoints
        return AESGCM(Scrypt(salt=_SALT, length=32, n=2**14, r=8, p=1).derive(self._key.encode()))

    async def ready(self) -> None:
        """Have the key made without holding up the program; what follows is quick."""
        if "_cipher" not in vars(self):  # a thread for each delivery would cost more than its signature
            await asyncio.to_thread(lambda: self._cipher)

    def close(self, secret: str, *, of: str) -> str:
        """Return a secret as it may be stored with its owner."""
        nonce = os.urandom(_NONCE_BYTES)
        return base64.b64encode(nonce + self._cipher.encrypt(nonce, secret.encode(), of.encode())).decode()

    def open(self, sealed: str, *, of: str) -> str:
        """Return a stored secret. Raises WrongKey."""
        stored = base64.b64decode(sealed)
        try:
            return self._cipher.decrypt(stored[:_NONCE_BYTES], stored[_NONCE_BYTES:], of.encode()).decode()
        except InvalidTag:
            raise WrongKey from None
