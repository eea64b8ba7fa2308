from hypothesis import given
from hypothesis import strategies as st

from converto.gateway.rates import WINDOW_S, Measure, Quota, Rates


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def measure(a_minute: int) -> Measure:
    return Measure.of(Quota("plan", a_minute))


@given(
    a_minute=st.integers(1, 400),
    pauses_s=st.lists(st.one_of(st.just(0.0), st.floats(0, 0.5), st.floats(0, 70)), min_size=1, max_size=600),
)
def test_no_minute_holds_more_than_1_2_times_the_limit(a_minute: int, pauses_s: list[float]) -> None:
    clock = Clock()
    rates, of, let_in = Rates(clock=clock), measure(a_minute), []
    for pause_s in pauses_s:
        clock.now += pause_s
        if rates.take("anna", of) >= 0:
            let_in.append(clock.now)
    for index, first in enumerate(let_in):
        assert len([moment for moment in let_in[index:] if moment < first + WINDOW_S - 1e-6]) <= 1.2 * a_minute


def test_whoever_keeps_an_even_pace_is_never_refused() -> None:
    clock = Clock()
    rates, of = Rates(clock=clock), measure(120)
    for _ in range(500):
        assert rates.take("anna", of) >= 0
        clock.now += 0.5


def test_who_waits_as_long_as_told_is_let_in() -> None:
    clock = Clock()
    rates, of = Rates(clock=clock), measure(60)
    while (wait_s := -rates.take("anna", of)) <= 0:
        pass
    clock.now += wait_s
    assert rates.take("anna", of) >= 0


def test_one_does_not_count_for_another() -> None:
    rates, of = Rates(clock=Clock()), measure(1)
    assert [rates.take(who, of) >= 0 for who in ("anna", "boris", "anna")] == [True, True, False]


def test_what_is_left_is_told() -> None:
    clock = Clock()
    rates, of = Rates(clock=clock), measure(60)
    told = [of.standing(rates.take("anna", of)) for _ in range(3)]
    assert told == [b'"plan";r=12;t=1', b'"plan";r=11;t=2', b'"plan";r=10;t=3']
    assert of.policy == b'"plan";q=60;w=60'


def test_what_costs_more_uses_up_more_but_owes_nothing() -> None:
    clock = Clock()
    rates, of = Rates(clock=clock), measure(60)
    rates.charge("anna", of, cost=1000)
    refused = rates.take("anna", of)
    clock.now += 1.001
    assert (refused < 0, rates.take("anna", of) >= 0) == (True, True)


def test_memory_is_bounded_and_the_busy_are_remembered_longest() -> None:
    clock = Clock()
    rates, of = Rates(size=100, clock=clock), measure(1)
    for number in range(1000):
        rates.take(str(number), of)
    assert len(rates._until) <= 100
    assert rates.take("999", of) < 0


def test_processes_that_do_not_know_of_one_another_share_a_quota() -> None:
    assert Quota("plan", 100).shared_by(3).a_minute == 33
    assert Quota("plan", 1).shared_by(3).a_minute == 1
