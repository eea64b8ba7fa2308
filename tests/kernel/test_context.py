import asyncio
from time import monotonic

from converto.kernel.context import Context, current, new_trace_parent, within


def test_outside_any_request_the_context_is_fresh() -> None:
    assert current().request_id != current().request_id


def test_a_block_has_its_context_and_gives_back_the_one_before() -> None:
    with within(Context(request_id="outer")):
        with within(request_id="inner", deadline=1.0) as inner:
            assert (current() is inner, inner.request_id) == (True, "inner")
        assert (current().request_id, current().deadline) == ("outer", None)


def test_a_change_keeps_the_rest() -> None:
    with within() as outer, within(in_transaction=True):
        assert (current().trace_parent, current().in_transaction) == (outer.trace_parent, True)


async def test_tasks_do_not_see_one_anothers_context() -> None:
    async def one(name: str) -> str:
        with within(request_id=name):
            await asyncio.sleep(0)
            return current().request_id

    assert list(await asyncio.gather(one("a"), one("b"))) == ["a", "b"]


def test_what_is_left_of_a_deadline_is_never_below_zero() -> None:
    assert Context(deadline=monotonic() - 5).remaining_s() == 0
    assert Context().remaining_s() is None


def test_a_new_span_stays_in_its_trace() -> None:
    parent = new_trace_parent()
    child = new_trace_parent(parent)
    version, trace_id, span_id, flags = child.split("-")
    assert (version, trace_id, len(trace_id), len(span_id), flags) == ("00", parent.split("-")[1], 32, 16, "01")
    assert span_id != parent.split("-")[2]
