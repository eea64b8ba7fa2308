"""Keeps what a database should not tell: texts, sealed by a key that is made of the installation's secret."""

import asyncio
import os
from functools import cached_property
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

_NONCE_BYTES: Final = 12
_SALT: Final = sha256(b"converto auth vault").digest()
"""Parts this key from others that are made of the same secret; an installation has one secret, so nothing is lost by a fixed salt."""


class CannotOpen(Exception):
    """The text was sealed by another secret, or for something else, or was changed since."""


class Vault:
    """Seals texts for what they belong to: a sealed text moved to another row does not open."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    @cached_property
    def _key(self) -> bytes:
        # 2^14 rounds, about 50 ms, for a secret that a person may have chosen; once a process
        return Scrypt(salt=_SALT, length=32, n=2**14, r=8, p=1).derive(self._secret.encode())

    @cached_property
    def _cipher(self) -> AESGCM:
        return AESGCM(self._key)

    def key_for(self, use: str) -> bytes:
        """Return a key of 256 bits for one use, such as the seal of the audit log; those of different uses say nothing of one another."""
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"converto {use}".encode()).derive(self._key)

    async def ready(self) -> None:
        """Have the key made without holding up the program; what follows is quick."""
        await asyncio.to_thread(lambda: self._key)

    def close(self, text: str, *, of: str) -> bytes:
        """Return a text as it may be stored; `of` names what it belongs to, such as the table and the id."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), of.encode())

    def open(self, sealed: bytes, *, of: str) -> str:
        """Return a stored text. Raises CannotOpen."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], of.encode()).decode()
        except (InvalidTag, ValueError):
            raise CannotOpen from None
