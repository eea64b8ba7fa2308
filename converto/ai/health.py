"""How each model has been doing: a breaker, averages that follow what happens, and percentiles, in memory that does not grow."""

import math
from itertools import accumulate
from time import monotonic

from converto.ai.conversation import Outcome

IN_A_ROW = 3
"""So many failures one after another open a breaker."""
WINDOW_S = 30.0
ENOUGH = 10
"""From so many calls in a window half of them failing opens it too."""
LONGEST_COOLDOWN_S = 300.0
KEY_REST_S = 300.0
"""How long a key is left alone that its provider refuses."""
PROBE_S = 120.0
"""A probe that has not come back by then is taken for gone."""
WEIGHT = 0.2
PRIOR_LATENCY_S = 1.0
PRIOR_PER_TOKEN_S = 0.02
PRIOR_SUCCESS = 0.98
FORGETS_S = 60.0
"""By then a slow answer counts half: a model that has recovered is found again."""
PRIOR_TOKENS = 256
_BUCKETS = 64
_HALVED_AT = 4096

COUNTED = frozenset(
    {Outcome.SERVER_ERROR, Outcome.UNREACHABLE, Outcome.TIMED_OUT, Outcome.TRUNCATED, Outcome.MALFORMED, Outcome.RATE_LIMITED}
)
"""What speaks against a model. A request that is wrong, and somebody who goes away, do not."""


SAYS_WHEN = frozenset({Outcome.RATE_LIMITED, Outcome.SERVER_ERROR})
"""What may come with the time after which to ask again: nobody is asked before, not even once more."""
OF_PROVIDERS = frozenset({Outcome.OK, Outcome.SERVER_ERROR, Outcome.UNREACHABLE, Outcome.TIMED_OUT})
"""What says something of a whole provider too."""


class Histogram:
    """Latencies from a tenth of a millisecond to two hours in 64 buckets, each a third wider than the one before; old ones fade."""

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self._total = 0

    def add(self, seconds: float) -> None:
        """Count one."""
        self._counts[min(_BUCKETS - 1, max(0, int(math.log(max(seconds, 1e-4) / 1e-4, 1.33))))] += 1
        self._total += 1
        if self._total >= _HALVED_AT:
            self._counts = [count // 2 for count in self._counts]
            self._total = sum(self._counts)

    def quantile_ms(self, share: float) -> float | None:
        """Return what so large a share stays below, within a third."""
        if not self._total:
            return None
        reached = [seen >= share * self._total for seen in accumulate(self._counts)]
        number = reached.index(True)
        return round(0.1 * math.pow(1.33, number + 0.5), 1)


class Watch:
    """What is known of one model under one key."""

    def __init__(self, cooldown_s: float = 10.0) -> None:
        self._cooldown_s = cooldown_s
        self.calls = 0
        self.failures = 0
        self.in_flight = 0
        self.latency_s = PRIOR_LATENCY_S
        self.first_token_s = PRIOR_LATENCY_S
        self.per_token_s = PRIOR_PER_TOKEN_S
        self.success = PRIOR_SUCCESS
        self.histogram = Histogram()
        self.last_failure: str | None = None
        self._in_a_row = 0
        self._window = (0.0, 0, 0)
        self._open_until: float | None = None
        self._openings = 0
        self._probing_until = 0.0
        self._no_headroom_until = 0.0
        self._heard = monotonic()

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open`."""
        if self._open_until is None:
            return "closed"
        return "open" if monotonic() < self._open_until else "half-open"

    @property
    def is_probing(self) -> bool:
        """Whether the one call is on its way by which an opened breaker finds out."""
        return monotonic() < self._probing_until

    @property
    def is_due(self) -> bool:
        """Whether it failed the last time, and has been left alone since for as long as a failure should be held against it."""
        return self.state == "half-open" or (self._in_a_row > 0 and monotonic() - self._heard >= self._cooldown_s)

    @property
    def cooldown_s(self) -> float | None:
        """For how long it is left alone yet."""
        return None if self._open_until is None else max(0.0, self._open_until - monotonic())

    @property
    def rests_s(self) -> float:
        """For how long nothing should be asked of it: 0 means that it may be asked."""
        rest = self._no_headroom_until - monotonic()
        if self._open_until is not None:
            rest = max(rest, self._open_until - monotonic(), self._probing_until - monotonic())
        return max(0.0, rest)

    @property
    def expected_success(self) -> float:
        """The share of calls that succeed. One whose cooldown is over gets another chance, whatever it did before."""
        return PRIOR_SUCCESS if self._open_until is not None else self._faded(self.success, PRIOR_SUCCESS)

    def expected_s(self, tokens: float) -> float:
        """Return how long an answer of so many tokens takes, as far as is known."""
        taken = self.first_token_s + tokens * self.per_token_s
        return self._faded(taken, min(taken, PRIOR_LATENCY_S + tokens * PRIOR_PER_TOKEN_S))

    def _faded(self, known: float, prior: float) -> float:
        trust: float = 0.5 ** ((monotonic() - self._heard) / FORGETS_S)
        return trust * known + (1 - trust) * prior

    def begun(self) -> None:
        """Note that a call goes out."""
        self.in_flight += 1
        if self._open_until is not None:
            self._probing_until = monotonic() + PROBE_S

    def ended(self, outcome: Outcome, *, latency_s: float, first_token_s: float | None, tokens: int, retry_after_s: float | None) -> None:
        """Note what became of a call."""
        self.in_flight -= 1
        self.calls += 1
        self._probing_until = 0.0
        if outcome is Outcome.OK:
            self._succeeded(latency_s, first_token_s, tokens)
        elif outcome in COUNTED:
            self._failed(outcome, retry_after_s)

    def refused(self, outcome: Outcome) -> None:
        """Note that the provider refuses the key."""
        self.last_failure = outcome.value
        self._open_until = monotonic() + KEY_REST_S

    def no_headroom(self, seconds: float) -> None:
        """Note that the provider takes no more requests for so long."""
        self._no_headroom_until = monotonic() + min(seconds, LONGEST_COOLDOWN_S)

    def _succeeded(self, latency_s: float, first_token_s: float | None, tokens: int) -> None:
        if self.is_due:
            self._open_until, self._openings, self.success = None, 0, PRIOR_SUCCESS
            self._window = (monotonic(), 0, 0)
        self._in_a_row = 0
        self._count(failed=False)
        self.success += WEIGHT * (1 - self.success)
        self.histogram.add(latency_s)
        first = latency_s if first_token_s is None else first_token_s
        if self.calls <= 1 or first > self.first_token_s:  # a peak is believed at once, and forgotten slowly
            self.first_token_s = first
        else:
            self.first_token_s += WEIGHT * (first - self.first_token_s)
        self.latency_s = latency_s if self.calls <= 1 else self.latency_s + WEIGHT * (latency_s - self.latency_s)
        if tokens:
            each_s = max(0.0, latency_s - first) / tokens
            self.per_token_s = each_s if self.calls <= 1 else self.per_token_s + WEIGHT * (each_s - self.per_token_s)
        self._heard = monotonic()

    def _failed(self, outcome: Outcome, retry_after_s: float | None) -> None:
        self.failures += 1
        self._in_a_row += 1
        self.last_failure = outcome.value
        self.success += WEIGHT * (0 - self.success)
        self._heard = monotonic()
        calls, failures = self._count(failed=True)
        was_open = self._open_until is not None
        too_many = self._in_a_row >= IN_A_ROW or (calls >= ENOUGH and 2 * failures >= calls)
        if outcome in SAYS_WHEN and retry_after_s is not None:
            self._open_until = monotonic() + min(retry_after_s, LONGEST_COOLDOWN_S)
        elif was_open or too_many:
            self._openings += 1
            rest_s = retry_after_s or self._cooldown_s * 2 ** min(self._openings - 1, 5)
            self._open_until = monotonic() + min(rest_s, LONGEST_COOLDOWN_S)

    def _count(self, *, failed: bool) -> tuple[int, int]:
        began, calls, failures = self._window
        if monotonic() - began > WINDOW_S:
            began, calls, failures = monotonic(), 0, 0
        self._window = (began, calls + 1, failures + failed)
        return self._window[1], self._window[2]


class Pulse:
    """A model under one key, and its provider under the same: where the provider is away, none of its models is asked."""

    def __init__(self, model: Watch, provider: Watch) -> None:
        self.model = model
        self.provider = provider

    @property
    def rests_s(self) -> float:
        """For how long nothing should be asked of it: 0 means that it may be asked."""
        return max(self.model.rests_s, self.provider.rests_s)

    @property
    def is_due(self) -> bool:
        """Whether it was left alone, and is to be tried now."""
        return self.rests_s <= 0 and (self.model.is_due or self.provider.is_due)

    def begun(self) -> None:
        """Note that a call goes out."""
        self.model.begun()
        self.provider.begun()

    def ended(self, outcome: Outcome, *, latency_s: float, first_token_s: float | None, tokens: int, retry_after_s: float | None) -> None:
        """Note what became of a call."""
        self.model.ended(outcome, latency_s=latency_s, first_token_s=first_token_s, tokens=tokens, retry_after_s=retry_after_s)
        seen = outcome if outcome in OF_PROVIDERS else Outcome.LEFT
        self.provider.ended(seen, latency_s=latency_s, first_token_s=first_token_s, tokens=tokens, retry_after_s=None)


class Health:
    """How every model has been doing, by its id and the number of the key."""

    def __init__(self, *, cooldown_s: float = 10.0) -> None:
        self._cooldown_s = cooldown_s
        self.tokens = float(PRIOR_TOKENS)
        """How long answers are, of whichever model: an estimate by model would favour those that were asked."""
        self._watches: dict[tuple[str, int], Watch] = {}

    def said(self, tokens: int) -> None:
        """Note how long an answer was."""
        self.tokens += WEIGHT * (tokens - self.tokens)

    def pulse(self, model: str, provider: str, *, key: int) -> Pulse:
        """Return what is known of a model and its provider under one of its keys."""
        return Pulse(self.of(model, key), self.of(f"{provider}/", key))

    def of(self, model: str, key: int) -> Watch:
        """Return what is known of a model under one of its provider's keys."""
        watch = self._watches.get((model, key))
        if watch is None:
            watch = self._watches[model, key] = Watch(self._cooldown_s)
        return watch
