from decimal import Decimal

import pytest

from converto.ai.accounts import Hold, Settled
from converto.ai.catalogue import Exchange
from converto.ai.conversation import Outcome, UsageSource
from converto.ai.uses import TOLD_TOGETHER, usage_settled
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id, now
from tests.ai.house import somebody

RATE = Exchange(Decimal("0.5"), "2026-03-13")


def settled(actor: Actor, outcome: Outcome = Outcome.OK, *, cost: int = 3000) -> Settled:
    hold = Hold(
        id=new_id(), tenant_id=actor.tenant_id, completion_id=new_id(), user_id=None, api_key_id=None, at=now(), amount=cost, floor=0,
        provider="openai", model="openai-gpt-4o", price_version="1", floor_tokens=0, streamed=False,
    )  # fmt: skip
    return Settled(hold, cost, outcome, UsageSource.PROVIDER, 10, prompt=7, completion=2)


def test_each_company_is_told_of_by_itself_and_of_so_many_answers_together() -> None:
    anna, berta = somebody(), somebody()
    mine = [settled(anna) for _ in range(TOLD_TOGETHER + 1)]
    told = list(usage_settled([*mine, settled(berta)], RATE))
    assert [(event.tenant_id, len(event.uses)) for event in told] == [
        (anna.tenant_id, 2 * TOLD_TOGETHER),
        (anna.tenant_id, 2),
        (berta.tenant_id, 2),
    ]
    keys = [use.key for event in told if event.tenant_id == anna.tenant_id for use in event.uses]
    assert keys == [f"ai:{one.hold.completion_id}" for one in mine for _ in range(2)]


@pytest.mark.parametrize(("cost", "micros"), [(0, 0), (1, 1), (2000, 1), (2001, 2), (3000, 2)])
def test_tokens_are_added_and_a_part_of_a_millionth_of_a_euro_is_a_whole_one(cost: int, micros: int) -> None:
    (event,) = usage_settled([settled(somebody(), cost=cost)], RATE)
    assert [(use.feature, use.quantity) for use in event.uses] == [("ai_tokens_per_month", 9), ("ai_spend_per_month", micros)]


@pytest.mark.parametrize(("outcome", "count"), [(Outcome.OK, 1), (Outcome.LEFT, 1), (Outcome.TRUNCATED, 0), (Outcome.LOST, 0)])
def test_who_leaves_pays_and_nobody_for_what_broke_off(outcome: Outcome, count: int) -> None:
    assert len(list(usage_settled([settled(somebody(), outcome)], RATE))) == count
