"""What the counting of usage counts itself."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry
from prometheus_client import Counter as Total

from converto.billing.ledger import Counter, CounterKey
from converto.billing.plans import MONTHLY


class UsageFigures:
    """Figures for Prometheus, over all companies."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._used = Total("converto_billing_usage_total", "What was used, in units of the feature", ["feature"], registry=registry)
        self._refused = Total("converto_billing_limit_reached_total", "Uses that a plan did not hold", ["feature"], registry=registry)
        self._webhooks = Total("converto_billing_webhooks_total", "What the payment service has said", ["outcome"], registry=registry)
        for feature in MONTHLY:  # at 0 from the start: Prometheus sees the first of each as a change
            self._used.labels(feature.value)
            self._refused.labels(feature.value)
        self._webhooks.labels("taken")

    def counted(self, counters: Mapping[CounterKey, Counter]) -> None:
        """Count what a batch has added, once it is committed."""
        for key, counter in counters.items():
            if counter.recorded > 0:
                self._used.labels(key.feature.value).inc(counter.recorded)

    def refused(self, features: set[str]) -> None:
        """Count a request that was refused because a limit is reached."""
        for feature in features:
            self._refused.labels(feature).inc()

    def heard(self, outcome: str) -> None:
        """Count a webhook: taken or refused."""
        self._webhooks.labels(outcome).inc()
