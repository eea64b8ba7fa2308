"""How long requests take, in fixed memory: counts per span of time, exact to a tenth."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from converto.kernel.metrics import LATENCY_BUCKETS_S

GROWTH = 1.1
SHORTEST_S = 0.0001
LONGEST_S = 60.0


def _bounds() -> tuple[float, ...]:
    """Return the upper ends of the spans: each a tenth above the one before, and those that Prometheus is told."""
    steps = []
    bound = SHORTEST_S
    while bound < LONGEST_S:
        steps.append(bound)
        bound *= GROWTH
    return tuple(sorted({*steps, LONGEST_S, *map(float, LATENCY_BUCKETS_S)}))


BOUNDS_S = _bounds()
SPANS = len(BOUNDS_S) + 1
"""One for each bound, and one for all that took longer."""
_TOLD = tuple(bisect_left(BOUNDS_S, bound) for bound in LATENCY_BUCKETS_S)


def span_of(seconds: float) -> int:
    """Return the index of the span that a duration falls into."""
    return bisect_left(BOUNDS_S, seconds)


def added(many: Iterable[Sequence[int]]) -> list[int]:
    """Return the counts of several histograms together."""
    return [sum(counts) for counts in zip([0] * SPANS, *many, strict=True)]


def percentile_s(counts: Sequence[int], share: float) -> float | None:
    """Return the duration that this share of the requests stayed within, at most a tenth too high; None where there are none."""
    wanted = sum(counts) * share
    if not wanted:
        return None
    seen = 0
    for index, count in enumerate(counts):
        seen += count
        if seen >= wanted:
            return BOUNDS_S[min(index, len(BOUNDS_S) - 1)]
    return BOUNDS_S[-1]


def cumulative(counts: Sequence[int]) -> list[tuple[str, float]]:
    """Return the buckets as Prometheus wants them: how many took at most so many seconds."""
    buckets = [(f"{bound:g}", float(sum(counts[: index + 1]))) for bound, index in zip(LATENCY_BUCKETS_S, _TOLD, strict=True)]
    return [*buckets, ("+Inf", float(sum(counts)))]
