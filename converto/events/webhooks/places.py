"""How many deliveries may be under way in a process, and to whom, so that those that hang take no place from those that do not."""

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from converto.events.webhooks.queues import Endpoint

MOST_TIMES = 4
"""The first delivery of each endpoint may exceed `at_once` so many times."""


class Places:
    """The places of one process, as they are taken.

    Every endpoint may have one delivery under way however many others have theirs; the further ones, up to `per_endpoint`, share `at_once`
    places. An endpoint that has just failed has one delivery under way and no more, and all of those together half of `at_once`.
    """

    def __init__(self, under_way: Iterable[Endpoint], *, at_once: int, per_endpoint: int) -> None:
        self._at_once = at_once
        self._per_endpoint = per_endpoint
        self._total = self._failing = 0
        self._of: Counter[UUID] = Counter()
        for endpoint in under_way:
            self.take(endpoint, 1)

    def take(self, endpoint: Endpoint, count: int) -> None:
        """Note that so many more are under way."""
        self._total += count
        self._of[endpoint.id] += count
        self._failing += count if endpoint.failures else 0

    def free(self, endpoint: Endpoint) -> int:
        """Return how many more an endpoint may have under way."""
        mine, left = self._of[endpoint.id], MOST_TIMES * self._at_once - self._total
        if endpoint.failures:
            return max(0, min(1 - mine, left, self._at_once // 2 - self._failing))
        first = 1 if mine == 0 else 0
        further = max(0, self._at_once - (self._total - len(+self._of)))
        return max(0, min(self._per_endpoint - mine, first + further, left))

    @property
    def are_shared_out(self) -> bool:
        """Whether a place that becomes free may be one that any endpoint waits for."""
        return self._total - len(+self._of) >= self._at_once or self._failing >= self._at_once // 2 or self.is_full

    @property
    def is_full(self) -> bool:
        """Whether nobody may have any more under way."""
        return self._total >= MOST_TIMES * self._at_once
