"""A provider dies and comes back: nobody sees it, hardly a call is wasted, and it is asked again soon."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from converto.ai.conversation import Outcome, Strategy
from converto.ai.health import Watch
from converto.kernel.actor import Actor
from tests.ai.house import House, opened


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Return a process that leaves a model alone for a short while."""
    async with opened(tmp_path_factory.mktemp("ai"), CONVERTO_AI_COOLDOWN_S="0.5") as house:
        yield house


@pytest.mark.parametrize("strategy", list(Strategy))
async def test_a_provider_that_dies_is_left_alone_and_found_again(house: House, aino: Actor, strategy: Strategy) -> None:
    first = (await house.ask(aino, strategy=strategy)).provider
    house.fake.broken[first] = "503"
    house.fake.calls.clear()
    answers = [await house.ask(aino, strategy=strategy) for _ in range(10)]
    wasted = house.fake.calls[first]
    assert wasted <= 3 + 1  # three find it out; one more where the short cooldown of this test is over already
    assert all(answer.provider != first for answer in answers)
    del house.fake.broken[first]
    await asyncio.sleep(1.1)  # the cooldown, and the longer one where a probe came between
    after = [(await house.ask(aino, strategy=strategy)).provider for _ in range(20)]
    assert first in after


async def test_too_many_requests_rest_for_as_long_as_the_provider_asks(house: House, aino: Actor) -> None:
    house.fake.broken["openai"] = "429"
    house.fake.retry_after_s = 30
    await house.ask(aino, model_preference="gpt-4o", allow_fallback=True)
    health_now = (await house.ai.health()).models["openai-gpt-4o"]
    assert health_now.state == "open"
    assert 20 < (health_now.cooldown_s or 0) <= 30
    house.fake.calls.clear()
    await house.ask(aino, model_preference="gpt-4o-mini", allow_fallback=True)
    assert house.fake.calls["openai"] == 1  # another model of the provider may still be asked


async def test_a_wrong_request_speaks_against_no_model(house: House, aino: Actor) -> None:
    house.fake.broken["openai"] = "400"
    for _ in range(5):
        await asyncio.gather(house.ask(aino, model_preference="gpt-4o"), return_exceptions=True)
    assert (await house.ai.health()).models["openai-gpt-4o"].state == "closed"


@pytest.mark.parametrize("outcome", [Outcome.RATE_LIMITED, Outcome.SERVER_ERROR])
def test_who_says_when_to_come_back_is_not_asked_before(outcome: Outcome) -> None:
    watch = Watch(10.0)
    watch.begun()
    watch.ended(outcome, latency_s=0.1, first_token_s=None, tokens=0, retry_after_s=5.0)
    assert 4 < watch.rests_s <= 5
