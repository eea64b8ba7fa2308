"""What the asking of models counts."""

from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from converto.ai.call import Usage
from converto.ai.catalogue import NANO, Spec
from converto.ai.conversation import Outcome
from converto.kernel.metrics import LATENCY_BUCKETS_S

MOST_KNOWN = 1000


class AiFigures:
    """Figures for Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ["provider", "model"]
        self._calls = Counter("converto_ai_calls_total", "Calls of providers", [*labels, "outcome"], registry=registry)
        self._seconds = Histogram("converto_ai_call_seconds", "Seconds of a call", labels, buckets=LATENCY_BUCKETS_S, registry=registry)
        self._tokens = Counter("converto_ai_tokens_total", "Tokens", [*labels, "kind"], registry=registry)
        self._cost = Counter("converto_ai_cost_usd_total", "What calls cost, in USD", labels, registry=registry)
        self._of = lru_cache(maxsize=MOST_KNOWN)(self._found)
        self._resting = Gauge("converto_ai_breaker_open", "1 while a model is left alone, else 0", labels, registry=registry)
        self._cache = Counter("converto_ai_cache_total", "Answers from the cache, or not", ["outcome"], registry=registry)
        for outcome in ("hit", "miss", "joined"):  # at 0 from the start: Prometheus sees the first of each as a change
            self._cache.labels(outcome)

    def called(self, spec: Spec, outcome: Outcome, latency_s: float, *, cost_nano: int, usage: Usage) -> None:
        """Count a call of a provider."""
        calls, seconds, prompt, completion, cost = self._of(spec.provider, spec.id, outcome)
        calls.inc()
        seconds.observe(latency_s)
        prompt.inc(usage.prompt)
        completion.inc(usage.completion)
        cost.inc(cost_nano / NANO)

    def breaker(self, spec: Spec, *, is_open: bool) -> None:
        """Note whether a model is left alone after its last call."""
        self._resting.labels(spec.provider, spec.id).set(is_open)

    def _found(self, provider: str, model: str, outcome: Outcome) -> tuple[Counter, Histogram, Counter, Counter, Counter]:
        """Return the series of a model; to find them takes longer than to count."""
        tokens = [self._tokens.labels(provider, model, kind) for kind in ("prompt", "completion")]
        calls, seconds = self._calls.labels(provider, model, outcome.value), self._seconds.labels(provider, model)
        return calls, seconds, tokens[0], tokens[1], self._cost.labels(provider, model)

    def cache(self, outcome: str) -> None:
        """Count a look into the cache: hit, miss or joined."""
        self._cache.labels(outcome).inc()
