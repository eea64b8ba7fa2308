"""What the edge has done: requests, errors and latencies per module and route, and how its limits and breakers stand."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, Self

from converto.gateway.admission import Lane, whole_cap
from converto.gateway.figures import WINDOW_S, RequestFigures, Series
from converto.gateway.latency import added, percentile_s
from converto.kernel.interface import Value
from converto.kernel.runtime import Runtime

EDGE = "edge"
"""What the routes are counted under that belong to no module."""


class Latency(Value):
    """Milliseconds within which half, 95 % and 99 % of the last minutes' requests were answered; null where there were none."""

    p50: float | None
    p95: float | None
    p99: float | None


class Figures(Value):
    """Requests and errors (5xx) since the start, latencies of the last five to ten minutes."""

    requests: int
    errors: int
    latency_ms: Latency

    @classmethod
    def of(cls, many: Sequence[Series]) -> Self:
        """Return the figures of several series together."""
        recent = added(series.recent() for series in many)
        return cls(
            requests=_requests(many),
            errors=_requests([series for series in many if series.status >= 500]),
            latency_ms=Latency(p50=_ms(recent, 0.50), p95=_ms(recent, 0.95), p99=_ms(recent, 0.99)),
        )


class ModuleFigures(Value):
    """A module, and each of its routes as `GET /ocr/scans/{scan_id}`."""

    total: Figures
    routes: dict[str, Figures]


class Remembered(Protocol):
    """What counts how often it knew something."""

    hits: int
    misses: int


class CacheFigures(Value):
    """How often something was known already."""

    hits: int
    misses: int


class LaneFigures(Value):
    """The requests of one class: how many are at work and may be, who waits in line, and what became of all so far."""

    at_once: int
    cap: int
    in_line: int
    admitted: int
    refused: int

    @classmethod
    def of(cls, lane: Lane) -> Self:
        """Return how a lane stands."""
        return cls(at_once=lane.at_once, cap=whole_cap(lane), in_line=lane.in_line, admitted=lane.admitted, refused=lane.refused)


class Stats(Value):
    """What this process has done since its start."""

    since: datetime
    window_s: float
    total: Figures
    modules: dict[str, ModuleFigures]
    caches: dict[str, CacheFigures]
    limits_hit: dict[str, int]
    """How often somebody was refused: by size, by rate in all, by the rate of an address, and by that of each plan and module."""
    admission: dict[str, LaneFigures]
    breakers: dict[str, dict[str, str]]


def stats(
    runtime: Runtime, figures: RequestFigures, caches: Mapping[str, Remembered], *, lanes: Mapping[str, Lane], refused: Mapping[str, int]
) -> Stats:
    """Return what was counted so far; `refused` says how often each quota was used up."""
    everything = figures.series()
    by_module: dict[str, list[Series]] = {}
    for series in everything:
        by_module.setdefault(_module_of(series.route, runtime.known), []).append(series)
    return Stats(
        since=figures.since,
        window_s=2 * WINDOW_S,
        total=Figures.of(everything),
        modules={name: ModuleFigures(total=Figures.of(many), routes=_routes(many)) for name, many in sorted(by_module.items())},
        caches={name: CacheFigures(hits=cache.hits, misses=cache.misses) for name, cache in caches.items()},
        limits_hit={
            "size": _requests([series for series in everything if series.status == 413]),
            "rate": _requests([series for series in everything if series.status == 429]),
            **dict(sorted(refused.items())),
        },
        admission={name: LaneFigures.of(lane) for name, lane in lanes.items()},
        breakers={name: {replica.label: replica.breaker for replica in replicas.all} for name, replicas in runtime.replicas.items()},
    )


def _routes(many: Iterable[Series]) -> dict[str, Figures]:
    by_route: dict[str, list[Series]] = {}
    for series in many:
        by_route.setdefault(f"{series.method} {series.route}", []).append(series)
    return {route: Figures.of(found) for route, found in sorted(by_route.items())}


def _module_of(route: str, known: Mapping[str, object]) -> str:
    module = route.removeprefix("/internal").split("/")[1:2]
    name = module[0].partition(".")[0] if module else ""  # a companion's route bears the module's name before its own
    return name if name in known else EDGE


def _requests(many: Iterable[Series]) -> int:
    return sum(sum(series.all_time()) for series in many)


def _ms(counts: Sequence[int], share: float) -> float | None:
    seconds = percentile_s(counts, share)
    return None if seconds is None else round(seconds * 1000, 3)
