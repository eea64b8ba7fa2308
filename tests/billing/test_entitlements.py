from datetime import UTC, datetime, timedelta

import pytest

from converto.billing.entitlements import HOLDS_UNHEARD, Account, Override, Status, granted, granted_by_default
from converto.billing.interface import NewSubscription
from converto.billing.payments import NotSold
from converto.billing.plans import CATALOGUE, Feature, Interval, Limit, cheapest_with, on_sale
from tests.billing.house import House, somebody

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PAID = Account(trial_ends_at=NOW - 90 * DAY, plan="professional", plan_version=1, subscription_status="active", paid_until=NOW + DAY)


def test_the_plans_cost_what_was_said() -> None:
    assert [(plan.name, plan.cents[Interval.MONTH]) for plan in on_sale(NOW.date())] == [
        ("starter", 2_900),
        ("professional", 9_900),
        ("enterprise", 29_900),
    ]


def test_every_plan_says_of_every_feature_how_much() -> None:
    assert all(set(plan.limits) == set(Feature) for plan in CATALOGUE)


def test_a_trial_has_the_starters_limits_and_then_nothing() -> None:
    account = Account(trial_ends_at=NOW)
    before, after = granted(account, NOW - DAY), granted(account, NOW)
    assert (before.plan, before.status, before.limits[Feature.OCR_SCANS].value) == ("starter", Status.TRIALING, 500)
    assert (after.status, after.limits[Feature.OCR_SCANS].value) == (Status.READ_ONLY, 0)


def test_a_paid_plan_holds_72_hours_beyond_what_is_paid_where_nothing_is_heard() -> None:
    end = NOW + DAY + HOLDS_UNHEARD
    assert granted(PAID, end - timedelta(seconds=1)).status is Status.ACTIVE
    assert granted(PAID, end).status is Status.READ_ONLY


@pytest.mark.parametrize(("grace_days", "status"), [(1, Status.PAST_DUE), (0, Status.READ_ONLY)])
def test_after_a_failed_payment_everything_goes_on_for_the_days_of_grace(grace_days: int, status: Status) -> None:
    account = Account(plan="professional", plan_version=1, subscription_status="past_due", grace_until=NOW + grace_days * DAY)
    assert granted(account, NOW).status is status


@pytest.mark.parametrize("status", ["canceled", "unpaid", "incomplete", "incomplete_expired", "paused", "something new"])
def test_without_a_running_subscription_what_is_there_can_only_be_read(status: str) -> None:
    assert granted(Account(plan="starter", subscription_status=status, trial_ends_at=NOW + DAY), NOW).status is Status.READ_ONLY


def test_what_was_agreed_stands_above_the_plan_while_it_lasts() -> None:
    agreed = Override(Feature.SEATS, Limit(40), since=NOW - DAY, until=NOW + DAY)
    account = Account(plan="professional", plan_version=1, subscription_status="active", paid_until=NOW + 9 * DAY, overrides=(agreed,))
    assert [granted(account, at).limits[Feature.SEATS].value for at in (NOW - 2 * DAY, NOW, NOW + DAY)] == [15, 40, 15]


def test_where_nobody_sells_anything_everything_is_allowed() -> None:
    held = granted_by_default("unlimited", Account(), NOW)
    assert {limit.value for limit in held.limits.values()} == {None}


@pytest.mark.parametrize(("needed", "plan"), [(500, "starter"), (501, "professional"), (5_001, "enterprise"), (50_001, None)])
def test_the_next_plan_is_the_cheapest_that_is_enough(needed: int, plan: str | None) -> None:
    assert cheapest_with(Feature.OCR_SCANS, needed, on=NOW.date()) == plan


async def test_a_new_company_tries_for_fourteen_days(trials: House) -> None:
    held = await trials.billing.entitlements(somebody())
    assert held.trial_ends_at is not None
    assert (held.status, held.plan) == ("trialing", "starter")
    assert held.trial_ends_at - held.period_start == 14 * DAY


async def test_where_nobody_sells_anything_there_is_no_plan_to_be_asked_for(unsold: House) -> None:
    assert await unsold.billing.plan_of(somebody()) is None


async def test_where_nobody_sells_anything_nothing_can_be_bought(unsold: House) -> None:
    with pytest.raises(NotSold):
        await unsold.billing.subscribe(somebody(), NewSubscription(plan="starter"))
