from collections import deque
from decimal import Decimal

import pytest

from converto.ai.conversation import Outcome, UsageSource
from converto.ai.refusals import NothingAsked, ProviderFailed, Rejected, Truncated, UnknownModel
from converto.kernel.actor import Actor
from converto.kernel.errors import Forbidden
from converto.kernel.money import Ceiling
from tests.ai.house import House, question, somebody

WORDS = "The receipt says twelve euros and forty cents."
ONE_OF_EACH = {"openai": "gpt-4o", "anthropic": "claude-haiku-4-5", "gemini": "gemini-2.5-flash"}


@pytest.mark.parametrize("provider", ONE_OF_EACH)
async def test_a_model_of_each_dialect_answers_and_its_tokens_are_paid_as_its_table_says(house: House, aino: Actor, provider: str) -> None:
    completion = await house.ask(aino, "[cached] mitä?", model_preference=ONE_OF_EACH[provider])
    assert (completion.text, completion.finish_reason, completion.provider) == (WORDS, "stop", provider)
    bill = house.fake.bills[-1]
    usage = completion.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens) == (bill.prompt, bill.completion, bill.cached)
    assert completion.usage_source is UsageSource.PROVIDER
    assert completion.cost_usd > 0


@pytest.mark.parametrize("provider", ONE_OF_EACH)
async def test_a_stream_of_each_dialect_comes_bit_by_bit_and_ends_with_what_it_cost(house: House, aino: Actor, provider: str) -> None:
    text, end = await house.streamed(aino, "[cached] mitä?", model_preference=ONE_OF_EACH[provider])
    bill = house.fake.bills[-1]
    assert (text, end.text, end.finish_reason) == (WORDS, WORDS, "stop")
    assert (end.usage.prompt_tokens, end.usage.completion_tokens) == (bill.prompt, bill.completion)
    assert end.usage_source is UsageSource.PROVIDER


@pytest.mark.parametrize("provider", ONE_OF_EACH)
async def test_a_stream_that_is_cut_is_truncated_and_its_estimate_is_in_the_ledger(house: House, aino: Actor, provider: str) -> None:
    house.fake.broken[provider] = "cut"
    with pytest.raises(Truncated):
        await house.streamed(aino, model_preference=ONE_OF_EACH[provider])
    row = [row for row in await house.calls() if row.tenant_id == aino.tenant_id][-1]
    assert (row.outcome, row.usage_source) == ("truncated", "estimated")
    assert row.cost_nano > 0


@pytest.mark.parametrize("provider", ONE_OF_EACH)
async def test_an_answer_without_its_usage_is_paid_by_an_estimate(house: House, aino: Actor, provider: str) -> None:
    house.fake.broken[provider] = "no-usage"
    completion = await house.ask(aino, model_preference=ONE_OF_EACH[provider])
    assert completion.usage_source is UsageSource.ESTIMATED
    assert completion.cost_usd > 0


@pytest.mark.parametrize("provider", ONE_OF_EACH)
async def test_an_answer_without_a_finish_reason_is_truncated_and_never_whole(house: House, aino: Actor, provider: str) -> None:
    house.fake.broken[provider] = "cut"
    with pytest.raises(Truncated):
        await house.ask(aino, model_preference=ONE_OF_EACH[provider])


@pytest.mark.parametrize("fault", ["500", "503", "429", "reset", "malformed", "401"])
async def test_another_model_answers_where_one_fails(house: House, aino: Actor, fault: str) -> None:
    house.fake.broken["openai"] = fault
    completion = await house.ask(aino, model_preference="gpt-4o", allow_fallback=True)
    assert completion.provider != "openai"
    assert [attempt.outcome for attempt in completion.attempts][-1] is Outcome.OK
    assert "did not answer" in completion.routing.reason


async def test_a_model_that_is_named_is_replaced_by_no_other(house: House, aino: Actor) -> None:
    house.fake.broken["openai"] = "500"
    with pytest.raises(ProviderFailed):
        await house.ask(aino, model_preference="gpt-4o")
    assert set(house.fake.calls) == {"openai"}


async def test_the_only_model_gets_a_second_chance(house: House, aino: Actor) -> None:
    house.fake.faults["openai"] = deque(["503"])
    completion = await house.ask(aino, model_preference="gpt-4o")
    assert [attempt.outcome for attempt in completion.attempts] == [Outcome.SERVER_ERROR, Outcome.OK]


async def test_a_request_that_is_wrong_is_asked_of_nobody_else(house: House, aino: Actor) -> None:
    house.fake.broken = dict.fromkeys(ONE_OF_EACH, "400")
    with pytest.raises(Rejected, match="scripted 400"):
        await house.ask(aino)
    assert sum(house.fake.calls.values()) == 1


async def test_what_costs_more_than_allowed_is_not_asked(house: House, aino: Actor) -> None:
    completion = await house.ask(aino, max_tokens=100, max_cost=Ceiling(amount=Decimal("0.0001"), currency="USD"))
    assert completion.cost_usd < Decimal("0.0001")
    assert any("could cost" in (one.excluded or "") for one in completion.routing.candidates) or completion.routing.candidates


async def test_an_unknown_model_is_not_found(house: House, aino: Actor) -> None:
    with pytest.raises(UnknownModel):
        await house.ask(aino, model_preference="no-such-model")


async def test_a_family_and_an_old_name_find_their_models(house: House, aino: Actor) -> None:
    assert (await house.ask(aino, model_preference="claude")).provider == "anthropic"
    assert (await house.ask(aino, model_preference="openai-gpt-4")).model.startswith("openai-gpt-4")


async def test_nothing_is_asked_where_nothing_is_said(house: House, aino: Actor) -> None:
    with pytest.raises(NothingAsked):
        await house.ai.chat(aino, question().model_copy(update={"messages": ()}))


async def test_who_may_only_read_asks_nothing(house: House) -> None:
    with pytest.raises(Forbidden):
        await house.ask(somebody().model_copy(update={"scopes": frozenset({"ai:read"})}))


async def test_a_schema_goes_along_and_its_answer_comes_back(house: House, aino: Actor) -> None:
    house.fake.answer = '{"total":"12.40"}'
    schema = {"type": "object", "properties": {"total": {"type": "string"}}}
    for model in ONE_OF_EACH.values():
        assert (await house.ask(aino, model_preference=model, response_schema=schema)).text == house.fake.answer
        assert (await house.streamed(aino, model_preference=model, response_schema=schema))[0] == house.fake.answer
