"""Dates and times of day."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converto.ocr.understanding.dates import find_dates, find_times


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("14.11.2026 17:42", "2026-11-14"),
        ("25 K25 M000025/3572E  14:37  10-11-2017", "2017-11-10"),
        ("REF. 345706E  20.10.17 17:43:07  AUT: 15", "2017-10-20"),
        ("KO01 M078134/1243 13.24 1.8.2026", "2026-08-01"),
        ("2026-11-14", "2026-11-14"),
        ("2026/11/14", "2026-11-14"),
        ("14 Nov 2026", "2026-11-14"),
        ("14. marraskuuta 2026", "2026-11-14"),
        ("den 14 november 2026", "2026-11-14"),
        ("14. März 2026", "2026-03-14"),
        ("Nov 14, 2026", "2026-11-14"),
        ("01-NOV-2026", "2026-11-01"),
        ("12/13/2016", "2016-12-13"),
    ],
)
def test_a_date_is_read_however_it_is_written(text: str, date: str) -> None:
    assert [found.value.isoformat() for found in find_dates(text)] == [date]


@pytest.mark.parametrize("text", ["31.02.2026", "1.439", "0400 123 456", "99.99.2026", "FI21 1234 5600 0007 85", "12,34", "1.2.3.4"])
def test_what_is_no_date_is_not_taken_for_one(text: str) -> None:
    assert find_dates(text) == []


@pytest.mark.parametrize("text", ["1771172026", "17711/2026", "17/1l/2026", "20261117", "17112026"])
def test_a_date_with_misread_strokes_is_guessed_and_says_so(text: str) -> None:
    assert find_dates(text) == []
    assert [(found.value, found.guessed) for found in find_dates(text, lenient=True)] == [(datetime.date(2026, 11, 17), True)]


@given(st.dates(min_value=datetime.date(2000, 1, 1), max_value=datetime.date(2060, 12, 31)))
def test_any_date_is_read_back_from_the_finnish_form(date: datetime.date) -> None:
    assert [found.value for found in find_dates(f"Pvm {date.day}.{date.month}.{date.year}")] == [date]


@pytest.mark.parametrize(
    ("text", "time"),
    [("17:42", "17:42:00"), ("17:42:07", "17:42:07"), ("klo 13.24", "13:24:00"), ("07:10:35 PM", "19:10:35"), ("12:05 am", "00:05:00")],
)
def test_a_time_of_day_is_read(text: str, time: str) -> None:
    assert [found.value.isoformat() for found in find_times(text)] == [time]


@pytest.mark.parametrize("text", ["25:00", "12:75", "1:23:45:67", "10:5"])
def test_what_is_no_time_of_day_is_not_taken_for_one(text: str) -> None:
    assert find_times(text) == []
