"""How long each step of a reading takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Timings:
    """Adds up, by step, the time that passes."""

    def __init__(self) -> None:
        self._spent_s: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what happens inside as one step; the same step may come several times."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._spent_s[name] = self._spent_s.get(name, 0.0) + time.perf_counter() - start

    def milliseconds(self) -> dict[str, int]:
        """Return each step and how long it took in all, in the order in which they came first."""
        return {name: round(spent_s * 1000) for name, spent_s in self._spent_s.items()}
