import random

import pytest

from converto.kernel.errors import Unavailable
from converto.kernel.replicas import FAILURES_TO_OPEN, OPEN_S, Replica, Replicas, RetryBudget


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def broken(clock: Clock) -> Replica:
    replica = Replica("http://one", monotonic=clock)
    for _ in range(FAILURES_TO_OPEN):
        replica.failed()
    return replica


def test_failures_that_are_not_in_a_row_open_nothing() -> None:
    replica = Replica("http://one")
    for _ in range(FAILURES_TO_OPEN):
        replica.failed()
        replica.answered()
    assert replica.breaker == "closed"


def test_an_open_breaker_lets_nothing_through_until_its_time_is_over() -> None:
    clock = Clock()
    replica = broken(clock)
    clock.now_s += OPEN_S - 0.1
    assert (replica.healthy, replica.breaker, round(replica.reopens_in_s, 3)) == (False, "open", 0.1)


def test_then_one_probe_goes_and_no_second_beside_it() -> None:
    clock = Clock()
    replica = broken(clock)
    clock.now_s += OPEN_S
    assert (replica.healthy, replica.breaker) == (True, "half-open")
    with replica.busy():
        assert not replica.healthy


def test_a_failed_probe_opens_it_again() -> None:
    clock = Clock()
    replica = broken(clock)
    clock.now_s += OPEN_S
    replica.failed()
    assert (replica.breaker, replica.reopens_in_s) == ("open", OPEN_S)


def test_calls_go_to_the_less_loaded_of_two() -> None:
    replicas = Replicas("echo", ["http://one", "http://two"])
    replicas.all[0].in_flight = 3
    assert {replicas.choose().url for _ in range(20)} == {"http://two"}


def test_one_that_failed_the_last_time_is_asked_only_where_no_other_is_to_be_had() -> None:
    replicas = Replicas("echo", ["http://one", "http://two"])
    replicas.all[0].failed()
    replicas.all[1].in_flight = 9
    assert {replicas.choose().url for _ in range(20)} == {"http://two"}
    assert replicas.choose(but=[replicas.all[1]]).url == "http://one"


def test_a_call_from_before_the_breaker_opened_does_not_end_the_probe() -> None:
    clock = Clock()
    replica = Replica("http://one", monotonic=clock)
    before = replica.busy()
    before.__enter__()
    for _ in range(FAILURES_TO_OPEN):
        replica.failed()
    clock.now_s += OPEN_S
    with replica.busy():
        before.__exit__(None, None, None)
        assert not replica.healthy


def test_calls_spread_over_replicas_of_equal_load() -> None:
    replicas = Replicas("echo", ["http://one", "http://two", "http://three"], random_of=random.Random(1))  # noqa: S311
    assert {replicas.choose().url for _ in range(50)} == {"http://one", "http://two", "http://three"}


def test_a_second_try_goes_elsewhere_where_there_is_an_elsewhere() -> None:
    replicas = Replicas("echo", ["http://one", "http://two"])
    first = replicas.choose()
    assert replicas.choose(but=[first]) is not first
    assert replicas.choose(but=replicas.all) in replicas.all


def test_with_every_breaker_open_the_caller_is_told_when_to_come_back() -> None:
    replicas = Replicas("echo", ["http://one"])
    replicas.all = [broken(Clock())]
    with pytest.raises(Unavailable) as caught:
        replicas.choose()
    assert caught.value.details == {"module": "echo", "retry_after_s": 10}


def test_a_retry_budget_is_spent_and_earned_back_by_calls() -> None:
    budget = RetryBudget(start=1.0, per_call=0.25)
    assert [budget.spend(), budget.spend()] == [True, False]
    for _ in range(4):
        budget.called()
    assert [budget.spend(), budget.spend()] == [True, False]


def test_a_quiet_time_earns_no_more_than_the_most() -> None:
    budget = RetryBudget(start=0.0, per_call=1.0, most=3.0)
    for _ in range(100):
        budget.called()
    assert [budget.spend() for _ in range(4)] == [True, True, True, False]


def test_one_that_was_left_alone_is_asked_again_once_the_one_that_was_well_has_failed_too() -> None:
    replicas = Replicas("echo", ["http://one", "http://two"])
    back, stopped = replicas.all
    for _ in range(FAILURES_TO_OPEN):
        back.failed()
    assert replicas.choose() is stopped
    stopped.failed()
    assert replicas.choose(but=[stopped]) is back
    back.answered()
    assert replicas.choose() is back
