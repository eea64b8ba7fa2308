"""How signed tokens are read before anything is done with them: of all the ways to write the same bytes, one is taken."""

import base64
from typing import Any


def decoded(segment: str) -> bytes:
    """Return the bytes of a base64url segment. Raises ValueError for padding, and for a last character that holds stray bits."""
    plain = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if base64.urlsafe_b64encode(plain).rstrip(b"=").decode() != segment:
        msg = "not the one spelling of these bytes"
        raise ValueError(msg)
    return plain


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of these members. Raises ValueError where a name stands there twice: two readers would read two things."""
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a name stands there twice"
        raise ValueError(msg)
    return found


def refused(_: str) -> Any:
    """Raise ValueError: for numbers that are none, such as NaN."""
    msg = "not a number"
    raise ValueError(msg)
