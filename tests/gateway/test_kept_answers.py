from converto.gateway.answers import Answer, Answers, Scope
from converto.kernel.clock import new_id

WHOSE = Scope(new_id(), "shelf")


def answer(size: int) -> Answer:
    return Answer([], b"x" * size, b'"x"')


def test_the_room_is_bounded_and_what_was_used_longest_ago_makes_way() -> None:
    answers = Answers(80_000)
    for number in range(20):
        answers.keep(number, WHOSE, answer(7_000), generation=0, seconds=60)
        answers.find(0, WHOSE)
    assert answers.bytes <= 80_000
    assert [number for number in range(20) if answers.find(number, WHOSE)] == [0, *range(11, 20)]


def test_an_answer_is_old_after_its_time() -> None:
    moment = [0.0]
    answers = Answers(80_000, monotonic=lambda: moment[0])
    answers.keep("a", WHOSE, answer(10), generation=0, seconds=60)
    moment[0] = 59
    assert answers.find("a", WHOSE)
    moment[0] = 60
    assert answers.find("a", WHOSE) is None
    assert answers.bytes == 0
