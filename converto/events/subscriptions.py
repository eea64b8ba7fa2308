"""Consumer groups: made where there is none of their name, looked at, and removed."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from converto.events.desk import DeliveryDesk, reach
from converto.events.faults import Fault, fault, told
from converto.events.groups import known, subscriber_of, tenant_of
from converto.events.interface import SERVICE, Group, GroupDiffers, Subscribe, Subscribed, TooManyGroups, WrongSubscription
from converto.events.models import GroupRow
from converto.events.repository import Groups, Log
from converto.events.settings import EventsSettings
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database
from converto.kernel.event import Event, stream_of
from converto.kernel.paging import Page, after

NEW, EARLIEST = "new", "earliest"


class Subscriptions:
    """The consumer groups of all tenants; each sees its own."""

    def __init__(self, database: Database, settings: EventsSettings, known_events: Mapping[str, type[Event]]) -> None:
        self._database = database
        self._settings = settings
        self._types = {name: stream_of(event.type) for name, event in known_events.items()}
        self._streams = sorted(set(self._types.values()))

    async def subscribe(self, actor: Actor, wanted: Subscribe) -> Subscribed:
        """Return the group of a name; it is made where there is none. Raises WrongSubscription, GroupDiffers, TooManyGroups."""
        faults = [*self._faults(wanted)]
        if faults:
            raise WrongSubscription(**told(faults))
        async with reach(self._database, tenant_of(actor)).writing() as session:
            position = await _begin(Log(session), wanted.start, tenant_id=tenant_of(actor))
            group = await Groups(session).named(actor.tenant_id, wanted.consumer_group)
            made = await self._make(session, actor, wanted, position=position) if group is None else None
            if group is None and made is None:  # another process has made it at this moment
                group = await Groups(session).named(actor.tenant_id, wanted.consumer_group)
        if made is None and group is not None:
            _refuse_other(group, wanted)
        found = known(made or group, new_id())
        return Subscribed(**_hears(found), is_new=made is not None)

    async def page(self, actor: Actor, *, limit: int, cursor: str | None) -> Page[Group]:
        """List the groups, newest first. Raises BadCursor."""
        async with reach(self._database, tenant_of(actor)).reading() as session:
            rows = await Groups(session).page(actor.tenant_id, limit=limit + 1, after=after(cursor))
        return Page[Group].of([await self._shown(actor, row) for row in rows], limit, cursor=lambda group: group.subscription_id)

    async def one(self, actor: Actor, group_id: UUID) -> Group:
        """Return one group. Raises UnknownSubscription."""
        async with reach(self._database, tenant_of(actor)).reading() as session:
            group = known(await Groups(session).get(actor.tenant_id, group_id), group_id)
        return await self._shown(actor, group)

    async def remove(self, actor: Actor, group_id: UUID) -> None:
        """Forget a group and all that waits for it. Raises UnknownSubscription."""
        async with reach(self._database, tenant_of(actor)).writing() as session:
            group = known(await Groups(session).lock(actor.tenant_id, group_id), group_id)
            await Groups(session).remove(actor.tenant_id, group_id, subscriber=subscriber_of(group))

    def _faults(self, wanted: Subscribe) -> Iterable[Fault]:
        for number, name in enumerate(wanted.stream_names):
            if name not in self._streams:
                yield fault("stream_names", number, detail=f"there is no stream {name[:100]!r}, there are {', '.join(self._streams)}")
        types = sorted(name for name, stream in self._types.items() if stream in wanted.stream_names)
        for number, name in enumerate(wanted.event_types or ()):
            if name not in types:
                yield fault(
                    "event_types", number, detail=f"none of these streams tells {name[:100]!r}, they tell {', '.join(types) or 'nothing'}"
                )

    async def _make(self, session: AsyncSession, actor: Actor, wanted: Subscribe, *, position: int) -> GroupRow | None:
        groups = Groups(session)
        if await groups.count(actor.tenant_id) >= self._settings.max_groups:
            raise TooManyGroups(max_groups=self._settings.max_groups)
        row = GroupRow(
            tenant_id=actor.tenant_id,
            id=new_id(),
            name=wanted.consumer_group,
            every_tenant=SERVICE in actor.scopes,
            stream_names=sorted(set(wanted.stream_names)),
            event_types=sorted(set(wanted.event_types)) if wanted.event_types is not None else None,
            lease_s=wanted.lease_seconds or self._settings.group_lease_s,
            ordered=wanted.ordered,
            position=position,
            created_at=now(),
        )
        return row if await groups.add(row) else None

    async def _shown(self, actor: Actor, row: GroupRow) -> Group:
        database = reach(self._database, tenant_of(actor))
        async with database.reading() as session:
            lag = await Log(session).lag(row)
        queues = await DeliveryDesk(database).queues_of(subscriber_of(row))
        return Group(
            **_hears(row),
            created_at=row.created_at,
            read_at=row.read_at,
            lag=sum(lag.values()) + sum(queue.waiting for queue in queues),
            pending=sum(queue.pending for queue in queues),
            dead=sum(queue.dead for queue in queues),
        )


def _hears(row: GroupRow) -> dict[str, Any]:
    return {
        "subscription_id": row.id,
        "consumer_group": row.name,
        "stream_names": tuple(row.stream_names),
        "event_types": tuple(row.event_types) if row.event_types is not None else None,
        "lease_seconds": row.lease_s,
        "ordered": row.ordered,
    }


async def _begin(log: Log, start: str, *, tenant_id: UUID | None) -> int:
    if start == EARLIEST:
        return 0
    if start == NEW:
        return await log.end(tenant_id)
    event_id = _uuid(start)
    position = await log.position_of(event_id, tenant_id) if event_id is not None else None
    if position is None:
        raise WrongSubscription(**told([fault("start", detail="send new, earliest, or the id of an event that is still kept")]))
    return position


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _refuse_other(group: GroupRow, wanted: Subscribe) -> None:
    """Go on only with a group that hears what is wanted. Raises GroupDiffers."""
    existing = {
        "stream_names": group.stream_names,
        "event_types": group.event_types,
        "lease_seconds": group.lease_s,
        "ordered": group.ordered,
    }
    asked = {
        "stream_names": sorted(set(wanted.stream_names)),
        "event_types": sorted(set(wanted.event_types)) if wanted.event_types is not None else None,
        "lease_seconds": wanted.lease_seconds or group.lease_s,
        "ordered": wanted.ordered,
    }
    differs = [name for name, value in existing.items() if asked[name] != value]
    if differs:
        raise GroupDiffers(consumer_group=group.name, differs=" and ".join(differs), existing=existing, subscription_id=group.id)
