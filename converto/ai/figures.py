"""What the asking of models counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from converto.ai.call import Usage
from converto.ai.catalogue import Spec, usd
from converto.ai.conversation import Outcome
from converto.kernel.metrics import LATENCY_BUCKETS_S


class AiFigures:
    """Figures for Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["provider", "model"]
        self._calls = Counter("converto_ai_calls_total", "Calls of providers", [*labels, "outcome"], registry=registry)
        self._seconds = Histogram("converto_ai_call_seconds", "Seconds of a call", labels, buckets=LATENCY_BUCKETS_S, registry=registry)
        self._tokens = Counter("converto_ai_tokens_total", "Tokens", [*labels, "kind"], registry=registry)
        self._cost = Counter("converto_ai_cost_usd_total", "What calls cost, in USD", labels, registry=registry)
        self._resting = Gauge("converto_ai_breaker_open", "1 while a model is left alone, else 0", labels, registry=registry)
        self._cache = Counter("converto_ai_cache_total", "Answers from the cache, or not", ["outcome"], registry=registry)
        for outcome in ("hit", "miss", "joined"):  # at 0 from the start: Prometheus sees the first of each as a change
            self._cache.labels(outcome)

    def called(self, spec: Spec, outcome: Outcome, latency_s: float, *, cost_nano: int, usage: Usage) -> None:
        """Count a call of a provider."""
        self._calls.labels(spec.provider, spec.id, outcome.value).inc()
        self._seconds.labels(spec.provider, spec.id).observe(latency_s)
        self._tokens.labels(spec.provider, spec.id, "prompt").inc(usage.prompt)
        self._tokens.labels(spec.provider, spec.id, "completion").inc(usage.completion)
        self._cost.labels(spec.provider, spec.id).inc(float(usd(cost_nano)))

    def breaker(self, spec: Spec, *, is_open: bool) -> None:
        """Note whether a model is left alone after its last call."""
        self._resting.labels(spec.provider, spec.id).set(is_open)

    def cache(self, outcome: str) -> None:
        """Count a look into the cache: hit, miss or joined."""
        self._cache.labels(outcome).inc()
