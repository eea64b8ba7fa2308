"""Refresh tokens: opaque, 256 bits, kept only as a hash; and how a used one keeps its successor for the grace time."""

import secrets
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PREFIX: Final = "cvr_"
"""Lets a scanner of leaked secrets know what it has found."""
_NONCE: Final = bytes(12)


def new_token(prefix: str = PREFIX) -> str:
    """Return a fresh token of 256 bits; the prefix says what it is for."""
    return prefix + secrets.token_urlsafe(32)


def hash_of(token: str) -> bytes:
    """Return what is kept of a token. One round is enough: nobody guesses 256 bits."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def seal(token: str, successor: str) -> bytes:
    """Return the successor, readable only with the token: the database alone gives nobody a token."""
    # The key is used once, for a token has one successor: so the nonce may stand still.
    return AESGCM(_key(token)).encrypt(_NONCE, successor.encode(), None)


def unseal(token: str, sealed: bytes) -> str | None:
    """Return the successor that was sealed with this token, or None where another one sealed it."""
    try:
        return AESGCM(_key(token)).decrypt(_NONCE, sealed, None).decode()
    except InvalidTag:
        return None


def _key(token: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"converto refresh successor").derive(token.encode())
