"""What outbound webhooks count for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from converto.kernel.metrics import LATENCY_BUCKETS_S


class WebhookFigures:
    """Counts attempts, and times those that were answered."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.attempts = Counter("converto_webhook_attempts_total", "Attempts to post a delivery", ["outcome"], registry=registry)
        for outcome in ("delivered", "failed"):
            self.attempts.labels(outcome)
        self.seconds = Histogram(
            "converto_webhook_attempt_seconds", "Seconds until an endpoint answered", buckets=LATENCY_BUCKETS_S, registry=registry
        )
        self.disabled = Counter("converto_webhooks_disabled_total", "Endpoints disabled by the program", ["because"], registry=registry)
