"""Receipts: what a consumer outside holds of an event; opaque to it, and worth nothing once the lease is somebody else's."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Self
from uuid import UUID

_SHAPE = re.compile(r"[A-Za-z0-9_-]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Receipt:
    """One delivery of an event to a consumer group. The lease is random: nobody makes up a receipt that settles anything."""

    group_id: UUID
    event_id: UUID
    lease: UUID

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(self.group_id.bytes + self.event_id.bytes + self.lease.bytes).decode()

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return what a text stands for, or None where it is no receipt."""
        if _SHAPE.fullmatch(text) is None:
            return None
        try:
            whole = base64.urlsafe_b64decode(text)
        except binascii.Error:
            return None
        return cls(UUID(bytes=whole[:16]), UUID(bytes=whole[16:32]), UUID(bytes=whole[32:]))
