"""API keys as programs send them: `cvt_live_<id>_<secret><checksum>`, in letters and digits that survive every configuration file.

The prefix lets scanners of leaked secrets know them, the checksum lets us refuse a mistyped or made up one without asking the database.
"""

import hmac
import re
import secrets
import zlib
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

PREFIX: Final = "cvt_"
_KIND: Final = "live"
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_DIGITS, _SECRET_DIGITS, _CHECK_DIGITS = 22, 43, 6
"""Enough for 128, 256 and 32 bits."""
_SHAPE = re.compile(
    rf"{PREFIX}{_KIND}_([0-9A-Za-z]{{{_ID_DIGITS}}})_[0-9A-Za-z]{{{_SECRET_DIGITS}}}([0-9A-Za-z]{{{_CHECK_DIGITS}}})",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class SentKey:
    """What a program has sent: which key it says it is; whether that is so shows only its hash."""

    id: UUID
    text: str = field(repr=False)


class KeyHasher:
    """Makes what is kept of a key, by a secret that is not in the database: who steals its rows cannot try keys against them."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, text: str) -> bytes:
        """Return what is kept."""
        return hmac.digest(self._key, text.encode(), "sha256")


def new_key(key_id: UUID) -> str:
    """Return a fresh key of 256 random bits for an id."""
    body = f"{PREFIX}{_KIND}_{_in_digits(key_id.int, _ID_DIGITS)}_{_in_digits(secrets.randbits(256), _SECRET_DIGITS)}"
    return body + _checksum(body)


def sent(text: str) -> SentKey | None:
    """Return the key that a text may be, or None where it can be none."""
    found = _SHAPE.fullmatch(text)
    if found is None or _checksum(text[:-_CHECK_DIGITS]) != found[2]:
        return None
    number = _number(found[1])
    return SentKey(UUID(int=number), text) if number < 1 << 128 else None


def _checksum(body: str) -> str:
    return _in_digits(zlib.crc32(body.encode()), _CHECK_DIGITS)


def _in_digits(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[rest])
    return "".join(reversed(digits))


def _number(digits: str) -> int:
    number = 0
    for digit in digits:
        number = number * len(_DIGITS) + _DIGITS.index(digit)
    return number
