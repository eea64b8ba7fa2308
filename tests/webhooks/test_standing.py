"""What a failed attempt means for an endpoint."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from converto.events.webhooks.interface import DisabledBecause
from converto.events.webhooks.sender import Answer
from converto.events.webhooks.standing import Standing, after_failure

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WELL = Standing(failures=0, failing_since=None, paused_until=None, disabled_at=None, disabled_because=None)


def failed(standing: Standing, status: int = 500, *, retry_after_s: float | None = None, is_probe: bool = False) -> Standing:
    answer = Answer(latency_ms=1, status_code=status, error=f"answered {status}", retry_after_s=retry_after_s)
    return after_failure(standing, answer, is_probe=is_probe, at=NOON, breaker_failures=5, disable_after=timedelta(days=5))


def paused_s(standing: Standing) -> float | None:
    return None if standing.paused_until is None else (standing.paused_until - NOON).total_seconds()


def test_the_first_failure_is_the_one_since_which_it_fails() -> None:
    earlier = NOON - timedelta(hours=1)
    assert failed(WELL) == replace(WELL, failures=1, failing_since=NOON)
    assert failed(replace(WELL, failures=1, failing_since=earlier)) == replace(WELL, failures=2, failing_since=earlier)


def test_the_fifth_failure_in_a_row_brings_a_pause() -> None:
    assert [paused_s(failed(replace(WELL, failures=before))) for before in (3, 4)] == [None, 30]


def test_what_was_under_way_when_the_pause_began_says_nothing_new() -> None:
    paused = failed(replace(WELL, failures=4))
    assert failed(paused) == paused


def test_a_probe_that_fails_brings_a_longer_pause() -> None:
    probed = replace(WELL, failures=5, failing_since=NOON, paused_until=NOON + timedelta(minutes=5))  # while it is out
    assert (failed(probed, is_probe=True).failures, paused_s(failed(probed, is_probe=True))) == (6, 60)


@pytest.mark.parametrize(("status", "seconds"), [(429, 90), (503, 90), (500, None)])
def test_one_that_is_busy_is_left_in_peace_for_as_long_as_it_asks(status: int, seconds: float | None) -> None:
    assert paused_s(failed(WELL, status, retry_after_s=90)) == seconds


def test_one_that_is_gone_is_disabled_and_one_that_its_owner_disabled_stays_so() -> None:
    asked = replace(WELL, disabled_at=NOON - timedelta(hours=1), disabled_because=DisabledBecause.ASKED)
    assert failed(WELL, 410) == replace(WELL, disabled_at=NOON, disabled_because=DisabledBecause.GONE)
    assert failed(asked, 410) == asked


def test_five_days_of_failures_disable_it() -> None:
    since = {days: replace(WELL, failures=1, failing_since=NOON - timedelta(days=days)) for days in (4, 5)}
    assert [failed(since[days]).disabled_because for days in (4, 5)] == [None, DisabledBecause.FAILING]
