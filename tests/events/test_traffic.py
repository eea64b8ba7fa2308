"""From the transaction that tells a fact to the handler that hears it, on every backend."""

from collections import Counter

import pytest

from converto.events.inbox import Inbox
from converto.events.outbox import publish
from converto.kernel.context import Context, within
from converto.kernel.database import Database
from converto.kernel.event import Envelope
from tests.events.conftest import Post
from tests.events.diary import TENANT, Told, Whispered, hurry_until, revive, row_of, tell, told, until_states, waiting


async def fail(_: Told) -> None:
    msg = "the pen is dry"
    raise LookupError(msg)


async def test_each_fact_is_heard_once_in_the_normal_way(post: Post) -> None:
    async with post.running():
        await tell(post.database, *(told(f"words {number}") for number in range(30)))
        await until_states(post.database, handled=30)
    assert post.diary.heard == Counter(f"words {number}" for number in range(30))
    assert await waiting(post.database) == 0


async def test_what_was_told_while_nothing_ran_is_heard_afterwards(post: Post) -> None:
    await tell(post.database, told())
    async with post.running():
        await until_states(post.database, handled=1)
    assert post.diary.heard == {"good morning": 1}


async def test_an_undone_transaction_has_told_nothing(post: Post) -> None:
    async with post.running():
        with pytest.raises(LookupError):
            await _tell_and_fail(post.database)
        await tell(post.database, told("after it"))
        await until_states(post.database, handled=1)
    assert post.diary.heard == {"after it": 1}


async def _tell_and_fail(database: Database) -> None:
    async with database.writing() as session:
        await publish(session, told("undone"))
        raise LookupError


async def test_a_fact_of_another_type_is_not_heard(post: Post) -> None:
    async with post.running():
        await tell(post.database, Whispered(tenant_id=TENANT, words="psst"), told())
        await until_states(post.database, handled=1)
    assert post.diary.heard == {"good morning": 1}


async def test_an_event_arrives_as_it_was_told(post: Post) -> None:
    event, heard = told("ä€"), []

    async def keep(event: Told) -> None:
        heard.append(event)

    post.diary.takes = keep
    async with post.running():
        await tell(post.database, event)
        await until_states(post.database, handled=1)
    assert heard == [event]


async def test_a_handler_runs_in_the_trace_of_the_fact_and_under_no_deadline(post: Post) -> None:
    told_in = Context()
    async with post.running():
        with within(told_in, deadline=0.0):
            await tell(post.database, told())
        await until_states(post.database, handled=1)
    (heard_in,) = post.diary.contexts
    assert (heard_in.trace_id, heard_in.deadline, heard_in.in_transaction) == (told_in.trace_id, None, False)
    assert heard_in.trace_parent != told_in.trace_parent


async def test_a_second_copy_is_ignored(post: Post) -> None:
    envelope = Envelope.around(told())
    async with post.running():
        await post.send(envelope, envelope)
        await until_states(post.database, handled=1)
        await post.send(envelope, Envelope.around(told("another")))
        await until_states(post.database, handled=2)
    assert post.diary.heard == {"good morning": 1, "another": 1}


async def test_a_failure_is_tried_again_until_it_is_dead(post: Post) -> None:
    event = told()
    post.diary.takes = fail
    async with post.running(attempts=4):
        await tell(post.database, event)
        await hurry_until(post.database, dead=1)
    row = await row_of(post.database, event.id)
    assert (row.attempts, row.last_error, post.diary.heard["good morning"]) == (4, "LookupError: the pen is dry", 4)
    assert post.diary.given_up == [("good morning", "LookupError: the pen is dry")]


async def test_a_failure_that_passes_is_forgotten(post: Post) -> None:
    async def fail_once(event: Told) -> None:
        if post.diary.heard[event.words] == 1:
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
    async with post.running(attempts=1):
        await tell(post.database, event)
        await until_states(post.database, dead=1)
        async with post.database.reading() as session:
            (dead,) = await Inbox(session).dead()
        assert (dead.event_id, dead.type, dead.attempts, dead.last_error) == (event.id, "diary.told", 1, "LookupError: the pen is dry")
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
    async with post.running(attempts=1):
        await post.send(unfit)
        await until_states(post.database, dead=1)
    assert "ValidationError" in (await row_of(post.database, unfit.id)).last_error


async def test_the_figures_count_what_was_sent_and_handled(post: Post) -> None:
    async with post.running():
        await tell(post.database, told())
        await until_states(post.database, handled=1)
    assert [
        post.figures.sent.labels("diary.told")._value.get(),
        post.figures.handled.labels("events.write_down", "handled")._value.get(),
    ] == [1, 1]
