"""How long somebody waits after wrong passwords: longer each time, but never for ever.

Failures are counted by account, by network, by both together, and in all; those on a device that the account's owner has signed in on
before are counted by that device alone, so that strangers cannot keep the owner out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

FORGOTTEN_AFTER: Final = timedelta(hours=24)
"""Wrong passwords older than this no longer count."""
NOT_BLOCKED: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Not the moment of the try: of two at once, the one that took its time first may be counted last."""
HOUR: Final = timedelta(hours=1)
LONGEST_NETWORK_WAIT_S: Final = 60
"""An office has one address: who fails there may slow its others down, but not for long."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """The first `free` wrong passwords in a row cost nothing; then the wait is 1, 2, 4 ... seconds, never more than the longest."""

    free: int
    longest_s: int
    window: timedelta | None = None
    """Counts what falls into so long a time, from the first failure on; without one, failures in a row, until a day has passed."""

    def failures(self, before: int, last_at: datetime, at: datetime) -> int:
        """Return how many failures in a row a try at this moment may become."""
        return 1 if at - last_at > (self.window or FORGOTTEN_AFTER) else before + 1

    def wait(self, failures: int, *, is_alarmed: bool = False) -> timedelta:
        """Return how long the next try has to wait; where there is alarm, nothing is free."""
        free = 0 if is_alarmed else self.free
        if failures <= free:
            return timedelta(0)
        return timedelta(seconds=min(self.longest_s, 2 ** min(failures - free - 1, 30)))


@dataclass(frozen=True, slots=True)
class Tally:
    """One count of failures, and what follows from it."""

    key: bytes
    throttle: Throttle


@dataclass(frozen=True, slots=True)
class Counted:
    """How a count stands."""

    failures: int
    last_at: datetime
    """The last failure; where a window is counted, the first one in it."""
    blocked_until: datetime


@dataclass(frozen=True, slots=True)
class Try:
    """A sign-in that was let through and counted as a failure, until it turns out to be right."""

    mine: tuple[Tally, ...]
    """What a right password forgets."""
    others: tuple[Tally, ...] = ()
    """What others count in as well: a right password takes its own try back."""
    alarm: Tally | None = field(default=None)
    """The count of all; above its `free`, nothing is free for anybody who is not known."""

    @property
    def tallies(self) -> Sequence[Tally]:
        """Every count, in the one order in which they are locked."""
        every = [*self.mine, *self.others, *([self.alarm] if self.alarm else [])]
        return sorted(every, key=lambda tally: tally.key)


def tried(this: Try, known: Mapping[bytes, Counted], at: datetime) -> Mapping[bytes, Counted] | timedelta:
    """Return how the counts stand after a try at this moment, or how long it has to wait."""
    is_alarmed = this.alarm is not None and _in_window(this.alarm, known[this.alarm.key], at) > this.alarm.throttle.free
    barred = [known[tally.key].blocked_until for tally in (*this.mine, *this.others)]
    if max(barred) > at:
        return max(barred) - at
    counted = {}
    for tally in this.tallies:
        before, throttle = known[tally.key], tally.throttle
        failures = throttle.failures(before.failures, before.last_at, at)
        last_at = before.last_at if throttle.window and failures > 1 else at
        wait = timedelta(0) if tally is this.alarm else throttle.wait(failures, is_alarmed=is_alarmed)
        counted[tally.key] = Counted(failures, last_at, at + wait if wait else NOT_BLOCKED)
    return counted


def _in_window(tally: Tally, counted: Counted, at: datetime) -> int:
    return tally.throttle.failures(counted.failures, counted.last_at, at)


def account_of(email: str) -> bytes:
    """Return the name under which failures are counted: for unknown people too, so that no e-mail of theirs is kept."""
    return sha256(email.encode()).digest()


def mark(*parts: str) -> bytes:
    """Return the name of another count: no part of it shows."""
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()


def network_of(address: str | None) -> str:
    """Return what one subscriber has of the internet: the /24 of an IPv4 address, the /64 of an IPv6 one."""
    try:
        known = ip_address(address or "")
    except ValueError:
        return address or "unknown"
    if isinstance(known, IPv6Address) and known.ipv4_mapped is not None:
        known = known.ipv4_mapped
    return str(ip_network(f"{known}/{24 if known.version == 4 else 64}", strict=False))
