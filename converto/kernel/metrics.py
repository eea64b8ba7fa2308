"""Figures for Prometheus: one registry per process, and the figures that the kernel itself keeps."""

from prometheus_client import CollectorRegistry, Counter, Histogram, PlatformCollector, ProcessCollector

LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


def new_registry() -> CollectorRegistry:
    """Return a registry that also tells of the process itself."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


class EventFigures:
    """What the delivery of events counts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sent = Counter("converto_events_sent_total", "Events sent on from an outbox", ["type"], registry=registry)
        self.handled = Counter("converto_events_handled_total", "Deliveries to a handler", ["subscriber", "outcome"], registry=registry)
        self.seconds = Histogram(
            "converto_event_handler_seconds", "Seconds in a handler", ["subscriber"], buckets=LATENCY_BUCKETS_S, registry=registry
        )
        self.lag = Histogram(
            "converto_event_lag_seconds",
            "Seconds from a fact to the start of its handler",
            ["subscriber"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
