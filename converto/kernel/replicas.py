"""The replicas of a module elsewhere: which one to ask, and which ones to leave alone for a while."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import urlsplit

from converto.kernel.bell import Bell
from converto.kernel.clock import now
from converto.kernel.errors import Unavailable

FAILURES_TO_OPEN = 5
OPEN_S = 10.0


class Replica:
    """One address of a module, with a breaker: five failures in a row, and it is left alone for ten seconds, then probed by one call."""

    def __init__(self, url: str, address: str | None = None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.url = url.rstrip("/")
        """As the settings name it."""
        self.address = address
        """The IP address that the name in the URL has; None where the URL itself says where to connect."""
        self.base, self.headers, self.extensions = _way(self.url, address)
        """Where to connect to, and what is sent along so that it is asked by its name all the same."""
        self.in_flight = 0
        self.failures = 0
        self.latency_s: float | None = None
        """How long it takes to say how it is, the last times that it was asked."""
        self.last_seen: datetime | None = None
        self.version: str | None = None
        self.problem: str | None = None
        """Why the last call or look failed."""
        self._open_until = 0.0
        self._probing = False
        self._monotonic = monotonic

    @property
    def label(self) -> str:
        """What tells it apart from the others of its module."""
        return self.url if self.address is None else f"{self.url} at {self.address}"

    @property
    def healthy(self) -> bool:
        """Whether a call may be sent: the breaker is closed, or due for its probe."""
        if self.failures < FAILURES_TO_OPEN:
            return True
        return self._monotonic() >= self._open_until and not self._probing

    @property
    def breaker(self) -> str:
        """The state of the breaker: closed, open or half-open."""
        if self.failures < FAILURES_TO_OPEN:
            return "closed"
        return "half-open" if self._monotonic() >= self._open_until else "open"

    @property
    def reopens_in_s(self) -> float:
        """The seconds until the next probe."""
        return max(0.0, self._open_until - self._monotonic())

    def answered(self, latency_s: float | None = None) -> None:
        """Note an answer, of whatever content: the process is alive."""
        self.failures, self.problem, self._probing = 0, None, False
        self.last_seen = now()
        if latency_s is not None:
            self.latency_s = latency_s if self.latency_s is None else 0.8 * self.latency_s + 0.2 * latency_s

    def failed(self, problem: str = "it does not answer") -> None:
        """Note that no answer came."""
        self.failures, self.problem, self._probing = self.failures + 1, problem, False
        if self.failures >= FAILURES_TO_OPEN:
            self._open_until = self._monotonic() + OPEN_S

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count one call in flight; where the breaker is due for a probe, this is it."""
        self.in_flight += 1
        is_probe = self.failures >= FAILURES_TO_OPEN
        self._probing = self._probing or is_probe
        try:
            yield
        finally:
            self.in_flight -= 1
            if is_probe:
                self._probing = False


def _way(url: str, address: str | None) -> tuple[str, dict[str, str], dict[str, str]]:
    if address is None:
        return url, {}, {}
    parts = urlsplit(url)
    literal = f"[{address}]" if ":" in address else address
    netloc = literal if parts.port is None else f"{literal}:{parts.port}"
    name = parts.hostname or ""
    # a certificate is the name's, not the address's
    return parts._replace(netloc=netloc).geturl(), {"host": parts.netloc}, {"sni_hostname": name} if parts.scheme == "https" else {}


class Replicas:
    """Every replica of one module; each call goes to the less loaded of two healthy ones."""

    def __init__(self, module: str, urls: Sequence[str], *, random_of: random.Random | None = None) -> None:
        self.module = module
        self.urls = tuple(dict.fromkeys(url.rstrip("/") for url in urls))
        self.all = [Replica(url) for url in self.urls]
        self.missed = Bell()
        """Rung when nobody was found at an address: the name may have another one by now."""
        self._random = random_of or random.Random()  # noqa: S311 - spreads load, keeps no secret

    def found(self, url: str, addresses: Sequence[str]) -> None:
        """Keep to the addresses that the name in a URL has now; a replica that stays keeps its breaker and its figures."""
        known = {(replica.url, replica.address): replica for replica in self.all}
        fresh = [known.get((url, address)) or Replica(url, address) for address in addresses]
        self.all = [replica for each in self.urls for replica in (fresh if each == url else self._at(each))]

    def choose(self, *, but: Sequence[Replica] = ()) -> Replica:
        """Return the replica to ask next, one not in `but` where possible. Raises Unavailable when every breaker is open."""
        healthy = [replica for replica in self.all if replica.healthy]
        fresh = [replica for replica in healthy if replica not in but]
        if but and not fresh:
            # who was well has just failed: while replicas are restarted in turn, the one that was left alone may be back already
            fresh = [replica for replica in self.all if replica not in but]
        fresh = fresh or healthy
        if not fresh:
            wait_s = min(replica.reopens_in_s for replica in self.all)
            raise Unavailable(module=self.module, retry_after_s=max(1, round(wait_s)))
        # one that failed the last time is asked only beside another such one
        return min(self._random.sample(fresh, min(2, len(fresh))), key=lambda replica: (replica.failures > 0, replica.in_flight))

    def _at(self, url: str) -> list[Replica]:
        return [replica for replica in self.all if replica.url == url]


class RetryBudget:
    """How many retries a caller may make: a tenth of its calls, and a few to begin with; a struggling module is never flooded."""

    def __init__(self, *, start: float = 10.0, per_call: float = 0.1, most: float = 100.0) -> None:
        self._left, self._per_call, self._most = start, per_call, most

    def called(self) -> None:
        """Earn a part of a retry by a first call."""
        self._left = min(self._most, self._left + self._per_call)

    def spend(self) -> bool:
        """Take one retry; False when none is left."""
        if self._left < 1:
            return False
        self._left -= 1
        return True
