"""Rounds of all contestants in turns, so that a busy machine is busy for each of them alike, and the middle of what was found."""

import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

import structlog

from bench.measuring.program import tree

Round = Callable[[], Awaitable[float]]
"""Runs a contestant once and returns its figure."""

NICENESS = -20


class Table:
    """What was found of each contestant, round by round.

    Args:
        unit: what a figure is, such as `/s`.
        digits: how many of them to print after the point.
    """

    def __init__(self, unit: str, *, digits: int = 0) -> None:
        self._unit = unit
        self._digits = digits
        self._found: dict[str, list[float]] = {}

    async def play(self, contestants: Mapping[str, Round], *, rounds: int) -> None:
        """Run every contestant once a round, every other round in the opposite order."""
        for number in range(rounds):
            names = list(contestants)
            for name in names if number % 2 else reversed(names):
                self._found.setdefault(name, []).append(await contestants[name]())

    def note(self, name: str, figure: float) -> None:
        """Keep a figure that a round found beside its own."""
        self._found.setdefault(name, []).append(figure)

    def middle(self, name: str) -> float:
        """Return the middle of the figures of one contestant."""
        return median(self._found[name])

    def ratio(self, name: str, other: str) -> float:
        """Return how many times the other's figure one's own is: the middle of the ratios within each round."""
        return median(one / others for one, others in zip(self._found[name], self._found[other], strict=True))

    def spread(self, name: str, other: str) -> str:
        """Return the lowest and the highest of these ratios."""
        ratios = sorted(one / others for one, others in zip(self._found[name], self._found[other], strict=True))
        return f"rounds {ratios[0]:.2f} to {ratios[-1]:.2f}"

    def show(self, names: Sequence[str], *, beside: str) -> None:
        """Print a line for each contestant, with its ratio to one of them."""
        for name in names:
            figure = f"{self.middle(name):12,.{self._digits}f} {self._unit}"
            print(f"  {name:48s} {figure}   {self.ratio(name, beside):7.2f} x {beside}")


def verdict(what: str, found: float, *, at_least: float | None = None, at_most: float | None = None) -> bool:
    """Print whether a figure keeps its limit, and return that."""
    holds = (at_least is None or found >= at_least) and (at_most is None or found <= at_most)
    limit = f">= {at_least:g}" if at_least is not None else f"<= {at_most:g}"
    print(f"{what}: {found:.2f}, limit {limit}: {'holds' if holds else 'BROKEN'}")
    return holds


def before_others() -> None:
    """Have this process, and all that it has started, run before others of this machine, where that is allowed. Call it once servers run.

    Ours, the rivals and the servers get the same, so that no ratio gains by it. Nothing is logged that is no error.
    """
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for pid in tree(os.getpid()):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
            # niceness counts within a session only, where the kernel groups by session
            Path(f"/proc/{pid}/autogroup").write_text(str(NICENESS), encoding="ascii")
