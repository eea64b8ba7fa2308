"""Which sessions stand, remembered for a moment, so that not every request asks the database."""

import time
from collections import OrderedDict
from typing import Final
from uuid import UUID

from converto.auth.repository import Standing

MAX_SESSIONS: Final = 20_000


class StandingSessions:
    """Remembers a session's standing for at most `seconds`; what ends in this process is forgotten at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: OrderedDict[UUID, tuple[float, Standing]] = OrderedDict()

    def get(self, session_id: UUID) -> Standing | None:
        """Return what was known of a session a moment ago, or None."""
        found = self._known.get(session_id)
        return found[1] if found is not None and time.monotonic() < found[0] else None

    def keep(self, session_id: UUID, standing: Standing) -> None:
        """Remember a session; the one that was kept longest ago makes room."""
        self._known[session_id] = (time.monotonic() + self._seconds, standing)
        self._known.move_to_end(session_id)
        if len(self._known) > MAX_SESSIONS:
            self._known.popitem(last=False)

    def forget(self, session_id: UUID) -> None:
        """Ask the database the next time."""
        self._known.pop(session_id, None)
