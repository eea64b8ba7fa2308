"""What an operator looks at, over all modules wherever they live: streams, who hears them, and what nobody could handle."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

import structlog

from converto.events.cloudevents import cloud_event
from converto.events.desk import GROUP, DeadDelivery, Deliveries, Queue, reach
from converto.events.groups import subscriber_of
from converto.events.interface import DeadLetter, DeadLetters, GivenUp, Stream, StreamGroup, Streams, UnknownDeadEvent
from converto.events.models import GroupRow
from converto.events.repository import Groups, Log
from converto.kernel.database import Database
from converto.kernel.errors import TimedOut, Unavailable
from converto.kernel.event import Event, module_of, stream_of
from converto.kernel.interface import Interface
from converto.kernel.paging import after

log = structlog.get_logger()
T = TypeVar("T")
_HIDDEN = "The module could not handle it; whoever runs this installation sees why."


class Overview:
    """Asks every module's desk. A tenant sees its own events; None stands for the events of all."""

    def __init__(
        self, database: Database, desks: Mapping[str, Interface], *, heard: Mapping[str, type[Event]], known: Mapping[str, type[Event]]
    ) -> None:
        self._database = database
        self._desks = desks
        self._heard = heard
        self._streams = {stream_of(event.type) for event in known.values()}
        self._modules = {module_of(name) for name in (*known, *heard)}

    async def streams(self, tenant_id: UUID | None) -> Streams:
        """Return every stream with those who hear it."""
        async with reach(self._database, tenant_id).reading(tenant_id) as session:
            lengths = await Log(session).lengths(tenant_id)
            groups = await Groups(session).every(tenant_id)
            lags = {group.id: await Log(session).lag(group) for group in groups}
        answers, _ = await self._ask(lambda desk: desk.queues(tenant_id))
        queues = {(queue.subscriber, queue.stream): queue for answer in answers.values() for queue in answer}
        hearers: dict[str, list[StreamGroup]] = defaultdict(list)
        for name, event in sorted(self._heard.items()):
            stream = stream_of(event.type)
            hearers[stream].append(_handler(queues.get((name, stream)) or Queue(subscriber=name, stream=stream)))
        for group in groups:
            for stream in group.stream_names:
                queue = queues.get((subscriber_of(group), stream)) or Queue(subscriber=subscriber_of(group), stream=stream)
                hearers[stream].append(_consumer_group(group, queue, lag=lags[group.id].get(stream, 0)))
        names = sorted({*self._streams, *lengths})
        items = tuple(Stream(name=name, length=lengths.get(name, 0), groups=tuple(hearers[name])) for name in names)
        return Streams(items=items, unavailable=self._unasked(answers))

    async def dead(self, tenant_id: UUID | None, *, limit: int, cursor: str | None) -> DeadLetters:
        """Return a page of dead events. Raises BadCursor."""
        before = after(cursor)
        answers, _ = await self._ask(lambda desk: desk.dead(tenant_id, limit=limit + 1, before=before))
        by_event: dict[UUID, list[DeadDelivery]] = defaultdict(list)
        for answer in answers.values():
            for one in answer:
                by_event[one.envelope.id].append(one)
        async with reach(self._database, tenant_id).reading(tenant_id) as session:
            names = {subscriber_of(group): group.name for group in await Groups(session).every(tenant_id)}
        found = [_letter(by_event[event_id], names, tenant_id=tenant_id) for event_id in sorted(by_event, reverse=True)]
        page = DeadLetters.of(found, limit, cursor=lambda letter: letter.id)
        return page.model_copy(update={"unavailable": self._unasked(answers)})

    async def retry(self, tenant_id: UUID | None, event_id: UUID) -> int:
        """Have a dead event handled anew; returns for how many. Raises UnknownDeadEvent."""
        return await self._change(event_id, lambda desk: desk.retry(event_id, tenant_id=tenant_id), whose="of yours")

    async def purge(self, tenant_id: UUID | None, event_id: UUID) -> int:
        """Forget a dead event; returns for how many. Raises UnknownDeadEvent."""
        whose = "of this installation" if tenant_id is None else "of your consumer groups"
        return await self._change(event_id, lambda desk: desk.purge(event_id, tenant_id=tenant_id), whose=whose)

    async def _change(self, event_id: UUID, change: Callable[[Deliveries], Awaitable[int]], *, whose: str) -> int:
        answers, unavailable = await self._ask(change)
        changed = sum(answers.values())
        if not changed and unavailable:  # it may well lie there
            raise Unavailable(module=", ".join(unavailable), retry_after_s=1)
        if not changed:
            raise UnknownDeadEvent(event_id=event_id, whose=whose)
        return changed

    def _unasked(self, answers: Iterable[str]) -> tuple[str, ...]:
        """Return the modules that tell or hear events, and of which nothing is known here: away, or this process is not told where."""
        return tuple(sorted(self._modules - set(answers)))

    async def _ask(self, question: Callable[[Deliveries], Awaitable[T]]) -> tuple[dict[str, T], tuple[str, ...]]:
        """Ask every desk at once; returns the answers, and the modules that gave none."""
        desks: dict[str, Any] = dict(self._desks)
        answers = await asyncio.gather(*(question(desk) for desk in desks.values()), return_exceptions=True)
        given: dict[str, T] = {}
        for name, answer in zip(desks, answers, strict=True):
            if isinstance(answer, (Unavailable, TimedOut)):
                log.warning("events.desk_unavailable", module=name, error=str(answer))
            elif isinstance(answer, BaseException):
                raise answer
            else:
                given[name] = answer
        return given, tuple(sorted(set(desks) - set(given)))


def _handler(queue: Queue) -> StreamGroup:
    return StreamGroup(name=queue.subscriber, kind="module", lag=queue.waiting, pending=queue.pending, dead=queue.dead)


def _consumer_group(group: GroupRow, queue: Queue, *, lag: int) -> StreamGroup:
    return StreamGroup(
        name=group.name,
        kind="consumer_group",
        lag=lag + queue.waiting,
        pending=queue.pending,
        dead=queue.dead,
        subscription_id=group.id,
    )


def _letter(found: Sequence[DeadDelivery], names: Mapping[str, str], *, tenant_id: UUID | None) -> DeadLetter:
    envelope = found[0].envelope
    given_up_by = [
        GivenUp(
            subscriber=names.get(one.subscriber, one.subscriber),
            attempts=one.attempts,
            last_error=one.last_error if tenant_id is None or one.subscriber.startswith(GROUP) else _HIDDEN,
            dead_at=one.dead_at,
        )
        for one in sorted(found, key=lambda one: one.subscriber)
    ]
    return DeadLetter(id=envelope.id, stream=stream_of(envelope.source), given_up_by=tuple(given_up_by), event=cloud_event(envelope))
