"""A passkey device made of software: it makes real keys and signs for real, and lies where a test tells it to."""

import json
import os
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from converto.auth.factors.interface import Assertion, NewCredential

ORIGIN = "http://localhost:8000"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def cbor(value: Any) -> bytes:
    """Return a value as RFC 8949 writes it: whole numbers, bytes, texts and maps are all that is needed here."""
    match value:
        case int():
            return _head(0, value) if value >= 0 else _head(1, -1 - value)
        case bytes():
            return _head(2, len(value)) + value
        case str():
            return _head(3, len(value.encode())) + value.encode()
        case dict():
            return _head(5, len(value)) + b"".join(cbor(key) + cbor(each) for key, each in value.items())
    raise TypeError(value)


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    if number < 256:
        return bytes([major << 5 | 24, number])
    return bytes([major << 5 | 25]) + struct.pack(">H", number)


@dataclass
class Authenticator:
    """One passkey on one device, used from one page."""

    origin: str = ORIGIN
    flags: int = PRESENT | VERIFIED
    sign_count: int = 0
    rp_id: str | None = None
    """Another name than the one it was asked for, where it lies."""
    format: str = "none"
    algorithm: int = -7
    kind: str | None = None
    """Another type of ceremony than the one that is done, where it lies."""
    more: dict[str, Any] = field(default_factory=dict)
    """What else it says of the page that asks."""

    def __post_init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.credential_id = os.urandom(32)
        self.user_handle = b""

    def made(self, options: dict[str, Any]) -> NewCredential:
        """Return what a browser answers to the options of a registration."""
        self.user_handle = decoded(options["user"]["id"])
        numbers = self.private.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        public_key = cbor({1: 2, 3: self.algorithm, -1: 1, -2: x, -3: y})
        attested = bytes(16) + struct.pack(">H", len(self.credential_id)) + self.credential_id + public_key
        told = self._told(options["rp"]["id"], self.flags | ATTESTED) + attested
        attestation = cbor({"fmt": self.format, "attStmt": {}, "authData": told})
        client_data = self._client_data("webauthn.create", options["challenge"])
        return NewCredential.model_validate(
            {
                "id": encoded(self.credential_id),
                "rawId": encoded(self.credential_id),
                "type": "public-key",
                "response": {"clientDataJSON": encoded(client_data), "attestationObject": encoded(attestation)},
            }
        )

    def signed(self, options: dict[str, Any], *, user_handle: bytes | None = None) -> Assertion:
        """Return what a browser answers to the options of a sign-in; the device counts that it has signed."""
        self.sign_count += 1
        told = self._told(options["rpId"], self.flags)
        client_data = self._client_data("webauthn.get", options["challenge"])
        signature = self.private.sign(told + sha256(client_data).digest(), ec.ECDSA(SHA256()))
        return Assertion.model_validate(
            {
                "id": encoded(self.credential_id),
                "rawId": encoded(self.credential_id),
                "type": "public-key",
                "response": {
                    "clientDataJSON": encoded(client_data),
                    "authenticatorData": encoded(told),
                    "signature": encoded(signature),
                    "userHandle": encoded(self.user_handle if user_handle is None else user_handle),
                },
            }
        )

    def _told(self, rp_id: str, flags: int) -> bytes:
        return sha256((self.rp_id or rp_id).encode()).digest() + bytes([flags]) + struct.pack(">I", self.sign_count)

    def _client_data(self, kind: str, challenge: str) -> bytes:
        said = {"type": self.kind or kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False, **self.more}
        return json.dumps(said).encode()
