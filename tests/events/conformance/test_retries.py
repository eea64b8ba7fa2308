"""What fails is tried again after growing pauses, and lies with the dead events when it has failed too often."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from converto.events.desk import DeliveryDesk
from converto.kernel.clock import now
from converto.kernel.event import Envelope, Event
from tests.events.conformance.post import NAME, Post, fail, lay_in
from tests.events.diary import hurry_until, revive, row_of, tell, told, until, until_states


async def test_a_failure_is_tried_again_until_it_is_dead(post: Post) -> None:
    event = told()
    post.diary.takes = fail
    async with post.running(post.hears(attempts=4)):
        await tell(post.database, event)
        await hurry_until(post.database, dead=1)
    row = await row_of(post.database, event.id)
    assert (row.attempts, row.last_error, post.diary.heard["good morning"]) == (4, "LookupError: the pen is dry", 4)
    assert post.diary.given_up == [("good morning", "LookupError: the pen is dry")]


async def test_a_failure_that_passes_is_forgotten(post: Post) -> None:
    async def fail_once(event: Event) -> None:
        if post.diary.heard.total() == 1:
            await fail(event)

    event = told()
    post.diary.takes = fail_once
    async with post.running():
        await tell(post.database, event)
        await hurry_until(post.database, handled=1)
    assert ((await row_of(post.database, event.id)).last_error, post.diary.given_up) == (None, [])


async def test_a_dead_event_is_listed_and_can_be_revived(post: Post) -> None:
    event = told()
    post.diary.takes = fail
    async with post.running(post.hears(attempts=1)):
        await tell(post.database, event)
        await until_states(post.database, dead=1)
        (dead,) = await DeliveryDesk(post.database).dead(None, limit=10)
        assert (dead.envelope.id, dead.envelope.type, dead.attempts, dead.last_error) == (
            event.id,
            "diary.told",
            1,
            "LookupError: the pen is dry",
        )
        post.diary.takes = None
        assert await revive(post.database, event.id) == 1
        await until_states(post.database, handled=1)
    assert post.diary.heard == {"good morning": 2}


async def test_an_event_that_is_not_dead_cannot_be_revived(post: Post) -> None:
    event = told()
    async with post.running():
        await tell(post.database, event)
        await until_states(post.database, handled=1)
        assert await revive(post.database, event.id) == 0


async def test_an_event_whose_shape_does_not_fit_is_dead_with_the_reason(post: Post) -> None:
    unfit = Envelope.around(told()).model_copy(update={"data": {"word": 1}})
    async with post.running(post.hears(attempts=1)):
        await post.send(unfit)
        await until_states(post.database, dead=1)
    assert "ValidationError" in (await row_of(post.database, unfit.id)).last_error


async def test_a_failure_waits_for_its_pause_which_grows(post: Post) -> None:
    failed_at: list[datetime] = []

    async def note_and_fail(event: Event) -> None:
        failed_at.append(now())
        await fail(event)

    post.diary.takes = note_and_fail
    async with post.running():
        await tell(post.database, told())
        for failures in (1, 2, 3):
            row, pause = await _failed(post, failures), timedelta(seconds=4 ** (failures - 1))
            assert failed_at[-1] + pause <= row.due_at <= now() + pause * 1.25
            await post.hurry()


async def _failed(post: Post, failures: int) -> Any:
    async def so() -> Any:
        rows = await post.rows()
        row = rows.get("good morning")
        return row if row is not None and row.failures == failures else None

    return await until(so)


async def test_what_failed_together_does_not_come_back_together(post: Post) -> None:
    post.diary.takes = fail
    async with post.running():
        await tell(post.database, *(told(f"words {number}") for number in range(8)))

        async def all_failed() -> bool:
            rows = await post.rows()
            return len(rows) == 8 and all(row.failures == 1 for row in rows.values())

        await until(all_failed)
        due = sorted(row.due_at for row in (await post.rows()).values())
    assert len(set(due)) == 8
    assert due[-1] - due[0] > timedelta(milliseconds=10)


async def test_a_failure_holds_up_no_other(post: Post) -> None:
    async def fail_the_bad(event: Event) -> None:
        if event == bad:
            await fail(event)

    bad = told("bad")
    post.diary.takes = fail_the_bad
    async with post.running(post.hears(concurrency=1)):
        await tell(post.database, bad, *(told(f"good {number}") for number in range(5)))
        await until_states(post.database, handled=5, due=1)
    assert post.diary.heard["bad"] == 1


async def test_giving_up_is_told_once_with_the_reason(post: Post) -> None:
    post.diary.takes = fail
    async with post.running(post.hears(attempts=3)):
        await tell(post.database, told())
        await hurry_until(post.database, dead=1)
    assert post.diary.given_up == [("good morning", "LookupError: the pen is dry")]


async def test_an_event_is_buried_although_giving_up_fails(post: Post) -> None:
    def fail_too() -> None:
        msg = "no ink either"
        raise OSError(msg)

    post.diary.takes, post.diary.gives_up = fail, fail_too
    async with post.running(post.hears(attempts=1)):
        await tell(post.database, told())
        await until_states(post.database, dead=1)
    assert (await post.rows())["good morning"].last_error == "LookupError: the pen is dry; giving up failed too: OSError: no ink either"


async def test_the_death_of_a_process_is_no_failure(post: Post) -> None:
    event = told()
    await lay_in(post.database, NAME, Envelope.around(event))
    for _ in range(4):
        assert len(await post.claim(lease_s=-1)) == 1  # by processes that die at once
    post.diary.takes = fail
    async with post.running(post.hears(attempts=2, deaths=5)):
        row = await _failed(post, 1)
        assert (row.attempts, row.dead_at, post.diary.given_up) == (5, None, [])
        post.diary.takes = None
        await hurry_until(post.database, handled=1)


async def test_an_event_in_whose_middle_every_process_dies_is_buried_untried(post: Post) -> None:
    await lay_in(post.database, NAME, Envelope.around(told()))
    for _ in range(3):
        await post.claim(lease_s=-1)
    async with post.running(post.hears(deaths=3)):
        await until_states(post.database, dead=1)
    reason = "DiedEachTime: The process ended in the middle of this 3 times."
    assert (post.diary.heard, post.diary.given_up) == ({}, [("good morning", reason)])


async def test_a_revived_event_has_all_its_attempts_again(post: Post) -> None:
    event = told()
    post.diary.takes = fail
    async with post.running(post.hears(attempts=2)):
        await tell(post.database, event)
        await hurry_until(post.database, dead=1)
        await revive(post.database, event.id)
        await hurry_until(post.database, dead=1)
    row = await row_of(post.database, event.id)
    assert (post.diary.heard["good morning"], row.attempts, row.failures) == (4, 2, 2)


async def test_a_handler_that_awaited_something_cancelled_has_failed(post: Post) -> None:
    async def await_what_is_cancelled(_: Event) -> None:
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone

    post.diary.takes = await_what_is_cancelled
    async with post.running(post.hears(attempts=1, concurrency=1)):
        await tell(post.database, told())
        await until_states(post.database, dead=1)
        post.diary.takes = None
        await tell(post.database, told("the next"))
        await until_states(post.database, dead=1, handled=1)
    assert (await post.rows())["good morning"].last_error == "CancelledError: "


async def test_each_subscriber_tries_again_for_itself(post: Post) -> None:
    async def refuse(event: Event, _: object) -> None:
        await fail(event)

    async with post.running(post.hears(), post.hears(handler=refuse, attempts=3, named="other.hears")):
        await tell(post.database, told())
        await hurry_until(post.database, handled=1, dead=1)
    assert post.diary.heard == {"good morning": 1}


async def test_dead_events_are_listed_newest_first(post: Post) -> None:
    post.diary.takes = fail
    async with post.running(post.hears(attempts=1)):
        for number in range(3):
            await tell(post.database, told(f"words {number}"))
            await until_states(post.database, dead=number + 1)
    dead = await DeliveryDesk(post.database).dead(None, limit=2)
    words = {row.event_id: words for words, row in (await post.rows()).items()}
    assert [words[one.envelope.id] for one in dead] == ["words 2", "words 1"]


@pytest.mark.parametrize("error", ["boom", "ä" * 10_000])
async def test_the_reason_of_a_failure_is_kept_however_long_it_is(post: Post, error: str) -> None:
    async def refuse(_: Event) -> None:
        raise LookupError(error)

    post.diary.takes = refuse
    async with post.running(post.hears(attempts=1)):
        await tell(post.database, told())
        await until_states(post.database, dead=1)
    assert (await post.rows())["good morning"].last_error == f"LookupError: {error}"[:2000]
