"""Consumer groups outside: their queue is an inbox of ours, filled from the log as they receive.

Nothing but the group is kept, and every step is one transaction: any process serves any call, and one that dies in the middle of one has
done nothing, or all of it.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from converto.events.cloudevents import cloud_event
from converto.events.desk import GROUP, reach
from converto.events.inbox import Delivery, Held, Inbox
from converto.events.interface import SERVICE, Message, Settled, UnknownSubscription
from converto.events.models import GroupRow
from converto.events.pauses import pause_s
from converto.events.receipts import Receipt
from converto.events.repository import Groups, Log, Waiting
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.database import Database
from converto.kernel.event import stream_of

log = structlog.get_logger()

REFUSALS = 5
"""An event refused so often is dead."""
SILENCES = 10
"""So is one that was delivered so often, and neither acknowledged nor refused."""
WINDOW = 1000
"""A group that asks for order has no more than this many waiting: what is held up behind one subject must not pile up."""
LOOKED_THROUGH = 1000
"""A group that hears nothing of the log is moved on in it when so many others have come: the next look begins there."""

Outcome = Literal["acknowledged", "delayed", "dead", "renewed"]
Settle = Callable[[AsyncSession, GroupRow, Sequence[Held]], Awaitable[dict[Held, Outcome]]]
"""Settles what is held; what it leaves out is lost."""

_NO_RECEIPT = "This is no receipt; send it as it was received."
_OTHER_GROUP = "This receipt is of another subscription."
_LOST = {
    "acknowledged": "The event is acknowledged already.",
    "dead": "The event was given up on, and lies with the dead ones.",
    "open": "The lease has run out or was given back, and the event goes to whoever receives next: this receipt holds it no more.",
    "gone": "The event is not kept any more.",
}


def known(group: GroupRow | None, group_id: UUID) -> GroupRow:
    """Return a group that is there. Raises UnknownSubscription."""
    if group is None:
        raise UnknownSubscription(subscription_id=group_id)
    return group


def tenant_of(actor: Actor) -> UUID | None:
    """Return the tenant whose events an actor sees; None for a service of the installation, which sees all."""
    return None if SERVICE in actor.scopes else actor.tenant_id


def subscriber_of(group: GroupRow) -> str:
    """Return the name that the inbox rows of a group bear."""
    return f"{GROUP}{group.tenant_id}:{group.id}"


class GroupQueues:
    """Leases events to the consumers of groups, and settles them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def is_ready(self, actor: Actor, group_id: UUID) -> bool:
        """Return whether there may be something to receive. Raises UnknownSubscription."""
        async with reach(self._database, tenant_of(actor)).reading() as session:
            group = known(await Groups(session).get(actor.tenant_id, group_id), group_id)
            if await Inbox(session).has_due(subscriber_of(group)):
                return True
            end = await Log(session).end(_tenant_of(group))
            return (
                bool(await Log(session).heard_by(group, after=group.position, until=end, limit=1)) or end - group.position > LOOKED_THROUGH
            )

    async def receive(self, actor: Actor, group_id: UUID, *, consumer: str, limit: int) -> Sequence[Message]:
        """Lease up to `limit` events to a consumer. Raises UnknownSubscription."""
        if not await self.is_ready(actor, group_id):
            return ()
        async with reach(self._database, tenant_of(actor)).writing() as session:
            # those who receive for one group take turns, or each would lay the same entries into its inbox
            group = known(await Groups(session).lock(actor.tenant_id, group_id), group_id)
            group.read_at = now()
            claimed = [*await _claim(session, group, limit)]
            if len(claimed) < limit and await _fill(session, group, limit - len(claimed)):
                claimed += await _claim(session, group, limit - len(claimed))
            messages = [_message(group, delivery) for delivery in claimed if not await _is_silent(session, delivery)]
        log.debug("events.received", group_id=str(group_id), consumer=consumer, messages=len(messages))
        return messages

    async def acknowledge(self, actor: Actor, group_id: UUID, receipts: Sequence[str]) -> Sequence[Settled]:
        """Settle events for good. Raises UnknownSubscription."""

        async def settle(session: AsyncSession, _: GroupRow, held: Sequence[Held]) -> dict[Held, Outcome]:
            lost = await Inbox(session).handled(*held)
            return {one: "acknowledged" for one in held if one not in lost}

        return await self._settle(actor, group_id, receipts, settle=settle)

    async def renew(self, actor: Actor, group_id: UUID, receipts: Sequence[str]) -> Sequence[Settled]:
        """Hold on to events for another lease. Raises UnknownSubscription."""

        async def settle(session: AsyncSession, group: GroupRow, held: Sequence[Held]) -> dict[Held, Outcome]:
            lost = await Inbox(session).renew(held, lease_s=group.lease_s)
            return {one: "renewed" for one in held if one not in lost}

        return await self._settle(actor, group_id, receipts, settle=settle)

    async def refuse(
        self, actor: Actor, group_id: UUID, receipts: Sequence[str], *, delay_s: float | None, reason: str
    ) -> Sequence[Settled]:
        """Have events delivered again later; the fifth refusal of one is the last. Raises UnknownSubscription."""

        async def settle(session: AsyncSession, group: GroupRow, held: Sequence[Held]) -> dict[Held, Outcome]:
            failures = await Waiting(session, subscriber_of(group)).failures([one.event_id for one in held])
            outcomes: dict[Held, Outcome] = {}
            for one in held:
                times = failures.get(one.event_id, 0) + 1
                if times >= REFUSALS:
                    outcome, kept = "dead", await Inbox(session).bury(one, reason)
                else:
                    pause = pause_s(times) if delay_s is None else delay_s
                    outcome, kept = "delayed", await Inbox(session).retry(one, reason, delay_s=pause)
                if kept:
                    outcomes[one] = "dead" if outcome == "dead" else "delayed"
            return outcomes

        return await self._settle(actor, group_id, receipts, settle=settle)

    async def _settle(self, actor: Actor, group_id: UUID, receipts: Sequence[str], *, settle: Settle) -> Sequence[Settled]:
        async with reach(self._database, tenant_of(actor)).writing() as session:
            group = known(await Groups(session).get(actor.tenant_id, group_id), group_id)
            read = {text: Receipt.read(text) for text in dict.fromkeys(receipts)}
            held = {
                text: Held(subscriber_of(group), receipt.event_id, receipt.lease)
                for text, receipt in read.items()
                if receipt is not None and receipt.group_id == group_id
            }
            outcomes = await settle(session, group, list(held.values())) if held else {}
            lost = [one.event_id for one in held.values() if one not in outcomes]
            states = await Waiting(session, subscriber_of(group)).states(lost) if lost else {}
        return [
            _accepted(text, outcomes[held[text]])
            if text in held and held[text] in outcomes
            else _refused(text, _reason(read[text], held.get(text), states))
            for text in read
        ]


def _tenant_of(group: GroupRow) -> UUID | None:
    return None if group.every_tenant else group.tenant_id


async def _claim(session: AsyncSession, group: GroupRow, limit: int) -> Sequence[Delivery]:
    return await Inbox(session).claim(subscriber_of(group), limit, lease_s=group.lease_s, ordered=group.ordered)


async def _fill(session: AsyncSession, group: GroupRow, limit: int) -> bool:
    """Lay what comes next in the log into a group's inbox; returns whether there was something."""
    subscriber = subscriber_of(group)
    if group.ordered and await Waiting(session, subscriber).unfinished() >= WINDOW:
        return False
    end = max(group.position, await Log(session).end(_tenant_of(group)))
    entries = await Log(session).heard_by(group, after=group.position, until=end, limit=limit)
    await Inbox(session).accept(subscriber, [envelope for _, envelope in entries])
    group.position = entries[-1][0] if len(entries) == limit else end
    return bool(entries)


async def _is_silent(session: AsyncSession, delivery: Delivery) -> bool:
    """Give up on an event that whoever receives it never answers for; returns whether it was one."""
    if delivery.attempt - delivery.failures <= SILENCES:
        return False
    await Inbox(session).bury(delivery.held, f"It was delivered {SILENCES} times, and neither acknowledged nor refused within its lease.")
    return True


def _message(group: GroupRow, delivery: Delivery) -> Message:
    return Message(
        receipt=str(Receipt(group.id, delivery.held.event_id, delivery.held.lease)),
        delivery_count=delivery.attempt,
        stream=stream_of(delivery.envelope.source),
        event=cloud_event(delivery.envelope),
    )


def _reason(receipt: Receipt | None, held: Held | None, states: dict[UUID, str]) -> str:
    if receipt is None:
        return _NO_RECEIPT
    return _OTHER_GROUP if held is None else _LOST[states.get(held.event_id, "gone")]


def _accepted(receipt: str, outcome: Outcome) -> Settled:
    return Settled(receipt=receipt, accepted=True, outcome=outcome)


def _refused(receipt: str, detail: str) -> Settled:
    return Settled(receipt=receipt, accepted=False, outcome="refused", detail=detail)
