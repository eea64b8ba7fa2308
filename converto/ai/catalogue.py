"""The models that can be asked here: what each can do and costs, by a dated file and by the settings."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from converto.ai.call import Usage
from converto.ai.settings import AiSettings, Price
from converto.kernel.money import Money

NANO = 10**9
LOCAL = frozenset({"ollama", "vllm"})
OWN_HARDWARE = "own-hardware"
LOCAL_CONTEXT = 32_768
LOCAL_QUALITY = 0.4
"""What is expected of a model that no table ranks."""


@dataclass(frozen=True, slots=True)
class Prices:
    """What a model costs, in whole pico-USD a token: 0.075 USD a million tokens are 75,000. Answers are rounded to nano-USD once."""

    input: int
    output: int
    cached_input: int
    cache_write: int
    version: str

    def cost_nano(self, usage: Usage) -> int:
        """Return what an answer costs in nano-USD."""
        plain = usage.prompt - usage.cached - usage.cache_write
        pico = plain * self.input + usage.cached * self.cached_input + usage.cache_write * self.cache_write + usage.completion * self.output
        return (pico + 500) // 1000

    def worst_nano(self, prompt_tokens: int, max_tokens: int) -> int:
        """Return the most that an answer may cost: every token of the prompt at the dearest of its prices."""
        pico = prompt_tokens * max(self.input, self.cache_write) + max_tokens * self.output
        return (pico + 999) // 1000


@dataclass(frozen=True, slots=True)
class Spec:
    """A model of one provider."""

    provider: str
    model: str
    """What the provider calls it."""
    family: str
    prices: Prices | None
    context: int
    max_output: int
    images: bool
    schema: bool
    fixed_temperature: bool
    """It takes no temperature of ours."""
    quality: float

    @property
    def id(self) -> str:
        """What it is called here."""
        return f"{self.provider}-{self.model}"


@dataclass(frozen=True, slots=True)
class Exchange:
    """How dollars are shown in euros."""

    eur_per_usd: Decimal
    date: str

    def euros(self, nano_usd: int) -> Money:
        """Return an amount in euros, to the billionth."""
        amount = (Decimal(nano_usd) / NANO * self.eur_per_usd).quantize(Decimal("1e-9"), ROUND_HALF_UP)
        return Money(amount=amount, currency="EUR")

    def nano_usd(self, money: Money) -> int | None:
        """Return an amount in nano-USD, or None in a currency whose rate is not known."""
        rate = {"EUR": self.eur_per_usd, "USD": Decimal(1)}.get(money.currency)
        return None if rate is None else int((money.amount / rate * NANO).to_integral_value())


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What can be asked."""

    version: str
    sources: Sequence[str]
    specs: Sequence[Spec]
    exchange: Exchange


def usd(nano_usd: int) -> Decimal:
    """Return an amount in USD."""
    return Decimal(nano_usd).scaleb(-9)


def per_million(pico: int) -> Decimal:
    """Return a price as tables have it, in USD a million tokens."""
    return Decimal(pico).scaleb(-6)


@cache
def _file() -> Mapping[str, Any]:
    told: Mapping[str, Any] = json.loads(files("converto.ai").joinpath("catalogue.json").read_text(encoding="utf-8"))
    return told


def catalogue_of(settings: AiSettings, others: Mapping[str, Mapping[str, Any]] | None = None) -> Catalogue:
    """Return the models that these settings have keys or addresses for; `others` are entries of litellm's table, by its names."""
    told = _file()
    rate = settings.eur_per_usd or Decimal(told["exchange"]["eur_per_usd"])
    date = settings.eur_rate_date if settings.eur_per_usd is not None else told["exchange"]["date"]
    known = {entry["model"]: entry for entry in told["models"]}
    specs = [*_of_table(settings, told), *_named(settings, known, told["version"]), *_of_litellm(settings, others or {})]
    return Catalogue(told["version"], tuple(told["sources"]), specs, Exchange(rate, date))


def _of_table(settings: AiSettings, told: Mapping[str, Any]) -> Iterator[Spec]:
    for entry in told["models"]:
        if getattr(settings, f"{entry['provider']}_api_key") is not None:
            yield _spec(settings, entry, provider=entry["provider"], model=entry["model"], version=told["version"])


def _named(settings: AiSettings, known: Mapping[str, Mapping[str, Any]], version: str) -> Iterator[Spec]:
    """Yield the models that the settings name one by one."""
    azure = settings.azure_models if settings.azure_base_url and settings.azure_api_key else ()
    openrouter = settings.openrouter_models if settings.openrouter_api_key else ()
    ollama = settings.ollama_models if settings.ollama_base_url else ()
    vllm = settings.vllm_models if settings.vllm_base_url else ()
    for provider, names in (("azure", azure), ("openrouter", openrouter), ("ollama", ollama), ("vllm", vllm)):
        for name in names:
            model, _, inside = name.partition("=")
            entry = {} if provider in LOCAL else known.get((inside or model).rpartition("/")[2], {})
            yield _spec(settings, entry, provider=provider, model=model, version=version)


def _spec(settings: AiSettings, entry: Mapping[str, Any], *, provider: str, model: str, version: str) -> Spec:
    own = settings.prices.get(model) or settings.prices.get(model.upper()) or settings.prices.get(model.lower())
    return Spec(
        provider=provider,
        model=model,
        family=entry.get("family") or model.rpartition("/")[2].split("-", maxsplit=1)[0].split(":", maxsplit=1)[0],
        prices=_own_price(own) if own is not None else _table_price(entry, provider, version),
        context=entry.get("context", LOCAL_CONTEXT),
        max_output=entry.get("max_output", LOCAL_CONTEXT),
        images=entry.get("images", provider in LOCAL),
        schema=entry.get("schema", provider in LOCAL),
        fixed_temperature=entry.get("fixed_temperature", False),
        quality=entry.get("quality", LOCAL_QUALITY),
    )


def _own_price(price: Price) -> Prices:
    paid, cached = _pico(price.input), _pico(price.cached_input if price.cached_input is not None else price.input)
    return Prices(paid, _pico(price.output), cached, paid, "settings")


def _table_price(entry: Mapping[str, Any], provider: str, version: str) -> Prices | None:
    if provider in LOCAL:
        return Prices(0, 0, 0, 0, OWN_HARDWARE)
    if entry.get("input") is None or entry.get("output") is None:
        return None
    paid = entry["input"]
    cached, write = entry.get("cached_input") or paid, entry.get("cache_write") or paid
    return Prices(_pico(paid), _pico(entry["output"]), _pico(cached), _pico(write), version)


def _pico(usd_per_million: str | Decimal) -> int:
    return int((Decimal(usd_per_million) * 10**6).to_integral_value(ROUND_HALF_UP))


def _of_litellm(settings: AiSettings, others: Mapping[str, Mapping[str, Any]]) -> Iterator[Spec]:
    for name in settings.litellm_models:
        yield _spec(settings, others.get(name, {}), provider="litellm", model=name, version=str(others.get(name, {}).get("version", "")))
