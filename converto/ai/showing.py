"""Answers, models and their health as others see them."""

from collections.abc import Mapping
from typing import Any, Literal

from converto.ai.call import Delta
from converto.ai.catalogue import Catalogue, Exchange, Spec, per_million, usd
from converto.ai.conversation import Completion, Tokens
from converto.ai.executor import Answer, Order
from converto.ai.health import Health, Watch
from converto.ai.interface import AiHealth, Model, ModelHealth, Models, Options
from converto.ai.providers import Providers
from converto.ai.selection import allows, quality_of


class Told:
    """What a stream has told so far."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}

    def take(self, delta: Delta) -> None:
        """Take some more."""
        if delta.text:
            self._texts.append(delta.text)
        for part in delta.tool_calls:
            call = self._calls.setdefault(
                int(part.get("index", 0)), {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
            )
            call["id"] = part.get("id") or call["id"]
            function = part.get("function") or {}
            call["function"]["name"] += function.get("name") or ""
            call["function"]["arguments"] += function.get("arguments") or ""

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._texts)

    @property
    def tool_calls(self) -> tuple[dict[str, Any], ...]:
        """The tool calls so far."""
        return tuple(call for _, call in sorted(self._calls.items()))


def completion_of(order: Order, answer: Answer, *, exchange: Exchange, masked: Mapping[str, int], told: Told | None = None) -> Completion:
    """Return an answer as whoever asked sees it."""
    usage = answer.usage
    # what goes in here is our own: to check it again would take as long as the rest
    return Completion.model_construct(
        id=order.id,
        created_at=order.at,
        text=answer.result.text if told is None else told.text,
        tool_calls=answer.result.tool_calls if told is None else told.tool_calls,
        finish_reason=answer.result.finish_reason,
        model=answer.spec.id,
        provider=answer.spec.provider,
        strategy=order.ranking.strategy,
        usage=Tokens.model_construct(
            prompt_tokens=usage.prompt,
            completion_tokens=usage.completion,
            cached_tokens=usage.cached,
            cache_write_tokens=usage.cache_write,
        ),
        usage_source=answer.usage_source,
        cost=exchange.euros(answer.cost_nano),
        cost_usd=usd(answer.cost_nano),
        latency_ms=order.latency_ms,
        attempts=tuple(order.attempts),
        routing=order.ranking.routing(answer.spec),
        cached=False,
        masked=dict(masked),
        warnings=tuple(sorted(order.warnings)),
    )


def again(completion: Completion) -> Completion:
    """Return an answer that is given once more: it costs nothing."""
    nothing = {"cost": completion.cost.model_copy(update={"amount": completion.cost.amount * 0}), "cost_usd": usd(0)}
    return completion.model_copy(update={**nothing, "cached": True, "attempts": (), "latency_ms": 0})


def models_of(catalogue: Catalogue, health: Health, *, options: Options, judged: Mapping[str, tuple[int, float]]) -> Models:
    """Return every model that can be asked."""
    items = tuple(
        Model(
            id=spec.id,
            provider=spec.provider,
            model=spec.model,
            family=spec.family,
            **_prices(spec),
            context=spec.context,
            max_output=spec.max_output,
            vision=spec.images,
            response_schema=spec.schema,
            quality=round(quality_of(spec, judged), 3),
            allowed=allows(options, spec),
            health=model_health(health.of(spec.id, 0)),
        )
        for spec in catalogue.specs
    )
    exchange = catalogue.exchange
    return Models(
        items=items,
        catalogue_version=catalogue.version,
        sources=tuple(catalogue.sources),
        eur_per_usd=exchange.eur_per_usd,
        eur_rate_date=exchange.date,
    )


def _prices(spec: Spec) -> dict[str, Any]:
    prices = spec.prices
    return {
        "input_usd_per_million": None if prices is None else per_million(prices.input),
        "output_usd_per_million": None if prices is None else per_million(prices.output),
        "cached_input_usd_per_million": None if prices is None else per_million(prices.cached_input),
        "price_version": None if prices is None else prices.version,
    }


def model_health(watch: Watch) -> ModelHealth:
    """Return how a model has been doing."""
    states: Mapping[str, Literal["closed", "open", "half-open"]] = {"closed": "closed", "open": "open", "half-open": "half-open"}
    return ModelHealth(
        state=states[watch.state],
        cooldown_s=None if watch.cooldown_s is None else round(watch.cooldown_s, 1),
        calls=watch.calls,
        failures=watch.failures,
        success_rate=round(watch.expected_success, 3),
        latency_ms=round(watch.latency_s * 1000, 1),
        p50_ms=watch.histogram.quantile_ms(0.5),
        p95_ms=watch.histogram.quantile_ms(0.95),
        p99_ms=watch.histogram.quantile_ms(0.99),
        first_token_ms=round(watch.first_token_s * 1000, 1) if watch.calls else None,
        in_flight=watch.in_flight,
        last_failure=watch.last_failure,
    )


def health_of(catalogue: Catalogue, health: Health, providers: Providers, *, unsettled: int) -> AiHealth:
    """Return whether models can be asked."""
    models = {spec.id: model_health(health.of(spec.id, 0)) for spec in catalogue.specs}
    states: dict[str, str] = {}
    for provider in providers.dialects:
        own = [models[spec.id] for spec in catalogue.specs if spec.provider == provider]
        states[provider] = _state(own)
    if not models:
        return AiHealth(status="not_configured", providers=states, models={}, unsettled=unsettled)
    is_well = any(state == "ok" for state in states.values())
    return AiHealth(status="ok" if is_well else "degraded", providers=states, models=models, unsettled=unsettled)


def _state(models: list[ModelHealth]) -> str:
    if not models:
        return "no models: name them in the settings"
    if all(model.state == "open" for model in models):
        return f"failing: {models[0].last_failure}"
    return "ok"
