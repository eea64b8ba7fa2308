"""Figures for Prometheus: one registry per process, and the figures that the kernel itself keeps."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector

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
        self.queue = Gauge(
            "converto_event_queue", "Events before a subscriber: waiting, leased or dead", ["subscriber", "state"], registry=registry
        )
        self.queue_oldest = Gauge(
            "converto_event_queue_oldest_seconds", "Age of the oldest event before a subscriber", ["subscriber"], registry=registry
        )
        self.outbox = Gauge("converto_outbox", "Events told: waiting to be sent, leased or dead", ["module", "state"], registry=registry)
        self.outbox_oldest = Gauge(
            "converto_outbox_oldest_seconds", "Age of the oldest event that is not sent yet", ["module"], registry=registry
        )
