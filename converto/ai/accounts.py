"""What the books hold: reservations, calls that are over, and what they change for each company, member and key."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from converto.ai.conversation import Outcome, UsageSource

TOLD_SOFT, TOLD_HARD = 1, 2


class Account(msgspec.Struct, frozen=True, order=True):
    """Whose spending, and in which calendar month."""

    tenant_id: UUID
    subject: str
    period: str


class Standing(msgspec.Struct):
    """How an account stands, in nano-USD."""

    spent: int = 0
    reserved: int = 0
    told: int = 0
    soft: int | None = None
    hard: int | None = None

    @property
    def left(self) -> int | None:
        """What may yet be reserved."""
        return None if self.hard is None else self.hard - self.spent - self.reserved


class Hold(msgspec.Struct, frozen=True):
    """What a call may take at most, kept back before it is made."""

    id: UUID
    tenant_id: UUID
    completion_id: UUID
    user_id: UUID | None
    api_key_id: UUID | None
    at: datetime
    amount: int
    floor: int
    """What is paid at least if nobody will ever know: the question, as it is estimated."""
    provider: str
    model: str
    price_version: str
    floor_tokens: int
    streamed: bool
    trace_parent: str = ""
    """The trace of the request that it is made for."""

    @property
    def accounts(self) -> Sequence[Account]:
        """The accounts that it is kept back on."""
        return accounts(self.tenant_id, self.user_id, self.api_key_id, period=month_of(self.at))


class Settled(msgspec.Struct, frozen=True):
    """What became of a call that was held for."""

    hold: Hold
    cost: int
    outcome: Outcome
    usage_source: UsageSource
    latency_ms: int
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    cache_write: int = 0

    @property
    def row(self) -> dict[str, Any]:
        """The ledger's entry."""
        hold = self.hold
        return {
            "tenant_id": hold.tenant_id,
            "id": hold.id,
            "completion_id": hold.completion_id,
            "at": hold.at,
            "day": day_of(hold.at),
            "provider": hold.provider,
            "model": hold.model,
            "user_id": hold.user_id,
            "api_key_id": hold.api_key_id,
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "cached_tokens": self.cached,
            "cache_write_tokens": self.cache_write,
            "cost_nano": self.cost,
            "usage_source": self.usage_source.value,
            "price_version": hold.price_version,
            "outcome": self.outcome.value,
            "latency_ms": self.latency_ms,
            "streamed": hold.streamed,
        }


@lru_cache(maxsize=10_000)  # a call asks for them four times
def accounts(tenant_id: UUID, user_id: UUID | None, api_key_id: UUID | None, *, period: str) -> Sequence[Account]:
    """Return the accounts that somebody's spending is on: the company's, and the key's or else the member's."""
    found = [Account(tenant_id, "tenant", period)]
    if api_key_id is not None:
        found.append(Account(tenant_id, f"key:{api_key_id}", period))
    if user_id is not None:
        found.append(Account(tenant_id, f"member:{user_id}", period))
    return tuple(found)


def month_of(moment: datetime) -> str:
    """Return the calendar month, UTC, that a call is paid out of: `2026-11`."""
    return f"{moment.year}-{moment.month:02}"


def day_of(moment: datetime) -> date:
    """Return the day, UTC, that a call is counted on."""
    return moment.date()


class Refusal(msgspec.Struct, frozen=True):
    """An account that would not hold it."""

    account: Account
    needed: int
    left: int


class Notice(msgspec.Struct, frozen=True):
    """A limit that an account has come to for the first time in its month."""

    account: Account
    limit: str
    spent: int
    amount: int


def admit(hold: Hold, standings: Mapping[Account, Standing]) -> Refusal | bool:
    """Keep an amount back on every account that it concerns, or on none where one would not hold it.

    Returns why not, or whether one of them has reached its soft limit.
    """
    concerned = [(account, standings[account]) for account in hold.accounts]
    for account, standing in concerned:
        left = standing.left
        if left is not None and hold.amount > left:
            return Refusal(account, hold.amount, max(0, left))
    for _, standing in concerned:
        standing.reserved += hold.amount
    return any(standing.soft is not None and standing.spent >= standing.soft for _, standing in concerned)


def settle(settled: Settled, standings: Mapping[Account, Standing], *, released: int, corrected: int = 0) -> None:
    """Turn what was kept back into what was spent; `corrected` is what an estimate has put there before."""
    for account in settled.hold.accounts:
        standing = standings[account]
        standing.reserved -= released
        standing.spent += settled.cost - corrected


def notices(standings: Mapping[Account, Standing]) -> Iterable[Notice]:
    """Yield the limits that accounts have come to now, and note that they were told of."""
    for account, standing in standings.items():
        if standing.soft is not None and standing.spent >= standing.soft and not standing.told & TOLD_SOFT:
            standing.told |= TOLD_SOFT
            yield Notice(account, "soft", standing.spent, standing.soft)
        if standing.hard is not None and standing.spent >= standing.hard and not standing.told & TOLD_HARD:
            standing.told |= TOLD_HARD
            yield Notice(account, "hard", standing.spent, standing.hard)
