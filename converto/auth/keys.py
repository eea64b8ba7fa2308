"""The keys that access tokens are signed with: one to come, one in force, some that were; and how they are kept secret.

A key is published before it signs and after it stops, so that a token is never met by somebody who does not know its key.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

DEFAULT_MAX_AGE = timedelta(days=30)
_VERSION = b"\x01"
_SALT_BYTES = 16
_NONCE_BYTES = 12


class WrongSecret(RuntimeError):
    """The signing keys were sealed with another secret, or were changed since."""

    def __init__(self) -> None:
        super().__init__("The signing keys cannot be opened: JWT_SECRET_KEY is not the one they were sealed with.")


@dataclass(frozen=True)
class SigningKey:
    """An elliptic curve key on P-256, parsed once; `kid` is the thumbprint of its public half."""

    private: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """Return a fresh key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @cached_property
    def public(self) -> ec.EllipticCurvePublicKey:
        """The half that everybody may see."""
        return self.private.public_key()

    @cached_property
    def kid(self) -> str:
        """A name that only this key can have."""
        return sha256(self.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()[:16]


@dataclass(frozen=True)
class KeyRing:
    """The keys in force at one moment. `previous` are those whose tokens may still live, the youngest first."""

    current: SigningKey
    next: SigningKey
    rotated_at: datetime
    previous: tuple[tuple[SigningKey, datetime], ...] = ()
    """Former keys, each with the moment at which it stopped signing."""

    @classmethod
    def fresh(cls, at: datetime) -> Self:
        """Return the first ring of an installation."""
        return cls(current=SigningKey.generate(), next=SigningKey.generate(), rotated_at=at)

    def __iter__(self) -> Iterator[SigningKey]:
        """Yield every key that a token may be checked with."""
        yield self.current
        yield self.next
        yield from (key for key, _ in self.previous)

    def due(self, at: datetime, *, max_age: timedelta = DEFAULT_MAX_AGE) -> bool:
        """Tell whether the current key has signed for long enough."""
        return at - self.rotated_at >= max_age

    def rotated(self, at: datetime, *, overlap: timedelta) -> Self:
        """Return the ring after one step: next signs, current is kept for `overlap` (longer than a token lives), older ones go."""
        kept = [(key, until) for key, until in self.previous if at - until < overlap]
        return replace(self, current=self.next, next=SigningKey.generate(), rotated_at=at, previous=((self.current, at), *kept))


class Seal:
    """Encrypts private keys at rest with a secret that is not in the database."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def close(self, key: SigningKey) -> bytes:
        """Return the key as it may be stored."""
        salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
        plain = key.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return _VERSION + salt + nonce + AESGCM(_stretched(self._secret, salt)).encrypt(nonce, plain, key.kid.encode())

    def open(self, kid: str, sealed: bytes) -> SigningKey:
        """Return a stored key. Raises WrongSecret, also for one stored under another kid."""
        salt, rest = sealed[1 : 1 + _SALT_BYTES], sealed[1 + _SALT_BYTES :]
        if not sealed.startswith(_VERSION) or len(rest) <= _NONCE_BYTES:
            raise WrongSecret
        try:
            plain = AESGCM(_stretched(self._secret, salt)).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], kid.encode())
        except InvalidTag:
            raise WrongSecret from None
        private = load_der_private_key(plain, password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise WrongSecret
        return SigningKey(private)

    def open_all(self, sealed: Sequence[tuple[str, bytes]]) -> tuple[SigningKey, ...]:
        """Return several stored keys, in the order given. Raises WrongSecret."""
        return tuple(self.open(kid, blob) for kid, blob in sealed)


def _stretched(secret: bytes, salt: bytes) -> bytes:
    """Return an AES-256 key from a secret that a person may have chosen: 2^14 rounds of scrypt, about 50 ms and 16 MiB."""
    return Scrypt(salt=salt, length=32, n=2**14, r=8, p=1).derive(secret)
