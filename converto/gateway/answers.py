"""Answers that may be given again: in memory, bounded, each only to whom it was given."""

import itertools
import time
from collections.abc import Callable, Hashable
from typing import NamedTuple
from uuid import UUID

LARGEST_SHARE = 8
"""No answer takes more than this part of the whole room."""
_ENTRY_BYTES = 1_000
"""About what an entry takes beside its body."""
MOST_GENERATIONS = 100_000


class Scope(NamedTuple):
    """What a write makes old: the answers of one module to one company."""

    tenant_id: UUID | None
    module: str


class Answer(NamedTuple):
    """An answer of 200, with the strong tag of its very bytes."""

    headers: list[tuple[bytes, bytes]]
    body: bytes
    tag: bytes


class _Kept(NamedTuple):
    answer: Answer
    generation: int
    until: float


class Answers:
    """Keeps answers for seconds; those used longest ago make room."""

    def __init__(self, max_bytes: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.largest = max_bytes // LARGEST_SHARE
        self._max_bytes = max_bytes
        self._monotonic = monotonic
        self._kept: dict[Hashable, _Kept] = {}
        self._bytes = 0
        self._generations: dict[Scope, int] = {}
        self._numbers = itertools.count(1)
        self.hits = 0
        self.misses = 0

    @property
    def bytes(self) -> int:
        """How much room the answers take."""
        return self._bytes

    def find(self, key: Hashable, scope: Scope) -> Answer | None:
        """Return an answer that is not old yet."""
        kept = self._kept.pop(key, None)
        if kept is not None and kept.generation == self.generation(scope) and self._monotonic() < kept.until:
            self._kept[key] = kept  # to the end of the line
            self.hits += 1
            return kept.answer
        if kept is not None:
            self._bytes -= _size(kept.answer)
        self.misses += 1
        return None

    def generation(self, scope: Scope) -> int:
        """Return which state of a module's answers to a company is in force."""
        return self._generations.get(scope, 0)

    def keep(self, key: Hashable, scope: Scope, answer: Answer, *, generation: int, seconds: float) -> None:
        """Keep an answer that was begun in this generation; what was written meanwhile has made it old."""
        if generation != self.generation(scope) or _size(answer) > self.largest:
            return
        former = self._kept.pop(key, None)
        self._bytes += _size(answer) - (_size(former.answer) if former is not None else 0)
        self._kept[key] = _Kept(answer, generation, self._monotonic() + seconds)
        while self._bytes > self._max_bytes:
            self._bytes -= _size(self._kept.pop(next(iter(self._kept))).answer)

    def forget(self, scope: Scope) -> None:
        """Make every answer of a module to a company old."""
        if len(self._generations) >= MOST_GENERATIONS:
            self._kept.clear()
            self._generations.clear()
            self._bytes = 0
        # a number that was never there before, also after all were forgotten
        self._generations[scope] = next(self._numbers)


def _size(answer: Answer) -> int:
    return _ENTRY_BYTES + len(answer.body)
