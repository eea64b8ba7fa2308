"""What the edge counts of requests: per method, route template and status, in fixed memory."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from converto.gateway.latency import SPANS, added, cumulative, span_of
from converto.kernel.clock import now

WINDOW_S = 300.0
UNMATCHED = "unmatched"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LABELS = ("method", "route", "status")


def _zeros() -> list[int]:
    return [0] * SPANS


@dataclass(slots=True)
class Series:
    """The requests of one method, route and status: those of this window, those of the one before, and all earlier ones."""

    method: str
    route: str
    status: int
    seconds: float = 0.0
    window: list[int] = field(default_factory=_zeros)
    before: list[int] = field(default_factory=_zeros)
    earlier: list[int] = field(default_factory=_zeros)

    def turn(self) -> None:
        """Begin a new window."""
        self.earlier = added((self.earlier, self.before))
        self.before, self.window = self.window, _zeros()

    def recent(self) -> list[int]:
        """Return the counts of this window and the one before."""
        return added((self.window, self.before))

    def all_time(self) -> list[int]:
        """Return the counts since the start."""
        return added((self.window, self.before, self.earlier))


class RequestFigures(Collector):
    """Counts requests, and tells Prometheus when it asks: the library's own counters cost many times as much for each request."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.since = now()
        self._series: dict[tuple[str, str, int], Series] = {}
        self._turn_at = time.perf_counter() + WINDOW_S
        registry.register(self)

    def count(self, method: str, route: str, status: int, *, start: float, end: float) -> None:
        """Count one request between two `time.perf_counter()`."""
        if end >= self._turn_at:
            self._turn(end)
        series = self._series.get((method, route, status)) or self._new(method, route, status)
        series.window[span_of(end - start)] += 1
        series.seconds += end - start

    def series(self) -> list[Series]:
        """Return what was counted, with the windows as they are now."""
        moment = time.perf_counter()
        if moment >= self._turn_at:
            self._turn(moment)
        return list(self._series.values())

    def collect(self) -> Iterator[Metric]:
        """Yield the figures for Prometheus."""
        requests, seconds = _families()
        for series in self.series():
            labels = (series.method, series.route, str(series.status))
            counts = series.all_time()
            requests.add_metric(labels, sum(counts))
            seconds.add_metric(labels, cumulative(counts), series.seconds)
        yield requests
        yield seconds

    def describe(self) -> Iterable[Metric]:
        """Name the figures, so that the registry can tell that nobody else has their names."""
        return _families()

    def _new(self, method: str, route: str, status: int) -> Series:
        # a method is whatever a client writes: only known ones get figures of their own
        named = method if method in METHODS else "other"
        return self._series.setdefault((named, route, status), Series(named, route, status))

    def _turn(self, moment: float) -> None:
        windows = 2 if moment >= self._turn_at + WINDOW_S else 1
        for series in self._series.values():
            for _ in range(windows):
                series.turn()
        self._turn_at = moment + WINDOW_S


def _families() -> tuple[CounterMetricFamily, HistogramMetricFamily]:
    return (
        CounterMetricFamily("converto_http_requests", "Requests answered", labels=_LABELS),
        HistogramMetricFamily("converto_http_request_seconds", "Seconds to answer a request", labels=_LABELS),
    )
