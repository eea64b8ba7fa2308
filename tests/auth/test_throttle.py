from datetime import UTC, datetime, timedelta

from converto.auth.throttle import Throttle, account_of

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
THROTTLE = Throttle(free=5, longest_s=900)


def test_the_wait_doubles_after_the_free_failures_and_ends_at_the_longest() -> None:
    waits = [THROTTLE.wait(failures).total_seconds() for failures in (0, 5, 6, 7, 8, 15, 16, 17, 10**6)]

    assert waits == [0, 0, 1, 2, 4, 512, 900, 900, 900]


def test_failures_in_a_row_are_counted_until_a_day_has_passed() -> None:
    assert THROTTLE.failures(3, AT - timedelta(hours=24), AT) == 4
    assert THROTTLE.failures(3, AT - timedelta(hours=24, seconds=1), AT) == 1


def test_an_account_does_not_show_its_email() -> None:
    assert b"aino" not in account_of("aino@example.fi")
    assert account_of("aino@example.fi") == account_of("aino@example.fi")
