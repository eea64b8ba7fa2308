"""How many requests somebody may send: so many a minute, evenly, with a little more at once.

The promise, which the tests hold it to: within any minute, wherever it begins, never more than 1.2 times the limit. The method is the
generic cell rate algorithm: one moment for each principal says how far ahead of an even pace it is, and nothing else is kept.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from converto.kernel.errors import Limited

WINDOW_S = 60.0
BURST = 0.2
"""The share of the limit that may come at once."""
_ROUNDING_S = 1e-9


class TooManyRequests(Limited):
    """More requests than this principal may send."""

    code = "gateway.rate_limited"
    message = "The limit {limit} of {quota} a minute is reached; try again in {retry_after_s} s."


@dataclass(frozen=True, slots=True)
class Quota:
    """So many requests a minute, under a name that the answers say."""

    name: str
    a_minute: int

    @property
    def each_s(self) -> float:
        """The seconds that one request stands for."""
        return WINDOW_S / self.a_minute

    @property
    def burst(self) -> int:
        """How many may come at once, after a rest."""
        return 1 + math.floor(self.a_minute * BURST)

    @property
    def policy(self) -> str:
        """The quota as `RateLimit-Policy` says it."""
        return f'"{self.name}";q={self.a_minute};w={WINDOW_S:.0f}'

    def shared_by(self, processes: int) -> "Quota":
        """Return the share of one of several processes that do not know of one another."""
        return self if processes == 1 else Quota(self.name, max(1, self.a_minute // processes))


@dataclass(frozen=True, slots=True)
class Measure:
    """A quota as it is counted: worked out once, for every request asks."""

    quota: Quota
    each_s: float
    most_s: float
    """How far ahead of an even pace somebody may be."""
    policy: bytes
    written: bytes
    """What `RateLimit` says, but for its two numbers."""

    @classmethod
    def of(cls, quota: Quota) -> "Measure":
        """Return the measure of a quota."""
        return cls(quota, quota.each_s, quota.burst * quota.each_s, quota.policy.encode(), f'"{quota.name}";r=%d;t=%d'.encode())

    def standing(self, ahead_s: float) -> bytes:
        """Return as `RateLimit` says it how many are left at once, and in how many seconds all of them are."""
        if ahead_s < 0:
            return self.written % (0, math.ceil(self.most_s - self.each_s - ahead_s))
        return self.written % (int((self.most_s - ahead_s) / self.each_s + _ROUNDING_S), math.ceil(ahead_s))

    def refusal(self, wait_s: float) -> TooManyRequests:
        """Return the error for somebody who has to wait so long."""
        return TooManyRequests(quota=self.quota.name, limit=self.quota.a_minute, retry_after_s=max(1, math.ceil(wait_s)))


class NobodyCounts(Exception):
    """Those who count together do not answer."""


class CountsTogether(Protocol):
    """What counts for several processes."""

    async def take(self, key: str, measures: Sequence[Measure]) -> Sequence[float]:
        """Count a request as `Rates.take_all` does. Raises NobodyCounts."""
        ...

    async def close(self) -> None:
        """Count no more."""
        ...


class Rates:
    """Counts in the memory of this process. The principals that were kept longest make room."""

    def __init__(self, *, size: int = 100_000, clock: Callable[[], float] = monotonic) -> None:
        self._size = size
        self._clock = clock
        self._until: dict[Hashable, float] = {}
        """By principal, the moment to which what came would have lasted at an even pace."""

    def take(self, key: Hashable, measure: Measure, *, cost: int = 1) -> float:
        """Count a request, and return how many seconds its principal is ahead of an even pace; below zero, how long it has to wait."""
        moment = self._clock()
        until = self._until.get(key, 0.0)
        ahead_s = (until - moment if until > moment else 0.0) + measure.each_s * cost
        if ahead_s > measure.most_s + _ROUNDING_S:
            return measure.most_s - ahead_s
        self._until[key] = moment + ahead_s
        if len(self._until) > self._size:
            self._make_room(moment)
        return ahead_s

    def take_all(self, key: Hashable, measures: Sequence[Measure]) -> Sequence[float]:
        """Count a request under several quotas, as `take` does: under all of them, or, where one refuses, under none."""
        if len(measures) == 1:
            return (self.take((key, measures[0].quota.name), measures[0]),)
        keys = [(key, measure.quota.name) for measure in measures]
        told = [self._ahead_s(one, measure) for one, measure in zip(keys, measures, strict=True)]
        if min(told) >= 0:
            return [self.take(one, measure) for one, measure in zip(keys, measures, strict=True)]
        return [ahead_s if ahead_s < 0 else ahead_s - measure.each_s for ahead_s, measure in zip(told, measures, strict=True)]

    def _ahead_s(self, key: Hashable, measure: Measure) -> float:
        """Return what `take` would, without counting."""
        ahead_s = max(self._until.get(key, 0.0) - self._clock(), 0.0) + measure.each_s
        return measure.most_s - ahead_s if ahead_s > measure.most_s + _ROUNDING_S else ahead_s

    def charge(self, key: Hashable, measure: Measure, *, cost: int) -> None:
        """Count what has cost more than one request, as far as the quota goes."""
        moment = self._clock()
        until = max(self._until.get(key, 0.0), moment) + measure.each_s * cost
        self._until[key] = min(until, moment + measure.most_s)

    def _make_room(self, moment: float) -> None:
        """Forget those who are not ahead, for that is as if they had never come; and if need be the oldest tenth."""
        self._until = {key: until for key, until in self._until.items() if until > moment}
        if len(self._until) > self._size * 0.9:
            for key in list(self._until)[: self._size // 10]:
                del self._until[key]
