from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converto.billing.periods import CALENDAR, months_after, period_of

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is added


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("anchor", "moment", "start", "end"),
    [
        ("2026-01-31T10:00", "2026-02-15T00:00", "2026-01-31T10:00", "2026-02-28T10:00"),
        ("2026-01-31T10:00", "2026-02-28T10:00", "2026-02-28T10:00", "2026-03-31T10:00"),
        ("2026-01-31T10:00", "2026-04-01T00:00", "2026-03-31T10:00", "2026-04-30T10:00"),
        ("2028-02-29T00:00", "2029-03-01T00:00", "2029-02-28T00:00", "2029-03-29T00:00"),
        ("2026-03-15T12:00", "2026-03-01T00:00", "2026-02-15T12:00", "2026-03-15T12:00"),
        ("2026-12-31T23:59", "2027-01-01T00:00", "2026-12-31T23:59", "2027-01-31T23:59"),
    ],
)
def test_a_period_begins_on_the_anchors_day_or_the_months_last(anchor: str, moment: str, start: str, end: str) -> None:
    assert period_of(at(anchor), at(moment)) == (at(start), at(end))


@given(MOMENTS, MOMENTS)
def test_a_moment_lies_in_its_period_and_periods_leave_no_gap(anchor: datetime, moment: datetime) -> None:
    period = period_of(anchor, moment)
    assert period.start <= moment < period.end
    assert period_of(anchor, period.end).start == period.end
    assert period_of(anchor, period.start - timedelta(microseconds=1)).end == period.start


def test_without_an_anchor_periods_are_calendar_months() -> None:
    assert period_of(CALENDAR, at("2026-11-23T12:00")) == (at("2026-11-01"), at("2026-12-01"))


def test_a_day_that_a_month_has_not_comes_back_the_month_after() -> None:
    assert [months_after(at("2026-08-31"), months).day for months in range(4)] == [31, 30, 31, 30]
