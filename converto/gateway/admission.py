"""How many requests are worked on at once: in each class as many as are still answered nearly as fast as one alone.

A program that takes on more than it can do answers everybody late. So each class has a cap, which follows what is measured: while there
are more requests than places, in whichever class, and those of this one take more than twice as long as when it is quiet, its cap shrinks
in proportion; otherwise it grows again. What finds its class full waits in line for a moment: many who come at once are no overload. Where
a class stays full for longer, waiting would help nobody, and whoever comes is refused at once, at next to no cost.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

from converto.gateway.routes import Found
from converto.kernel.access import Admission as Class
from converto.kernel.errors import Unavailable

TOLERANCE = 1.2
"""How many times as long as when it is quiet a request may take before there are too many at once."""
QUIET = 1
"""With so many at work in all, what a request takes is what it takes alone."""
FEW = 4
"""A class with no more at work than these is not what keeps the others from their work: it is left alone, unless it is full itself."""
WINDOW_S = 0.1
LONGEST_WINDOW_S = 1.0
ENOUGH = 8
"""From so many requests a window tells something; a longer one tells with fewer."""
LEARNS = 0.05
"""How far one quiet request moves what a route is known to take."""
RELEARNS = 0.001
"""How much slower a route may become for good, a window, where there is nothing left to shrink."""
LEAST_STEP = 0.25
"""How much a cap grows in a window, where a tenth of it is less."""
STANDSTILL_S = 0.25
"""Where all places of a class are taken for so long and nobody was answered, they wait for something else than for us."""
LEAST_LINE = 8
"""So many may wait in a line however long each takes, where that many may wait at all."""
COME_BACK_S = 1
REST_S = 2.0
"""A class that was at rest for so long begins anew: nothing is known any more of how busy we are."""
BREATHER_S = 1.0
"""A class that was not full for so long may be full for a while again."""
MANY = 2 * LEAST_LINE
"""So many looks, by turnstile and line, have to have found no place before nobody waits any more: a few at once are no overload."""


class Busy(Unavailable):
    """More requests than can be answered soon."""

    code = "gateway.busy"
    message = "More requests have come than can be answered now; try again in {retry_after_s} s."


@dataclass(frozen=True, slots=True)
class Bounds:
    """Within what a class moves."""

    least: int
    start: int
    most: int
    line_s: float
    """How long a request may wait in line."""
    line: int = 0
    """How many may wait."""
    patience_s: float = math.inf
    """How long a class may be full before nobody waits in its line any more."""
    work_in_line_s: float = math.inf
    """How much work may wait in line, by what its requests take alone: of slow ones fewer may wait than of quick ones."""


BOUNDS: Mapping[Class, Bounds] = {
    Class.HEALTH: Bounds(least=256, start=256, most=256, line_s=0.0),
    Class.AUTH: Bounds(least=2, start=16, most=512, line_s=1.0, line=64, patience_s=0.1),
    Class.MONEY: Bounds(least=16, start=32, most=512, line_s=1.0, line=256),
    Class.READ: Bounds(least=1, start=8, most=512, line_s=1.0, line=64, patience_s=0.1, work_in_line_s=0.1),
    # somebody who drops a hundred receipts at once has done nothing wrong, and what waits unread costs next to nothing
    Class.BULK: Bounds(least=1, start=4, most=256, line_s=5.0, line=256, patience_s=0.1),
}
WAITING = "waiting"
"""Those who wait for something to happen are counted apart: their time says nothing of how busy we are."""


@dataclass(slots=True)
class Work:
    """All that is being worked on, whatever its class."""

    at_once: int = 0
    short_until: float = 0.0
    """Until when there are more requests than places: in any class, for all of them share one processor."""
    clock: Callable[[], float] = monotonic

    @property
    def is_short(self) -> bool:
        """Whether there were more requests than places a moment ago."""
        return self.short_until > self.clock()


class Lane:
    """The requests of one class: how many are at work, who waits in line, and how many there may be."""

    def __init__(self, bounds: Bounds, work: Work, *, clock: Callable[[], float] = monotonic) -> None:
        self._bounds = bounds
        self._work = work
        self._clock = clock
        self._line: deque[asyncio.Future[None]] = deque()
        self.cap = float(bounds.start)
        self.at_once = 0
        self._expected = 0
        self.admitted = 0
        self.refused = 0
        self._ratios = 0.0
        self._alone_s = 0.0
        self._moved_at = clock()
        self._samples = 0
        self._peak = 0
        self._was_full = False
        self._full_from = self._full_until = -math.inf
        self._found_full = 0
        self._window_from = clock()

    @property
    def in_line(self) -> int:
        """How many wait."""
        return len(self._line)

    @property
    def is_full(self) -> bool:
        """Whether neither a place nor the line has room for one more than those who are expected."""
        over = self.at_once + self._expected - self.cap
        if over < 0:
            return False
        self._run_short()
        if self.at_once + self._expected < self.cap:
            return False
        is_over = self._found_full > MANY and self._full_until - self._full_from > self._bounds.patience_s
        return is_over or len(self._line) + over >= self._longest_line

    @property
    def _longest_line(self) -> float:
        if not self._alone_s:
            return self._bounds.line
        return min(self._bounds.line, max(LEAST_LINE, self._bounds.work_in_line_s / self._alone_s))

    @property
    def listens(self) -> bool:
        """Whether the request that ends now is worth a note: all of them where there are more than places, else each eighth."""
        return self.admitted & 7 == 0 or self._work.short_until > self._window_from

    def expect(self) -> None:
        """Count one who was let in and has not come yet: of all who are read in one turn of the event loop, none has until it is over."""
        if not self._expected:
            asyncio.get_running_loop().call_soon(self._expect_nobody)
        self._expected += 1

    def enter(self) -> bool:
        """Take a place if one is free."""
        if self.at_once >= self.cap or self._line:
            return False
        if not self.at_once:
            self._moved_at = self._clock()
            if self._moved_at - self._window_from > REST_S:
                self._begin(cap=max(self.cap, float(self._bounds.start)))
        self._take()
        return True

    async def wait(self) -> None:
        """Wait in line for a place. Raises Busy where the line is full, or the time is over."""
        if self.is_full:
            self.refused += 1
            raise Busy(retry_after_s=COME_BACK_S)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            async with asyncio.timeout(self._bounds.line_s):
                await turn
        except TimeoutError:
            self._give_up(turn)
            self.refused += 1
            raise Busy(retry_after_s=COME_BACK_S) from None
        except asyncio.CancelledError:
            self._give_up(turn)
            raise

    def leave(self) -> None:
        """Give a place back, to whoever has waited longest."""
        self.at_once -= 1
        self._work.at_once -= 1
        self._moved_at = self._clock()
        self._call()

    def learn(self, found: Found, seconds: float, *, quiet: bool) -> None:
        """Take note of how long a request took that was answered; `quiet` says that hardly any other was at work."""
        if quiet or seconds < found.alone_s or not found.alone_s:
            found.learnt += 1
            found.alone_s += (seconds - found.alone_s) * max(LEARNS, 1 / found.learnt)
        self._alone_s += (found.alone_s - self._alone_s) * (LEARNS if self._alone_s else 1.0)
        self._ratios += seconds / found.alone_s
        self._samples += 1
        since_s = self._clock() - self._window_from
        if since_s > WINDOW_S and (self._samples >= ENOUGH or since_s > LONGEST_WINDOW_S):
            self._adapt(found)

    def _adapt(self, found: Found) -> None:
        ratio, least = self._ratios / self._samples, float(self._bounds.least)
        is_short = self._work.short_until > self._window_from
        cap = self.cap
        if ratio <= TOLERANCE:
            if is_short or cap < self._bounds.start:  # beyond its start a cap grows only where somebody needs it
                cap = min(float(self._bounds.most), cap + max(LEAST_STEP, cap / 10))
        elif self._was_full or (is_short and self._peak > FEW):
            cap = max(least, min(cap, self._peak) * TOLERANCE / ratio)
            if self.cap <= least:
                found.alone_s *= 1 + RELEARNS
        self._begin(cap=cap)

    def _expect_nobody(self) -> None:
        self._expected = 0

    def _run_short(self) -> None:
        moment = self._clock()
        if moment - self._full_until > BREATHER_S:
            self._full_from, self._found_full = moment, 0
        self._full_until = moment
        self._found_full += 1
        self._was_full = True
        self._work.short_until = moment + WINDOW_S
        if moment - self._moved_at > STANDSTILL_S and self.at_once >= self.cap:
            self.cap, self._moved_at = min(float(self._bounds.most), self.cap + 1), moment
            self._call()

    def _begin(self, *, cap: float) -> None:
        self.cap = cap
        self._ratios, self._samples, self._peak = 0.0, 0, self.at_once
        self._was_full, self._window_from = False, self._clock()
        self._call()

    def _take(self) -> None:
        self.at_once += 1
        self.admitted += 1
        self._peak = max(self._peak, self.at_once)
        self._work.at_once += 1

    def _call(self) -> None:
        while self._line and self.at_once < self.cap:
            turn = self._line.popleft()
            if not turn.done():
                self._take()
                turn.set_result(None)

    def _give_up(self, turn: "asyncio.Future[None]") -> None:
        if turn in self._line:
            self._line.remove(turn)
        elif turn.done() and not turn.cancelled():
            self.leave()  # it was called in the very moment in which it went


class Admission:
    """The lanes of every class, and of those who wait for something to happen."""

    def __init__(self, *, most_waiting: int, clock: Callable[[], float] = monotonic) -> None:
        self.work = Work(clock=clock)
        self.lanes = {name: Lane(bounds, self.work, clock=clock) for name, bounds in BOUNDS.items()}
        waiting = Bounds(least=most_waiting, start=most_waiting, most=most_waiting, line_s=0.0)
        self.waiting = Lane(waiting, Work(), clock=clock)

    def all(self) -> Mapping[str, Lane]:
        """Return every lane by its name."""
        return {**{name.value: lane for name, lane in self.lanes.items()}, WAITING: self.waiting}


def whole_cap(lane: Lane) -> int:
    """Return how many a lane takes at once."""
    return math.ceil(lane.cap)
