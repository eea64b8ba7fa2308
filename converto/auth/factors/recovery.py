"""Recovery codes: for whom has lost the device; each counts once."""

import re
import secrets
from hashlib import sha256
from typing import Final
from uuid import UUID

COUNT: Final = 10
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Without i, l, o and u, which are read as others."""
_LENGTH: Final = 16
"""80 random bits: a plain hash is enough to keep them."""
_CODE = re.compile(f"[{_ALPHABET}]{{{_LENGTH}}}")


def new_codes() -> tuple[str, ...]:
    """Return fresh codes, each in four groups."""
    return tuple(_grouped("".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))) for _ in range(COUNT))


def _grouped(code: str) -> str:
    return "-".join(code[start : start + 4] for start in range(0, _LENGTH, 4))


def hash_of(user_id: UUID, code: str) -> bytes | None:
    """Return what is kept of a person's code, however it was typed, or None for what cannot be one."""
    plain = re.sub(r"[\s-]", "", code).lower().translate(str.maketrans("ilo", "110"))
    return sha256(b"converto recovery code\0" + user_id.bytes + plain.encode()).digest() if _CODE.fullmatch(plain) else None
