"""Turns in a subscriber's line: tenants go one after another, however much one of them has waiting.

Each event that arrives gets a turn: one after the last that its tenant has waiting, and never before the turn that is now being served.
So a tenant with a thousand files has the turns 1 to 1,000, and another's single file, which comes when 100 of them are done, has turn 101.
Priorities have lines of their own: what is urgent overtakes the rest of its tenant, and nobody else's.
"""

from collections.abc import Sequence
from typing import Any, Self
from uuid import UUID

from sqlalchemy import Uuid, bindparam, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from converto.events.tables import inbox
from converto.kernel.clock import now
from converto.kernel.columns import Moment
from converto.kernel.event import Envelope

Line = tuple[UUID, int]
"""A tenant and a priority."""

# made once: to put a statement together takes longer than to have it worked off
_MOMENT: Any = bindparam("moment", type_=Moment)
_UNFINISHED = (inbox.c.subscriber == bindparam("subscriber_is"), inbox.c.due_at.is_not(None))
# of those who wait: a long job that was claimed ages ago would hold the floor down, and late-comers would pass everyone
_WAITS = or_(inbox.c.leased_until.is_(None), inbox.c.leased_until < _MOMENT)
_SERVING = select(func.min(inbox.c.turn)).where(*_UNFINISHED, inbox.c.due_at <= _MOMENT, _WAITS)
_OWN = (inbox.c.tenant_id == bindparam("tenant", type_=Uuid), inbox.c.priority == bindparam("priority_is"))
_END_OF_LINE = select(func.max(inbox.c.turn)).where(*_UNFINISHED, *_OWN)


class Turns:
    """Gives turns to events that arrive together."""

    def __init__(self, last: dict[Line, int]) -> None:
        self._last = last

    @classmethod
    async def of(cls, session: AsyncSession, subscriber: str, envelopes: Sequence[Envelope]) -> Self:
        """Look up where the lines of these events end."""
        floor = (await session.scalar(_SERVING, {"subscriber_is": subscriber, "moment": now()}) or 1) - 1
        last: dict[Line, int] = {}
        for tenant_id, priority in {(envelope.tenant_id, envelope.priority) for envelope in envelopes}:
            line = {"subscriber_is": subscriber, "tenant": tenant_id, "priority_is": priority}
            last[tenant_id, priority] = max(floor, await session.scalar(_END_OF_LINE, line) or 0)
        return cls(last)

    def next(self, envelope: Envelope) -> int:
        """Return the turn of one event."""
        line = (envelope.tenant_id, envelope.priority)
        self._last[line] += 1
        return self._last[line]
