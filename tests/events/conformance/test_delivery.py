"""From the transaction that tells a fact to the handler that hears it."""

from collections import Counter

import pytest
from sqlalchemy import update

from converto.events.outbox import publish
from converto.events.tables import inbox
from converto.kernel.clock import new_id
from converto.kernel.context import Context, within
from converto.kernel.database import Database
from converto.kernel.event import Envelope
from tests.events.conformance.post import NAME, Interrupted, Post, Sharpened, Written, fail, lay_in, written
from tests.events.diary import TENANT, DiaryService, Told, Whispered, tell, told, until, until_states, until_waiting, waiting


async def test_each_fact_is_heard_once_in_the_normal_way(post: Post) -> None:
    async with post.running():
        await tell(post.database, *(told(f"words {number}") for number in range(30)))
        await until_states(post.database, handled=30)
        await until_waiting(post.database, 0)
    assert post.diary.heard == Counter(f"words {number}" for number in range(30))


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


async def test_the_figures_count_what_was_sent_and_handled(post: Post) -> None:
    async with post.running():
        await tell(post.database, told())
        await until_states(post.database, handled=1)
    assert [
        post.figures.sent.labels("diary.told")._value.get(),
        post.figures.handled.labels("events.write_down", "handled")._value.get(),
    ] == [1, 1]


async def test_what_another_module_tells_is_heard(post: Post) -> None:
    async with post.running(post.hears(Sharpened)):
        await tell(post.pen, Sharpened(tenant_id=TENANT, words="ready"))
        await until_waiting(post.pen, 0)
        await until_states(post.database, handled=1)
    assert post.diary.heard == {"ready": 1}


async def test_each_of_two_subscribers_hears_a_fact_once(post: Post) -> None:
    async with post.running(post.hears(), post.hears(named="other.hears")):
        await tell(post.database, told())
        await until_states(post.database, handled=2)
    assert post.diary.heard == {"good morning": 2}


async def test_a_subscriber_that_fails_leaves_another_of_the_same_fact_alone(post: Post) -> None:
    async def refuse(event: Told, _: DiaryService) -> None:
        await fail(event)

    async with post.running(post.hears(attempts=1, handler=refuse, named="other.hears"), post.hears()):
        await tell(post.database, told())
        await until_states(post.database, handled=1, dead=1)
    assert post.diary.heard == {"good morning": 1}


async def test_a_large_event_arrives_whole(post: Post) -> None:
    event, heard = told("ä" * 500_000), []

    async def keep(event: Told) -> None:
        heard.append(event)

    post.diary.takes = keep
    async with post.running():
        await tell(post.database, event)
        await until_states(post.database, handled=1)
    assert heard == [event]


async def test_the_envelope_arrives_as_it_was_sent(post: Post) -> None:
    envelope = Envelope.around(written("page 7", "a line"), priority=42)
    await _let_in(post, envelope)
    (delivery,) = await post.claim()
    assert delivery.envelope == envelope
    assert (delivery.envelope.subject, delivery.envelope.priority, delivery.attempt, delivery.failures) == ("page 7", 42, 1, 0)


async def _let_in(post: Post, *envelopes: Envelope) -> None:
    """Bring events into the inbox, where nobody handles them."""
    async with post.running(post.hears(Written, concurrency=0)):
        await post.send(*envelopes)
        await until_states(post.database, due=len(envelopes))


async def test_what_a_newer_module_says_besides_is_left_out(post: Post) -> None:
    envelope = Envelope.around(told())
    newer = envelope.model_copy(update={"data": {**envelope.data, "mood": "fine"}})
    async with post.running():
        await post.send(newer)
        await until_states(post.database, handled=1)
    assert post.diary.heard == {"good morning": 1}


async def test_nothing_is_heard_again_after_a_restart(post: Post) -> None:
    async with post.running():
        await tell(post.database, *(told(f"words {number}") for number in range(20)))
        await until_states(post.database, handled=20)
    later = post.another()
    async with later.running():
        await tell(later.database, told("words 20"))
        await until_states(post.database, handled=21)
    assert set(post.diary.heard.values()) == {1}


async def test_what_another_process_tells_is_heard(post: Post) -> None:
    other = post.another()
    async with post.running():
        await tell(other.database, told())  # its bell does not ring here
        await until_states(post.database, handled=1)
    assert post.diary.heard == {"good morning": 1}


async def test_two_processes_hear_each_fact_once_between_them(post: Post) -> None:
    other = post.another()
    async with post.running(), other.running():
        for number in range(0, 60, 10):
            teller = post if number % 20 else other
            await tell(teller.database, *(told(f"words {number + more}") for more in range(10)))
        await until_states(post.database, handled=60)
    assert (set(post.diary.heard.values()), len(post.diary.heard)) == ({1}, 60)


async def test_what_is_told_while_the_backend_is_away_arrives_afterwards(post: Post) -> None:
    carrier = Interrupted(post.backend)
    carrier.is_down = True

    async def tried() -> bool:
        return carrier.asked > 0

    async with post.running(backend=carrier):
        await tell(post.database, *(told(f"words {number}") for number in range(5)))
        await until(tried)
        assert (await waiting(post.database), post.diary.heard.total()) == (5, 0)
        carrier.is_down = False
        await until_states(post.database, handled=5)
    assert set(post.diary.heard.values()) == {1}


async def test_an_event_that_is_refused_holds_up_no_other(post: Post) -> None:
    bad, carrier = told("bad"), Interrupted(post.backend)
    carrier.refuses = {bad.id}
    async with post.running(backend=carrier):
        await tell(post.database, told("before"), bad, told("after"))
        await until_states(post.database, handled=2)
        await until_waiting(post.database, 1)
    assert post.diary.heard == {"before": 1, "after": 1}


async def test_what_nobody_can_read_holds_up_no_other(post: Post) -> None:
    await post.send_unreadable()
    async with post.running():
        await tell(post.database, told())
        await until_states(post.database, handled=1)
    assert post.diary.heard == {"good morning": 1}


async def test_an_inbox_row_that_nobody_can_read_is_dead_and_holds_up_no_other(post: Post) -> None:
    strange = Envelope.around(told())
    await _spoil_in_inbox(post, strange)
    async with post.running():
        await tell(post.database, told("after it"))
        await until_states(post.database, handled=1, dead=1)
    assert post.diary.heard == {"after it": 1}


async def _spoil_in_inbox(post: Post, envelope: Envelope) -> None:
    await lay_in(post.database, NAME, envelope)
    async with post.database.writing() as session:
        await session.execute(update(inbox).values(envelope={"letter": 1}))


async def test_the_trace_goes_on_from_one_fact_to_the_next(post: Post) -> None:
    async def answer(event: Told) -> None:
        if event.words == "question":
            await tell(post.database, told("answer"))

    post.diary.takes = answer
    asked_in = Context()
    async with post.running():
        with within(asked_in):
            await tell(post.database, told("question"))
        await until_states(post.database, handled=2)
    assert {context.trace_id for context in post.diary.contexts} == {asked_in.trace_id}


async def test_tenants_keep_their_events_apart(post: Post) -> None:
    tenants = [new_id() for _ in range(3)]
    heard = []

    async def keep(event: Told) -> None:
        heard.append((event.tenant_id, event.words))

    post.diary.takes = keep
    async with post.running():
        await tell(post.database, *(Told(tenant_id=tenant, words=str(tenant)) for tenant in tenants))
        await until_states(post.database, handled=3)
    assert sorted(heard) == sorted((tenant, str(tenant)) for tenant in tenants)
