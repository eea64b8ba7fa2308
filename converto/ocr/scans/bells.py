"""Who waits for a scan in this process is woken when it changes here; what other processes change is looked for now and then."""

from uuid import UUID
from weakref import WeakValueDictionary

from converto.kernel.bell import Bell


class Bells:
    """A bell for each scan that somebody waits for, gone with the last who does."""

    def __init__(self) -> None:
        self._bells: WeakValueDictionary[UUID, Bell] = WeakValueDictionary()

    def of(self, scan_id: UUID) -> Bell:
        """Return the bell of a scan, to be held for as long as it is waited for."""
        return self._bells.setdefault(scan_id, Bell())

    def ring(self, scan_id: UUID) -> None:
        """Say that a scan has changed."""
        if (bell := self._bells.get(scan_id)) is not None:
            bell.ring()
