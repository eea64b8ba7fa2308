import asyncio
from collections import Counter, deque
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import pytest
from sqlalchemy import update

from converto.ai.catalogue import usd
from converto.ai.conversation import Outcome
from converto.ai.events import BudgetReached, CompletionFinished, UsageSettled
from converto.ai.interface import BudgetChange
from converto.ai.models import ReservationRow
from converto.ai.refusals import BudgetExceeded, UnknownCurrency
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id, now
from converto.kernel.context import Context, within
from converto.kernel.money import Ceiling, Money
from tests.ai.house import House, hosted, question, somebody

MODEL = "gpt-4o"


def dollars(nano: int) -> Ceiling:
    return Ceiling(amount=usd(nano), currency="USD")


async def worst(house: House, actor: Actor) -> int:
    """Return what a question of these tests is reserved at."""
    house.fake.latency_s = 0.2
    asking = asyncio.create_task(house.ask(actor, model_preference=MODEL, max_tokens=50))
    while not house.fake.calls:  # noqa: ASYNC110 - the call is on its way to another task
        await asyncio.sleep(0.005)
    reserved = (await house.spending(actor)).reserved_nano
    await asking
    house.fake.latency_s = 0.0
    return reserved


async def test_what_was_reserved_is_free_again_and_what_was_spent_is_kept(kept: House, aino: Actor) -> None:
    completion = await kept.ask(aino, model_preference=MODEL)
    standing = await kept.spending(aino)
    member = await kept.spending(aino, f"member:{aino.user_id}")
    assert (standing.spent_nano, standing.reserved_nano) == (int(completion.cost_usd * 10**9), 0)
    assert member.spent_nano == standing.spent_nano
    assert await kept.reservations() == 0


async def test_of_many_at_once_exactly_as_many_are_admitted_as_the_budget_holds(kept: House) -> None:
    one = await worst(kept, somebody())
    aino = somebody()
    await kept.ai.set_budget(aino, BudgetChange(hard=dollars(10 * one + one // 2)))
    kept.fake.latency_s = 1.0
    kept.fake.calls.clear()
    asked = [kept.ask(aino, model_preference=MODEL, max_tokens=50) for _ in range(60)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(answer, BudgetExceeded) for answer in answers) == 50
    assert kept.fake.calls["openai"] == 10
    assert (await kept.spending(aino)).reserved_nano == 0


async def test_a_call_that_is_over_makes_room_for_the_next_at_once(kept: House) -> None:
    one = await worst(kept, somebody())
    aino = somebody()
    await kept.ai.set_budget(aino, BudgetChange(hard=dollars(one + one // 2)))
    for _ in range(3):  # what the one before it took is in no database yet
        await kept.ai.chat(aino, question(model_preference=MODEL, max_tokens=50))


async def test_what_a_process_had_reserved_that_died_is_free_again_and_in_the_ledger_as_lost(kept: House, aino: Actor) -> None:
    kept.fake.latency_s = 3600
    asking = asyncio.create_task(kept.ask(aino, model_preference=MODEL))
    while not kept.fake.calls:  # noqa: ASYNC110 - the call is on its way to another task
        await asyncio.sleep(0.005)
    async with kept.database.writing() as session:  # as if nobody had said for long that the process lives
        await session.execute(update(ReservationRow).values(until=now().replace(year=2025)))
    await kept.service.ledger.look_after()
    rows = await kept.calls()
    assert [(row.outcome, row.usage_source) for row in rows] == [("lost", "estimated")]
    standing = await kept.spending(aino)
    assert (standing.reserved_nano, standing.spent_nano) == (0, rows[0].cost_nano)
    asking.cancel()
    await asyncio.wait([asking])
    rows = await kept.calls()
    assert [row.outcome for row in rows] == ["left"]  # it lived after all: its own word stands instead
    assert (await kept.spending(aino)).spent_nano == rows[0].cost_nano


async def test_a_key_and_a_member_have_budgets_of_their_own(kept: House, aino: Actor) -> None:
    key_id = new_id()
    program = aino.model_copy(update={"user_id": None, "api_key_id": key_id})
    await kept.ai.set_budget(aino, BudgetChange(subject=f"key:{key_id}", hard=dollars(1)))
    with pytest.raises(BudgetExceeded, match=f"key:{key_id}"):
        await kept.ask(program, model_preference=MODEL)
    assert (await kept.ask(aino, model_preference=MODEL)).text


async def test_a_limit_that_is_reached_is_told_once(kept: House, aino: Actor) -> None:
    await kept.ai.set_budget(aino, BudgetChange(soft=dollars(1)))
    first = await kept.ask(aino, model_preference=MODEL)
    await kept.service.ledger.flushed()
    second = await kept.ask(aino, model_preference=MODEL)
    assert (first.warnings, second.warnings) == ((), ("soft_budget_reached",))
    (told,) = await kept.told(BudgetReached.type)
    assert told.data["limit"] == "soft"


async def test_every_answer_is_told_with_what_it_cost(kept: House, aino: Actor) -> None:
    completion = await kept.ask(aino, model_preference=MODEL)
    (told,) = await kept.told(CompletionFinished.type)
    event = told.open(CompletionFinished)
    assert (event.completion_id, event.cost_usd, event.outcome) == (completion.id, completion.cost_usd, "ok")


async def test_an_answer_is_told_in_the_trace_of_its_question(kept: House, aino: Actor) -> None:
    with within(Context()) as asked:
        await kept.ask(aino, model_preference=MODEL)
    (told,) = await kept.told(CompletionFinished.type)
    assert told.trace_parent == asked.trace_parent


async def test_billing_is_told_once_of_each_answer_that_is_paid(kept: House, aino: Actor) -> None:
    kept.fake.faults["openai"] = deque(["cut"])  # what breaks off is asked for once more, and paid once
    answers = await asyncio.gather(*[kept.ask(whose, model_preference=MODEL) for whose in (aino, aino, somebody())])
    envelopes = await kept.told(UsageSettled.type)
    told = [envelope.open(UsageSettled) for envelope in envelopes]
    assert all(envelope.internal for envelope in envelopes)
    assert {event.tenant_id for event in told} == {aino.tenant_id, *[row.tenant_id for row in await kept.calls()]}
    assert Counter((use.feature, use.key, use.quantity) for event in told for use in event.uses) == Counter(
        (feature, f"ai:{answer.id}", quantity)
        for answer in answers
        for feature, quantity in (
            ("ai_tokens_per_month", answer.usage.prompt_tokens + answer.usage.completion_tokens),
            ("ai_spend_per_month", int(answer.cost.amount.scaleb(6).to_integral_value(ROUND_CEILING))),
        )
    )


async def test_usage_adds_up_by_day_model_and_member(kept: House, aino: Actor) -> None:
    answers = [await kept.ask(aino, model_preference=model) for model in (MODEL, MODEL, "claude-haiku-4-5")]
    today = now().date()
    report = await kept.ai.usage(aino, today, today, by=("day", "model", "member"))
    assert [(line.model, line.calls) for line in report.items] == [("anthropic-claude-haiku-4-5", 1), ("openai-gpt-4o", 2)]
    assert {line.member for line in report.items} == {aino.user_id}
    assert report.total.cost_usd == sum((answer.cost_usd for answer in answers), Decimal(0))
    assert (await kept.ai.usage(somebody(), today, today, by=("day",))).total.calls == 0


async def test_a_budget_is_in_euros_or_dollars(kept: House, aino: Actor) -> None:
    with pytest.raises(UnknownCurrency):
        await kept.ai.set_budget(aino, BudgetChange(hard=Ceiling(amount=Decimal(1), currency="SEK")))
    budget = await kept.ai.set_budget(aino, BudgetChange(hard=Ceiling(amount=Decimal(10), currency="EUR")))
    assert budget.hard == budget.remaining == Money(amount=Decimal("10.000000000"), currency="EUR")


async def test_calls_are_listed_a_page_at_a_time_and_nobody_elses(kept: House, aino: Actor) -> None:
    for _ in range(3):
        await kept.ask(aino, model_preference=MODEL)
    first = await kept.ai.calls(aino, limit=2)
    rest = await kept.ai.calls(aino, limit=2, cursor=first.next_cursor)
    assert [len(first.items), len(rest.items), rest.next_cursor] == [2, 1, None]
    assert (await kept.ai.calls(somebody())).items == ()


async def test_who_goes_away_pays_for_what_was_said_by_an_estimate(kept: House, aino: Actor) -> None:
    kept.fake.chunk_pause_s = 0.02
    pieces = kept.ai.chat_stream(aino, question(model_preference=MODEL))
    await anext(pieces)
    await pieces.aclose()  # type: ignore[attr-defined]
    (row,) = await kept.calls()
    assert (row.outcome, row.usage_source) == (Outcome.LEFT.value, "estimated")
    assert row.cost_nano > 0
    assert await kept.reservations() == 0


async def test_another_process_counts_on_the_same_budget(data_dir: Path, kept: House, aino: Actor, database_url: str | None) -> None:
    one = await worst(kept, somebody())
    await kept.ai.set_budget(aino, BudgetChange(hard=dollars(3 * one)))
    kept.fake.latency_s = 0.5
    async with hosted(data_dir, database_url) as (_, _, other):
        asked = [kept.ask(aino, model_preference=MODEL, max_tokens=50) for _ in range(4)]
        asked += [other.chat(aino, question(model_preference=MODEL, max_tokens=50)) for _ in range(4)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(answer, BudgetExceeded) for answer in answers) == 5
