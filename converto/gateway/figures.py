"""What the edge counts of requests: per method, route template and status, in fixed memory."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from converto.gateway.latency import SPANS, added, cumulative, span_of
from converto.kernel.clock import now

WINDOW_S = 300.0
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

    def __init__(self, registry: CollectorRegistry, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self.since = now()
        self._series: dict[tuple[str, str, int], Series] = {}
        self._turn_at = monotonic() + WINDOW_S
        registry.register(self)

    def count(self, kind: tuple[str, str, int], seconds: float) -> None:
        """Count one request by its method, route and status, and how long it took."""
        series = self._series.get(kind)
        if series is None:
            series = self._series[kind] = Series(*kind)
        series.window[span_of(seconds)] += 1
        series.seconds += seconds

    def series(self) -> list[Series]:
        """Return what was counted, with the windows as they are now."""
        self.turn()
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

    def turn(self) -> None:
        """Begin a new window where the present one is over: due before counting, and before reading."""
        moment = self._monotonic()
        if moment < self._turn_at:
            return
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
