"""Periods, due dates and fees."""

import datetime
import itertools
from decimal import Decimal

import pytest

from converto.vat.calendar import (
    BadPeriod,
    PeriodKind,
    due_date,
    easter_sunday,
    late_fee,
    next_banking_day,
    period,
    period_of,
    periods_between,
    recapitulative_due,
)

# Easter Sundays as the tables of the churches have them, from 1994 on.
EASTERS = [
    "04-03",
    "04-16",
    "04-07",
    "03-30",
    "04-12",
    "04-04",
    "04-23",
    "04-15",
    "03-31",
    "04-20",
    "04-11",
    "03-27",
    "04-16",
    "04-08",
    "03-23",
    "04-12",
    "04-04",
    "04-24",
    "04-08",
    "03-31",
    "04-20",
    "04-05",
    "03-27",
    "04-16",
    "04-01",
    "04-21",
    "04-12",
    "04-04",
    "04-17",
    "04-09",
    "03-31",
    "04-20",
    "04-05",
    "03-28",
    "04-16",
    "04-01",
    "04-21",
    "04-13",
    "03-28",
    "04-17",
    "04-09",
    "03-25",
    "04-13",
    "04-05",
    "04-25",
    "04-10",
    "04-01",
]
YEARS = range(1994, 2041)


def closed() -> set[datetime.date]:
    """Return the holidays of those years from the table, told apart from the program's own reckoning."""
    days = set()
    for year, easter in zip(YEARS, EASTERS, strict=True):
        sunday = datetime.date.fromisoformat(f"{year}-{easter}")
        days |= {sunday + datetime.timedelta(days=after) for after in (-2, 0, 1, 39)}
        days |= {datetime.date.fromisoformat(f"{year}-{day}") for day in ("01-01", "01-06", "05-01", "12-06", "12-24", "12-25", "12-26")}
    return days


@pytest.mark.parametrize(
    ("last", "kind", "due"),
    [
        ("2026-01-31", "month", "2026-03-12"),
        ("2026-03-31", "quarter", "2026-05-12"),
        ("2026-07-31", "month", "2026-09-14"),
        ("2020-02-29", "month", "2020-04-14"),
        ("2026-12-31", "year", "2027-03-01"),
        ("2027-12-31", "year", "2028-02-29"),
        ("2020-01-31", "month", "2020-03-12"),
        ("2024-10-31", "month", "2024-12-12"),
        ("2025-10-31", "month", "2025-12-12"),
    ],
)
def test_a_period_is_due_on_the_day_that_the_tax_administration_publishes(last: str, kind: str, due: str) -> None:
    assert due_date(datetime.date.fromisoformat(last), PeriodKind(kind)) == datetime.date.fromisoformat(due)


def test_due_dates_from_1994_to_2040_equal_an_independent_calculation() -> None:
    shut, wrong = closed(), []
    for year in range(1994, 2040):
        for month in range(1, 13):
            key = f"{year}-{month:02}"
            ahead = month + 1
            expected = datetime.date(year + ahead // 12, ahead % 12 + 1, 12)
            while expected.isoweekday() > 5 or expected in shut:
                expected = datetime.date.fromordinal(expected.toordinal() + 1)
            if period(key).due != expected:
                wrong.append(key)
        end_of_february = datetime.date(year + 1, 3, 1) - datetime.timedelta(days=1)
        while end_of_february.isoweekday() > 5:
            end_of_february += datetime.timedelta(days=1)
        if period(str(year)).due != end_of_february:
            wrong.append(str(year))
        wrong += [f"{year}-Q{at}" for at in range(1, 5) if period(f"{year}-Q{at}").due != period(f"{year}-{3 * at:02}").due]
    assert wrong == []


def test_easter_is_as_the_tables_have_it() -> None:
    assert [f"{easter_sunday(year):%m-%d}" for year in YEARS] == EASTERS


@pytest.mark.parametrize(
    ("day", "next_day"),
    [
        ("2026-05-01", "2026-05-04"),
        ("2026-06-19", "2026-06-22"),
        ("2026-12-24", "2026-12-28"),
        ("2025-12-06", "2025-12-08"),
        ("2026-03-12", "2026-03-12"),
    ],
)
def test_a_term_that_ends_on_a_holiday_ends_on_the_next_working_day(day: str, next_day: str) -> None:
    assert next_banking_day(datetime.date.fromisoformat(day)) == datetime.date.fromisoformat(next_day)


def test_the_recapitulative_statement_is_due_on_the_20th_of_the_next_month() -> None:
    assert recapitulative_due(datetime.date(2026, 8, 31)) == datetime.date(2026, 9, 21)


# The first three are the worked examples of the Tax Administration's page on late-filing penalties.
@pytest.mark.parametrize(
    ("days", "payable", "fee"),
    [
        (35, "5000", "105"),
        (50, "5000", "235"),
        (50, "-5000", "135"),
        (50, "0", "135"),
        (45, "5000", "135"),
        (0, "5000", "0"),
        (-3, "9", "0"),
    ],
)
def test_being_late_costs_what_the_authority_says(days: int, payable: str, fee: str) -> None:
    assert late_fee(days, Decimal(payable)) == Decimal(fee)


def test_a_late_replacement_costs_no_daily_fee() -> None:
    assert [late_fee(days, Decimal(5000), replaces=True) for days in (45, 46)] == [0, 100]


@pytest.mark.parametrize("key", ["2026-13", "2026-Q5", "26-01", "2026-1", "", "2026-00", "1026", "2026-Q", "2026-11\n"])
def test_what_is_no_period_is_refused(key: str) -> None:
    with pytest.raises(BadPeriod):
        period(key)


def test_periods_follow_one_another_without_a_gap() -> None:
    for kind in PeriodKind:
        found = list(periods_between(datetime.date(2024, 2, 14), datetime.date(2026, 11, 23), kind))
        assert found[0].first == datetime.date(2024, 2, 14)
        assert all(before.last + datetime.timedelta(days=1) == after.first for before, after in itertools.pairwise(found))
        assert period_of(datetime.date(2026, 11, 23), kind) == found[-1]
