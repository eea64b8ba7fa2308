"""What the edge asks its own keeper: what was asked under an Idempotency-Key, and what it was answered."""

from enum import StrEnum
from typing import Protocol
from uuid import UUID

from converto.kernel.interface import Interface, Value, command


class KeyUse(Value):
    """Where an Idempotency-Key counts: for one tenant, and there for one principal and route, of which only a digest is told."""

    tenant_id: UUID
    """The nil UUID stands for those who have not signed in."""
    digest: bytes
    """SHA-256 over the principal, the route and the key."""


class Standing(StrEnum):
    """How a key stands for whoever has just come with it."""

    YOURS = "yours"
    """Nobody works under it: whoever took it does now, until the lease ends."""
    BUSY = "busy"
    """Somebody works under it."""
    ANSWERED = "answered"
    """It was answered."""


class Taken(Value):
    """A key as it stood when it was asked for."""

    standing: Standing
    holder: UUID
    """By what the one who works under it is known."""
    payload: bytes | None = None
    """The mark of what was asked, once it is answered."""
    answer: bytes | None = None
    """The answer, sealed; None where it was too large to keep."""


class KeptAnswers(Interface, Protocol):
    """Keys of requests, and the sealed answers that they got."""

    @command(timeout_s=5)
    async def take(self, use: KeyUse, *, lease_s: float) -> Taken:
        """Take a key, unless somebody works under it or it was answered; one whose process has died is free after its lease."""
        ...

    @command(timeout_s=5)
    async def renew(self, use: KeyUse, holder: UUID, *, lease_s: float) -> bool:
        """Hold a key for another lease, counted from now; False when it has gone to somebody else."""
        ...

    @command(timeout_s=5)
    async def keep(self, use: KeyUse, holder: UUID, *, payload: bytes, answer: bytes | None, keep_s: float) -> bool:
        """Remember what was asked and answered under a key, for so long; False when it has gone to somebody else."""
        ...

    @command(timeout_s=5)
    async def free(self, use: KeyUse, holder: UUID) -> None:
        """Give a key back, under which nothing was done."""
        ...
