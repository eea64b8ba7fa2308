"""The signature of Stripe's webhooks: `Stripe-Signature: t=1700000000,v1=<hex>,v1=<hex>`.

Checked here and not by Stripe's own library, which fails with a TypeError on `v1=é` and takes moments that are yet to come.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from converto.kernel.errors import BadRequest

TOLERANCE_S: Final = 300
LONGEST_HEADER: Final = 2_000
_MOMENT = re.compile(r"[0-9]{1,12}", re.ASCII)
_SIGNATURE = re.compile(r"[0-9a-f]{64}", re.ASCII)


class BadSignature(BadRequest):
    """A webhook that was not signed with our secret, or not just now."""

    code = "billing.bad_signature"
    message = "The signature of this webhook is not valid."


def check(header: str, payload: bytes, secrets: Sequence[str], *, at: datetime) -> None:
    """Go on only with what one of the secrets signed within five minutes. Raises BadSignature, and never anything else."""
    if len(header) > LONGEST_HEADER or not header.isascii():
        raise BadSignature
    parts = [part.partition("=") for part in header.split(",")]
    moments = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == "v1" and _SIGNATURE.fullmatch(value)]
    if len(moments) != 1 or not _MOMENT.fullmatch(moments[0]) or abs(at.timestamp() - int(moments[0])) > TOLERANCE_S:
        raise BadSignature
    expected = [signed(payload, secret, int(moments[0])) for secret in secrets if secret]
    if not any(hmac.compare_digest(one, other) for one in expected for other in signatures):
        raise BadSignature


def signed(payload: bytes, secret: str, at_s: int) -> str:
    """Return the signature of a payload sent at a second."""
    return hmac.new(secret.encode(), f"{at_s}.".encode() + payload, hashlib.sha256).hexdigest()
