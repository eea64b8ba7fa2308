from decimal import Decimal
from typing import Any

import pytest

from converto.ai.call import Usage
from converto.ai.catalogue import Exchange, Prices, Spec
from converto.ai.conversation import ChatRequest, Outcome, Strategy
from converto.ai.health import Health
from converto.ai.interface import Options
from converto.ai.refusals import AllBusy, NothingFits
from converto.ai.selection import Demand, Ranking, Selector, quality_of

CHEAP, FAST, GOOD = "x-cheap", "x-fast", "x-good"


def spec(name: str, *, price: int, quality: float, **more: Any) -> Spec:
    given: dict[str, Any] = {"family": "x", "context": 8000, "max_output": 1000, "images": True, "schema": True, "fixed_temperature": False}
    return Spec(provider="x", model=name, prices=Prices(price, price, price, price, "v"), quality=quality, **(given | more))


def demand(**more: Any) -> Demand:
    given: dict[str, Any] = {"prompt_tokens": 100, "most_prompt_tokens": 400, "max_tokens": 100, "default_max_tokens": 100}
    none: dict[str, Any] = {"has_images": False, "has_addresses": False, "has_schema": False, "max_cost_nano": None}
    return Demand(**(given | none | more))


class Town:
    def __init__(self, *specs: Spec) -> None:
        self.health = Health()
        specs = specs or (
            spec("cheap", price=10, quality=0.5),
            spec("fast", price=200, quality=0.6),
            spec("good", price=3000, quality=0.95),
        )
        self.selector = Selector(specs, {}, self.health, exchange=Exchange(Decimal(1), "2026-01-01"))

    def took(self, model: str, seconds: float, outcome: Outcome = Outcome.OK) -> None:
        pulse = self.health.pulse(model, "x", key=0)
        pulse.begun()
        pulse.ended(outcome, latency_s=seconds, first_token_s=seconds / 2, tokens=100, retry_after_s=None)

    def rank(self, options: Options | None = None, **more: Any) -> Ranking:
        wants = {name: more.pop(name) for name in list(more) if name in ChatRequest.model_fields}
        judged = more.pop("judged", {})
        return self.selector.rank(ChatRequest(**wants), demand(**more), options or Options(), judged=judged)

    def best(self, **more: Any) -> str:
        return self.rank(**more).choices[0].spec.id


def test_each_strategy_has_its_own_best() -> None:
    town = Town()
    for model, seconds in ((CHEAP, 3.0), (FAST, 0.1), (GOOD, 3.0)):
        for _ in range(5):
            town.took(model, seconds)
    found = {strategy: town.best(strategy=strategy) for strategy in (Strategy.COST, Strategy.SPEED, Strategy.QUALITY)}
    assert found == {Strategy.COST: CHEAP, Strategy.SPEED: FAST, Strategy.QUALITY: GOOD}


def test_a_model_that_often_fails_costs_more_for_a_success() -> None:
    town = Town(spec("a", price=100, quality=0.5), spec("b", price=120, quality=0.5))
    town.took("x-a", 1.0, Outcome.SERVER_ERROR)
    town.took("x-a", 1.0, Outcome.SERVER_ERROR)
    assert town.best(strategy=Strategy.COST) == "x-b"


def test_calls_in_flight_make_a_model_slower() -> None:
    town = Town(spec("a", price=1, quality=0.5), spec("b", price=1, quality=0.5))
    for _ in range(3):
        town.health.of("x-a", 0).begun()
    assert sum(town.best(strategy=Strategy.SPEED) == "x-b" for _ in range(50)) >= 45


def test_a_tenants_weights_move_the_default() -> None:
    assert Town().best(options=Options(quality_weight=1, cost_weight=0, latency_weight=0)) == GOOD
    assert Town().best(options=Options(quality_weight=0, cost_weight=1, latency_weight=0)) == CHEAP


def test_judgements_move_quality_as_far_as_there_are_many() -> None:
    good = spec("good", price=1, quality=0.9)
    assert quality_of(good, {}) == pytest.approx(0.9)
    assert quality_of(good, {"x-good": (10, 0.0)}) == pytest.approx(0.45)
    assert Town().best(strategy=Strategy.QUALITY, judged={GOOD: (40, 0.0)}) == FAST


@pytest.mark.parametrize(
    ("lack", "need", "why"),
    [
        ({"images": False}, {"has_images": True}, "pictures"),
        ({"schema": False}, {"has_schema": True}, "schema"),
        ({"context": 150}, {}, "context"),
        ({}, {"max_cost_nano": 1}, "could cost"),
    ],
)
def test_what_cannot_do_it_is_left_out_with_its_reason(lack: dict[str, Any], need: dict[str, Any], why: str) -> None:
    with pytest.raises(NothingFits, match=why):
        Town(spec("a", price=1000, quality=0.5, **lack)).rank(**need)


def test_a_model_without_a_price_is_never_asked() -> None:
    unpriced = Spec("x", "a", "x", None, 8000, 1000, images=True, schema=True, fixed_temperature=False, quality=1)
    with pytest.raises(NothingFits, match="price is not known"):
        Town(unpriced).rank()


def test_a_company_narrows_what_may_be_asked() -> None:
    ranking = Town().rank(options=Options(allowed=("cheap", GOOD)))
    assert {choice.spec.id for choice in ranking.choices} == {CHEAP, GOOD}
    assert any(one.model == FAST and one.excluded for one in ranking.candidates)


def test_where_all_are_left_alone_it_says_for_how_long() -> None:
    town = Town(spec("a", price=1, quality=0.5))
    for _ in range(3):
        town.took("x-a", 1.0, Outcome.SERVER_ERROR)
    with pytest.raises(AllBusy) as refused:
        town.rank()
    assert 1 <= (refused.value.retry_after_s or 0) <= 10


def test_the_reason_names_what_was_best() -> None:
    ranking = Town().rank(strategy=Strategy.COST)
    assert "least expected cost" in ranking.reason(ranking.choices[0].spec)
    assert "did not answer" in ranking.reason(ranking.choices[1].spec)


def test_tokens_cost_what_the_table_says_to_the_nano_dollar() -> None:
    prices = Prices(input=75_000, output=600_000, cached_input=37_500, cache_write=93_750, version="v")
    assert prices.cost_nano(Usage(1001, 7, cached=500, cache_write=100)) == 62_400
