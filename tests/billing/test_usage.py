import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from converto.billing.entitlements import Override
from converto.billing.interface import BadMoment, BadSpan, ForeignUsage, KeyReused, LimitReached, Usage, Use
from converto.billing.ledger import Act, Asked
from converto.billing.models import CounterRow, UsageRow
from converto.billing.plans import Feature, Limit
from converto.billing.repository import Accounts, Usages
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id, now
from converto.kernel.errors import Forbidden
from tests.billing.house import SCANS, House, somebody

LIMIT = 500


def scan(key: str = "", quantity: int = 1) -> Use:
    return Use(feature=SCANS, key=f"ocr:{key or new_id()}", quantity=quantity)


def used(quantity: int, key: str | None = None, **more: datetime) -> Usage:
    return Usage(feature=SCANS, quantity=quantity, idempotency_key=key, **more)


async def test_what_is_used_is_counted_and_what_is_left_is_told(starters: House) -> None:
    recorded = await starters.billing.record(somebody(), used(7))
    assert (recorded.used, recorded.limit, recorded.remaining) == (7, LIMIT, LIMIT - 7)
    assert recorded.period.start <= now() < recorded.period.end


async def test_the_same_key_is_counted_once(starters: House) -> None:
    anna = somebody()
    answers = await asyncio.gather(*(starters.billing.record(anna, used(3, "a")) for _ in range(20)))
    assert {answer.used for answer in answers} == {3}


async def test_who_waits_for_the_end_finds_counted_what_nobody_waits_for(starters: House) -> None:
    anna = somebody()
    counting, moment = starters.service.counting, now()
    asking = asyncio.create_task(counting.count(Asked(anna.tenant_id, Act.RECORD, (scan(quantity=3),), moment, moment)))
    await asyncio.sleep(0)  # it has asked
    asking.cancel()
    await counting.finished()
    assert await starters.used(anna) == (3, 0)


async def test_the_same_key_with_another_quantity_is_refused(starters: House) -> None:
    anna = somebody()
    await starters.billing.record(anna, used(3, "a"))
    with pytest.raises(KeyReused):
        await starters.billing.record(anna, used(4, "a"))


async def test_over_a_hard_limit_nothing_is_counted_and_the_refusal_says_what_to_do(starters: House) -> None:
    anna = somebody()
    await starters.billing.record(anna, used(LIMIT - 1))
    with pytest.raises(LimitReached) as refused:
        await starters.billing.record(anna, used(2))
    details = refused.value.details
    assert (details["used"], details["limit"], details["upgrade_to"]) == (LIMIT - 1, LIMIT, "professional")
    assert datetime.fromisoformat(details["resets_at"]) > now()
    assert await starters.used(anna) == (LIMIT - 1, 0)


async def test_of_many_at_once_exactly_as_many_pass_as_the_limit_allows(starters: House) -> None:
    anna = somebody()
    answers = await asyncio.gather(*(starters.billing.reserve(anna, (scan(),)) for _ in range(LIMIT + 60)), return_exceptions=True)
    assert sum(isinstance(answer, LimitReached) for answer in answers) == 60
    assert await starters.used(anna) == (0, LIMIT)


async def test_what_is_held_is_used_once_it_is_confirmed_and_free_once_released(starters: House) -> None:
    anna, good, bad = somebody(), scan(), scan()
    await starters.billing.reserve(anna, (good, bad))
    await starters.billing.confirm(anna, (good,))
    await starters.billing.release(anna, (bad, good))
    assert await starters.used(anna) == (1, 0)


async def test_thousands_of_uses_at_once_are_counted_each_under_its_feature_and_key(starters: House) -> None:
    anna, others = somebody(), [somebody(), somebody()]
    every = [tuple(Use(feature=Feature.AI_TOKENS, key=f"ai:{new_id()}") for _ in range(300)) for _ in range(6)]
    await asyncio.gather(*(starters.billing.reserve(anna, uses) for uses in every[:3]))
    # the same keys stand for another feature, too, and are used by others
    spent = [tuple(use.model_copy(update={"feature": Feature.AI_SPEND}) for use in uses) for uses in every]
    confirming = [starters.billing.confirm(whose, uses) for uses in (*every, *spent) for whose in (anna, *others)]
    await asyncio.gather(*confirming, starters.billing.confirm(anna, every[0]))
    for whose in (anna, *others):
        for feature in (Feature.AI_TOKENS, Feature.AI_SPEND):
            assert await starters.used(whose, feature) == (1800, 0)


async def test_what_came_to_another_quantity_is_counted_with_that(starters: House) -> None:
    anna, tokens = somebody(), Use(feature="ai_tokens_per_month", key="chat:1", quantity=4_000)
    await starters.billing.reserve(anna, (tokens,))
    await starters.billing.confirm(anna, (tokens.model_copy(update={"quantity": 1_234}),))
    assert await starters.used(anna, "ai_tokens_per_month") == (1_234, 0)


async def test_several_are_held_together_or_not_at_all(starters: House) -> None:
    anna = somebody()
    with pytest.raises(LimitReached):
        await starters.billing.reserve(anna, (scan(), scan(quantity=LIMIT)))
    assert await starters.used(anna) == (0, 0)


async def test_what_was_released_may_be_held_and_done_after_all(starters: House) -> None:
    anna, one = somebody(), scan()
    for ask in (starters.billing.reserve, starters.billing.release, starters.billing.reserve, starters.billing.confirm):
        await ask(anna, (one,))
    assert await starters.used(anna) == (1, 0)


async def test_what_is_held_for_too_long_is_free_again(starters: House) -> None:
    anna, one = somebody(), scan()
    await starters.billing.reserve(anna, (one,))
    async with starters.database.writing() as session:
        past = now() - timedelta(seconds=1)
        await session.execute(update(UsageRow).where(UsageRow.tenant_id == anna.tenant_id).values(expires_at=past))
    assert await starters.service.counting.expire() == 1
    assert await starters.used(anna) == (0, 0)


async def test_a_correction_is_an_entry_of_its_own_and_made_once(starters: House) -> None:
    anna, one = somebody(), scan(quantity=5)
    await starters.billing.confirm(anna, (one,))
    for _ in range(2):
        await starters.billing.correct(anna, SCANS, key=one.key)
    assert await starters.used(anna) == (0, 0)
    assert await _entries(starters, anna) == {one.key: 5, f"correction:{one.key}": -5}


async def test_what_comes_late_counts_in_the_period_in_which_it_was_used(starters: House) -> None:
    anna = somebody()
    late = await starters.billing.record(anna, used(9, occurred_at=now().replace(day=1, hour=0, minute=0) - timedelta(days=1)))
    assert (late.used, late.period.end <= now()) == (9, True)
    assert await starters.used(anna) == (0, 0)


async def test_a_late_retry_of_what_was_counted_in_the_period_before_is_no_second_use(starters: House) -> None:
    anna = somebody()
    first = await starters.billing.record(anna, used(2, "late", occurred_at=now().replace(day=1, hour=0, minute=0) - timedelta(days=1)))
    assert await starters.billing.record(anna, used(2, "late")) == first
    assert await starters.used(anna) == (0, 0)


@pytest.mark.parametrize("away", [timedelta(days=-36), timedelta(minutes=6)])
async def test_what_is_too_old_or_to_come_is_refused(starters: House, away: timedelta) -> None:
    with pytest.raises(BadMoment):
        await starters.billing.record(somebody(), used(1, occurred_at=now() + away))


async def test_80_and_100_per_cent_are_told_once_each(starters: House) -> None:
    anna = somebody()
    for quantity in (399, 1, 50, 50):
        await starters.billing.record(anna, used(quantity))
    assert [(one["percent"], one["used"]) for one in await starters.told(anna, "billing.limit")] == [(80, 400), (100, 500)]


async def test_what_was_used_is_told_and_adds_up(starters: House) -> None:
    anna = somebody()
    await asyncio.gather(*(starters.billing.record(anna, used(2)) for _ in range(10)))
    told = await starters.told(anna, "billing.usage")
    assert (sum(one["quantity"] for one in told), max(one["used"] for one in told)) == (20, 20)


async def test_a_soft_limit_tells_and_refuses_nobody(starters: House) -> None:
    anna = somebody()
    async with starters.database.writing() as session:
        await Accounts(session).agree(anna.tenant_id, Override(Feature.OCR_SCANS, Limit(10, is_hard=False), since=now()), reason="a friend")
    assert (await starters.billing.record(anna, used(25))).remaining == 0
    assert [one["percent"] for one in await starters.told(anna, "billing.limit")] == [80, 100]


async def test_usage_is_shown_by_feature_and_day(starters: House) -> None:
    anna, yesterday = somebody(), now() - timedelta(days=1)
    for quantity, at in ((1, now()), (2, now()), (4, yesterday)):
        await starters.billing.record(anna, used(quantity, occurred_at=at))
    (shown,) = await starters.billing.usage(anna, feature=SCANS)
    assert [(one.day, one.quantity) for one in shown.days] == [(yesterday.astimezone(UTC).date(), 4), (now().date(), 3)]
    assert shown.quantity == 7


async def test_days_that_are_too_many_or_none_are_refused(starters: House) -> None:
    for since, until in (("2026-02-01", "2026-01-01"), ("2020-01-01", "2026-01-01")):
        with pytest.raises(BadSpan):
            await starters.billing.usage(somebody(), since=datetime.fromisoformat(since).date(), until=datetime.fromisoformat(until).date())


async def test_a_company_records_its_own_usage_alone(starters: House) -> None:
    with pytest.raises(ForeignUsage):
        await starters.billing.record(somebody(), used(1), tenant_id=UUID(int=1))


async def test_who_may_only_read_records_nothing(starters: House) -> None:
    with pytest.raises(Forbidden):
        await starters.billing.record(somebody("billing:read"), used(1))


@pytest.mark.parametrize(("feature", "level", "allowed"), [("seats", 3, True), ("seats", 4, False), ("api_access", 1, False)])
async def test_what_is_not_counted_is_allowed_up_to_its_level(starters: House, feature: str, level: int, *, allowed: bool) -> None:
    if allowed:
        await starters.billing.allow(somebody(), feature, level=level)
        return
    with pytest.raises(LimitReached) as refused:
        await starters.billing.allow(somebody(), feature, level=level)
    assert refused.value.details["upgrade_to"] == "professional"


async def test_a_counter_that_is_wrong_is_found_and_made_anew_from_the_events(starters: House) -> None:
    anna = somebody()
    await starters.billing.record(anna, used(5))
    await starters.billing.reserve(anna, (scan(),))
    async with starters.database.writing() as session:
        await session.execute(update(CounterRow).where(CounterRow.tenant_id == anna.tenant_id).values(used=4))
    async with starters.database.writing() as session:
        (drift,) = await Usages(session).drift()
        assert (drift.counted, drift.true) == ((4, 1), (5, 1))
        await Usages(session).repair([drift])
        assert await Usages(session).drift() == []
    assert await starters.used(anna) == (5, 1)


async def test_where_nobody_sells_anything_work_is_counted_and_nobody_is_told(unsold: House) -> None:
    anna, one = somebody(), scan(quantity=10**9)
    await unsold.billing.reserve(anna, (one,))
    await unsold.billing.confirm(anna, (one,))
    await unsold.billing.allow(anna, "seats", level=10**6)
    assert await unsold.used(anna) == (10**9, 0)
    assert await unsold.told(anna) == []


async def _entries(house: House, actor: Actor) -> dict[str, int]:
    async with house.database.reading() as session:
        found = await session.execute(UsageRow.__table__.select().where(UsageRow.tenant_id == actor.tenant_id))
        return {row.key: row.quantity for row in found}
