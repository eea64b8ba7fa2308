"""Which model is asked: what may and can be asked is ranked by a strategy, and the answer says why."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from converto.ai.catalogue import Exchange, Spec, usd
from converto.ai.conversation import Candidate, ChatRequest, Routing, Strategy
from converto.ai.health import Health, Pulse
from converto.ai.interface import Options
from converto.ai.refusals import AllBusy, NothingFits, UnknownModel

EXPLORES = 0.01
"""So often, at most, a strategy tries another than the best: a model that has become better is found."""
PRIOR_JUDGEMENTS = 10
"""The catalogue's word on quality counts as much as so many judgements."""
MOST_CANDIDATES = 12
SHOWN = 8
_NO_COST = 1e-9


@dataclass(frozen=True, slots=True)
class Demand:
    """What a question needs, and what it may cost."""

    prompt_tokens: int
    """As they are estimated."""
    most_prompt_tokens: int
    """No more than these."""
    max_tokens: int | None
    default_max_tokens: int
    has_images: bool
    has_addresses: bool
    """Whether the provider has to fetch pictures."""
    has_schema: bool
    max_cost_nano: int | None

    def tokens_for(self, spec: Spec) -> int:
        """Return how long an answer of a model may become."""
        return min(self.max_tokens or self.default_max_tokens, spec.max_output)

    def worst_nano(self, spec: Spec) -> int:
        """Return the most that a model's answer may cost."""
        return 0 if spec.prices is None else spec.prices.worst_nano(self.most_prompt_tokens, self.tokens_for(spec))


@dataclass(slots=True)
class Choice:
    """A model under one of its keys, and how it ranks."""

    spec: Spec
    key: int
    pulse: Pulse
    cost_nano: float
    latency_s: float
    quality: float
    success: float
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Ranking:
    """Models to ask, the best first, and why."""

    choices: Sequence[Choice]
    strategy: str
    candidates: Sequence[Candidate] = field(default_factory=tuple)
    named: bool = False
    """Whether one model was asked for by its name."""

    def reason(self, chosen: Spec) -> str:
        """Say in a sentence why a model was asked."""
        first = self.choices[0]
        if chosen is not first.spec:
            return f"{first.spec.id} came first by {self.strategy}, but did not answer; this was the next."
        if self.named and len({choice.spec for choice in self.choices}) == 1:
            return "It was asked for by name."
        what = {
            Strategy.COST: f"the least expected cost for a success, {usd(int(first.cost_nano))} USD",
            Strategy.SPEED: f"the shortest expected time, {first.latency_s:.2f} s",
            Strategy.QUALITY: f"the highest quality, {first.quality:.2f}",
            Strategy.COST_PERFORMANCE: f"the best of {first.quality:.2f} quality, {usd(int(first.cost_nano))} USD, {first.latency_s:.2f} s",
        }
        among = len({choice.spec for choice in self.choices})
        return f"Of {among} that fit it has {what[Strategy(self.strategy)]}." if among > 1 else "It is the only one that fits."

    def routing(self, chosen: Spec) -> Routing:
        """Say why a model was asked, and what became of the others."""
        return Routing(strategy=self.strategy, chosen=chosen.id, reason=self.reason(chosen), candidates=tuple(self.candidates[:SHOWN]))


class Selector:
    """Ranks the models of a catalogue."""

    def __init__(self, specs: Sequence[Spec], keys: Mapping[str, int], health: Health, *, exchange: Exchange) -> None:
        self._specs = specs
        self._keys = keys
        self._health = health
        self._exchange = exchange
        self._by_name: dict[str, list[Spec]] = {}
        for spec in specs:
            for name in {spec.id, spec.model, f"{spec.provider}/{spec.model}"}:
                self._by_name.setdefault(name, []).append(spec)
        self._random = random.Random()  # noqa: S311 - what it decides is no secret

    def rank(self, request: ChatRequest, demand: Demand, options: Options, *, judged: Mapping[str, tuple[int, float]]) -> Ranking:
        """Return the models to ask. Raises UnknownModel, NothingFits, AllBusy."""
        strategy, wanted, named = self._wanted(request, options)
        excluded: dict[str, str] = {}
        fitting = [spec for spec in wanted if self._fits(spec, demand, options, excluded=excluded)]
        choices = [self._choice(spec, key, demand, judged=judged) for spec in fitting for key in range(self._keys.get(spec.provider, 1))]
        awake, asleep = _parted(choices)
        if not awake:
            self._refuse(choices, excluded)
        ranked = self._ranked(awake, strategy, options)
        if named and request.allow_fallback:
            others = [spec for spec in self._specs if spec not in wanted and self._fits(spec, demand, options, excluded=excluded)]
            more = [self._choice(spec, key, demand, judged=judged) for spec in others for key in range(self._keys.get(spec.provider, 1))]
            ranked += self._ranked(_parted(more)[0], strategy, options)
        resting = {choice.spec.id: f"it failed lately: {choice.pulse.model.last_failure}" for choice in asleep}
        candidates = [self._candidate(choice) for choice in ranked[:MOST_CANDIDATES]]
        candidates += [Candidate(model=model, excluded=why) for model, why in {**excluded, **resting}.items()]
        return Ranking(ranked, strategy.value, candidates, named)

    def _wanted(self, request: ChatRequest, options: Options) -> tuple[Strategy, Sequence[Spec], bool]:
        """Return the strategy, the models that the wish is for, and whether it names one."""
        wish = request.model_preference
        strategy = request.strategy or options.strategy
        if wish is None or wish == "auto":
            return strategy, self._specs, False
        if wish in tuple(Strategy):
            return Strategy(wish), self._specs, False
        exact = self._by_name.get(wish)
        if exact is not None:
            return strategy, exact, True
        family = [spec for spec in self._specs if wish in (spec.family, spec.provider)]
        family = family or [spec for spec in self._specs if spec.id.startswith(wish) or spec.model.startswith(wish)]
        if not family:
            raise UnknownModel(model=wish)
        return strategy, family, False

    def _fits(self, spec: Spec, demand: Demand, options: Options, *, excluded: dict[str, str]) -> bool:
        why = _unfit(spec, demand) or ("the company does not allow it" if not allows(options, spec) else None)
        if why is not None:
            excluded[spec.id] = why
        return why is None

    def _choice(self, spec: Spec, key: int, demand: Demand, *, judged: Mapping[str, tuple[int, float]]) -> Choice:
        pulse = self._health.pulse(spec.id, spec.provider, key=key)
        watch = pulse.model
        said = min(demand.tokens_for(spec), self._health.tokens)
        prices = spec.prices
        cost = 0.0 if prices is None else (demand.prompt_tokens * prices.input + said * prices.output) / 1000
        return Choice(spec, key, pulse, cost, watch.expected_s(said), quality_of(spec, judged), max(0.01, watch.expected_success))

    def _ranked(self, choices: list[Choice], strategy: Strategy, options: Options) -> list[Choice]:
        score(choices, strategy, options)
        ranked = sorted(choices, key=lambda choice: (-choice.score, choice.cost_nano, choice.key))
        if strategy is Strategy.SPEED and len(ranked) > 1 and self._random.random() < EXPLORES:
            other = self._random.randrange(1, len(ranked))
            ranked[0], ranked[other] = ranked[other], ranked[0]
        # one that was left alone for long enough is tried by the next question, whatever it is ranked by: or it might never come back
        due = next((choice for choice in ranked if choice.pulse.is_due), None)
        return ranked if due is None else [due, *(choice for choice in ranked if choice is not due)]

    def _candidate(self, choice: Choice) -> Candidate:
        cost = self._exchange.euros(int(choice.cost_nano))
        return Candidate(model=choice.spec.id, score=round(choice.score, 6), expected_cost=cost)

    def _refuse(self, choices: Sequence[Choice], excluded: Mapping[str, str]) -> None:
        if choices:
            rest_s = min(choice.pulse.rests_s for choice in choices)
            raise AllBusy(retry_after_s=max(1, math.ceil(rest_s)))
        summary = "; ".join(f"{model}: {why}" for model, why in list(excluded.items())[:3])
        raise NothingFits(summary=summary, excluded=dict(excluded))


def _parted(choices: Sequence[Choice]) -> tuple[list[Choice], list[Choice]]:
    """Return the models that may be asked, and those that are left alone."""
    awake: list[Choice] = []
    asleep: list[Choice] = []
    for choice in choices:
        (awake if choice.pulse.rests_s <= 0 else asleep).append(choice)
    return awake, asleep


def score(choices: Sequence[Choice], strategy: Strategy, options: Options) -> None:
    """Give each model its score by a strategy; the highest is the best."""
    if strategy is Strategy.COST_PERFORMANCE:
        costs = _normalised([math.log(max(choice.cost_nano / choice.success, _NO_COST)) for choice in choices])
        latencies = _normalised([math.log(max(choice.latency_s / choice.success, _NO_COST)) for choice in choices])
        qualities = _normalised([choice.quality for choice in choices])
        for choice, cost, latency, quality in zip(choices, costs, latencies, qualities, strict=True):
            choice.score = options.quality_weight * quality - options.cost_weight * cost - options.latency_weight * latency
        return
    for choice in choices:
        if strategy is Strategy.COST:
            choice.score = -choice.cost_nano / choice.success
        elif strategy is Strategy.SPEED:
            choice.score = -choice.latency_s * (1 + choice.pulse.model.in_flight) / choice.success
        else:
            choice.score = choice.quality


def _normalised(values: Sequence[float]) -> list[float]:
    least, most = min(values, default=0.0), max(values, default=0.0)
    return [(value - least) / (most - least) if most > least else 0.0 for value in values]


def quality_of(spec: Spec, judged: Mapping[str, tuple[int, float]]) -> float:
    """Return a model's quality: the catalogue's, moved by what people said of its answers."""
    count, total = judged.get(spec.id, (0, 0.0))
    return (PRIOR_JUDGEMENTS * spec.quality + total) / (PRIOR_JUDGEMENTS + count)


def allows(options: Options, spec: Spec) -> bool:
    """Tell whether a company lets a model be asked."""
    return options.allowed is None or bool({spec.id, spec.model, spec.family, spec.provider} & set(options.allowed))


def _unfit(spec: Spec, demand: Demand) -> str | None:
    """Return why a model cannot be asked, if it cannot."""
    reasons = (
        (spec.prices is None, "its price is not known"),
        (demand.has_images and not spec.images, "it takes no pictures"),
        (demand.has_addresses and spec.provider == "gemini", "it takes no pictures by address"),
        (demand.has_schema and not spec.schema, "it keeps to no schema"),
        (demand.prompt_tokens + demand.tokens_for(spec) > spec.context, "its context is too short"),
    )
    for unfit, why in reasons:
        if unfit:
            return why
    if demand.max_cost_nano is not None and (worst := demand.worst_nano(spec)) > demand.max_cost_nano:
        return f"it could cost {usd(worst)} USD"
    return None
