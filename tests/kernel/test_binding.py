import asyncio
from contextlib import aclosing
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from converto.kernel.binding import CalledInTransaction
from converto.kernel.context import Context, within
from converto.kernel.errors import Conflict, Internal, TimedOut
from converto.kernel.money import Money
from tests.kernel.conftest import Bound
from tests.kernel.echo import Colour, NoParcel, Parcel, Stamp

HELSINKI = timezone(timedelta(hours=2))
PARCEL = Parcel(
    id=UUID("0199b7a0-0000-7000-8000-000000000001"),
    content=bytes(range(256)),
    price=Money(amount=Decimal("-0.10")),
    rate=Decimal("25.500000000000000001"),
    colour=Colour.BLUE,
    stamps=(
        Stamp(
            moment=datetime(2026, 3, 29, 3, 59, 59, 123456, tzinfo=HELSINKI),
            day=date(2024, 2, 29),
            clock=time(23, 59, 59),
            lasting=timedelta(days=-1, microseconds=1),
        ),
        Stamp(moment=datetime(1969, 12, 31, tzinfo=UTC), day=date(1, 1, 1), clock=time(0), lasting=timedelta(0)),
    ),
    labels=frozenset({"ä", "€"}),
    weights={"net": Decimal("1E-9")},
    password=SecretStr("hunter2"),
)


async def test_what_is_sent_comes_back_equal_to_the_last_digit(bound: Bound) -> None:
    assert await bound.echo.back(PARCEL) == PARCEL.model_copy(update={"note": "as sent"})


async def test_an_argument_by_name_arrives(bound: Bound) -> None:
    assert (await bound.echo.back(parcel=PARCEL, note="by name")).note == "by name"


async def test_an_error_is_the_same_class_with_the_same_details(bound: Bound) -> None:
    with pytest.raises(NoParcel) as caught:
        await bound.echo.missing(PARCEL.id)
    assert caught.value.details == {"parcel_id": str(PARCEL.id), "shelves": [1, 2]}
    assert caught.value.detail == f"There is no parcel {PARCEL.id}."


async def test_an_error_unknown_here_keeps_its_kind_its_code_and_its_words(bound: Bound) -> None:
    with pytest.raises(Conflict) as caught:
        await bound.echo.newer_error()
    assert (caught.value.code, caught.value.detail, caught.value.details) == ("echo.of_next_year", "The shelf is full.", {"shelf": 3})


async def test_a_crash_is_internal_and_tells_nothing_of_its_cause(bound: Bound) -> None:
    with pytest.raises(Internal) as caught:
        await bound.echo.crash()
    assert "hunter2" not in caught.value.detail + str(caught.value.details)


async def test_wrong_arguments_are_internal_for_they_are_a_defect(bound: Bound) -> None:
    wrong: Any = bound.echo
    with pytest.raises(Internal):
        await wrong.look("too many")


async def test_the_time_of_the_operation_ends_it(bound: Bound) -> None:
    with pytest.raises(TimedOut) as caught:
        await bound.echo.patient()
    assert caught.value.details == {"operation": "Echo.patient", "timeout_s": 0.1}


async def test_a_shorter_time_of_the_caller_ends_it(bound: Bound) -> None:
    await bound.echo.look()  # from here on there is a connection
    bound.service.holds = True
    with pytest.raises(TimedOut), within(deadline=monotonic() + 0.5):
        await bound.echo.look()
    await bound.service.left.wait()  # the callee does not go on for nobody


async def test_the_callee_is_given_what_is_left_of_the_callers_time(bound: Bound) -> None:
    with within(deadline=monotonic() + 20):
        seen = await bound.echo.seen()
    assert 10 < seen.remaining_s <= 20


async def test_without_a_deadline_the_callee_has_the_time_of_the_operation(bound: Bound) -> None:
    assert 20 < (await bound.echo.seen()).remaining_s <= 30


async def test_a_call_inside_a_transaction_is_refused_and_not_made(bound: Bound) -> None:
    async with bound.databases.of("caller").reading():
        with pytest.raises(CalledInTransaction):
            await bound.echo.look()
    assert bound.service.calls["look"] == 0


async def test_a_stream_inside_a_transaction_is_refused(bound: Bound) -> None:
    async with bound.databases.of("caller").writing():
        with pytest.raises(CalledInTransaction):
            await anext(bound.echo.count(1))


async def test_request_and_trace_are_passed_on(bound: Bound) -> None:
    context = Context(request_id="of the caller")
    with within(context):
        seen = await bound.echo.seen()
    assert (seen.request_id, seen.trace_id) == ("of the caller", context.trace_id)


async def test_a_stream_yields_in_order_and_ends(bound: Bound) -> None:
    assert [number async for number in bound.echo.count(1000)] == list(range(1, 1001))


async def test_an_error_in_a_stream_comes_after_the_values_before_it(bound: Bound) -> None:
    numbers = bound.echo.count(3, then="error")
    assert [await anext(numbers) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(NoParcel):
        await anext(numbers)


async def test_a_value_of_a_stream_is_there_before_the_stream_has_ended(bound: Bound) -> None:
    async with aclosing(bound.echo.count(1, then="hold")) as numbers:  # type: ignore[type-var]
        assert await anext(numbers) == 1


async def test_a_stream_that_its_reader_leaves_ends_at_the_callee(bound: Bound) -> None:
    async with aclosing(bound.echo.count(2, then="hold")) as numbers:  # type: ignore[type-var]
        await anext(numbers)
    await bound.service.left.wait()


async def test_a_stream_ends_with_the_callers_time(bound: Bound) -> None:
    with pytest.raises(TimedOut), within(deadline=monotonic() + 0.1):
        async for _ in bound.echo.count(1, then="hold"):
            pass


async def test_calls_at_once_do_not_mix_up_their_answers(bound: Bound) -> None:
    parcels = [PARCEL.model_copy(update={"id": uuid4()}) for _ in range(50)]
    answers = await asyncio.gather(*(bound.echo.back(parcel) for parcel in parcels))
    assert [answer.id for answer in answers] == [parcel.id for parcel in parcels]


async def test_a_call_that_the_callee_makes_inside_its_transaction_is_refused(bound: Bound) -> None:
    with pytest.raises(Internal):  # a defect of the callee, as any other one: the caller is not at fault
        await bound.echo.relayed()
    assert bound.service.calls["look"] == 0
