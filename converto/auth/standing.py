"""Which sessions and API keys stand, remembered for a moment, so that not every request asks the database."""

import time
from collections import OrderedDict
from typing import Final, Generic, TypeVar
from uuid import UUID

from converto.auth.repository import Standing

T = TypeVar("T")
MOST_KEPT: Final = 20_000


class Remembered(Generic[T]):
    """Remembers what the database said of an id for at most `seconds`; what ends in this process is forgotten at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: OrderedDict[UUID, tuple[float, T]] = OrderedDict()

    def get(self, of: UUID) -> T | None:
        """Return what was known a moment ago, or None."""
        found = self._known.get(of)
        return found[1] if found is not None and time.monotonic() < found[0] else None

    def keep(self, of: UUID, known: T) -> None:
        """Remember it; what was kept longest ago makes room."""
        self._known[of] = (time.monotonic() + self._seconds, known)
        self._known.move_to_end(of)
        if len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)

    def forget(self, of: UUID) -> None:
        """Ask the database the next time."""
        self._known.pop(of, None)


StandingSessions = Remembered[Standing]
