"""How long somebody waits after wrong passwords: longer each time, but never for ever."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

FORGOTTEN_AFTER: Final = timedelta(hours=24)
"""Wrong passwords older than this no longer count."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """The first `free` wrong passwords in a row cost nothing; then the wait is 1, 2, 4 ... seconds, never more than the longest."""

    free: int
    longest_s: int

    def failures(self, before: int, last_at: datetime, at: datetime) -> int:
        """Return how many failures in a row a try at this moment may become."""
        return 1 if at - last_at > FORGOTTEN_AFTER else before + 1

    def wait(self, failures: int) -> timedelta:
        """Return how long the next try has to wait."""
        if failures <= self.free:
            return timedelta(0)
        return timedelta(seconds=min(self.longest_s, 2 ** min(failures - self.free - 1, 30)))


def account_of(email: str) -> bytes:
    """Return the name under which failures are counted: for unknown people too, so that no e-mail of theirs is kept."""
    return sha256(email.encode()).digest()
