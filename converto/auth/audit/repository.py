"""All SQL of the audit log."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, select

from converto.auth.audit.models import AuditHeadRow, AuditRow
from converto.auth.models import TenantRow
from converto.auth.people import Client
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.context import current
from converto.kernel.database import Transaction, changed, take_turns
from converto.kernel.sealed_chain import NOTHING_BEFORE, ChainSeal, Ends, Link, chained

SEAL: Final = "audit_seal"
"""Under this name a transaction brings along what the log is sealed with (`Database.info`)."""
NOBODY: Final = Client()
READ_AT_ONCE: Final = 500


class Audit:
    """The audit log of every company; each has a chain of its own."""

    def __init__(self, session: Transaction) -> None:
        self._session = session
        self._seal: ChainSeal = session.info[SEAL]

    async def note(
        self,
        tenant_id: UUID,
        action: str,
        *,
        by: Actor | None = None,
        user_id: UUID | None = None,
        target: object = None,
        client: Client = NOBODY,
        **facts: Any,
    ) -> None:
        """Add an entry in this transaction: `by` is the actor, `user_id` the person where there is no actor yet; facts are plain JSON.

        No name and no address of a person stands in the facts: an entry outlives the account of whom it is about.
        """
        head = await self._moving_head(tenant_id)
        row = AuditRow(
            tenant_id=tenant_id,
            number=head.last + 1,
            at=now(),
            action=action,
            user_id=user_id if by is None else by.user_id,
            api_key_id=None if by is None else by.api_key_id,
            session_id=None if by is None else by.session_id,
            target=None if target is None else str(target)[:200],
            address=client.address,
            user_agent=client.user_agent,
            request_id=current().request_id,
            facts=facts,
        )
        row.hash = chained(head.hash, _said(row))
        head.last, head.hash = row.number, row.hash
        head.seal = self._seal.of(ends_of(head))
        self._session.add(row)
        await self._session.flush()

    async def _moving_head(self, tenant_id: UUID) -> AuditHeadRow:
        """Return the end of a company's chain, which nobody else moves until this transaction ends."""
        await self.hold(tenant_id)
        head = await self.head(tenant_id)
        if head is None:
            head = AuditHeadRow(tenant_id=tenant_id, first=1, before=NOTHING_BEFORE, last=0, hash=NOTHING_BEFORE)
            self._session.add(head)
        return head

    async def page(
        self,
        tenant_id: UUID,
        limit: int,
        *,
        below: int | None = None,
        action: str | None = None,
        user_id: UUID | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[AuditRow]:
        """Return entries of a company, the newest first; `since` belongs to the time, `until` does not."""
        wanted = select(AuditRow).where(AuditRow.tenant_id == tenant_id)
        if below is not None:
            wanted = wanted.where(AuditRow.number < below)
        if action is not None:
            wanted = wanted.where(AuditRow.action == action)
        if user_id is not None:
            wanted = wanted.where(AuditRow.user_id == user_id)
        if since is not None:
            wanted = wanted.where(AuditRow.at >= since)
        if until is not None:
            wanted = wanted.where(AuditRow.at < until)
        return (await self._session.scalars(wanted.order_by(AuditRow.number.desc()).limit(limit))).all()

    async def hold(self, tenant_id: UUID) -> None:
        """Let nobody else add an entry to a company's log until this transaction ends."""
        await take_turns(self._session, f"audit:{tenant_id}")

    async def head(self, tenant_id: UUID) -> AuditHeadRow | None:
        """Return the ends of a company's chain."""
        # what this transaction has read before somebody else's turn would be out of date
        return await self._session.get(AuditHeadRow, tenant_id, populate_existing=True)

    async def companies(self) -> Sequence[UUID]:
        """Return every company that is there, or has a log."""
        places = (TenantRow.id, AuditHeadRow.tenant_id, AuditRow.tenant_id)
        return sorted({tenant_id for place in places for tenant_id in await self._session.scalars(select(place).distinct())})

    async def with_entries_before(self, moment: datetime) -> Sequence[UUID]:
        """Return the companies whose oldest entry, of several, is of before a moment."""
        oldest = (AuditRow.tenant_id == AuditHeadRow.tenant_id) & (AuditRow.number == AuditHeadRow.first)
        wanted = select(AuditHeadRow.tenant_id).join(AuditRow, oldest).where(AuditRow.at < moment, AuditHeadRow.first < AuditHeadRow.last)
        return (await self._session.scalars(wanted)).all()

    async def links(self, tenant_id: UUID) -> AsyncIterator[Link]:
        """Yield every entry of a company, the oldest first."""
        number = None
        while True:
            wanted = select(AuditRow).where(AuditRow.tenant_id == tenant_id)
            if number is not None:
                wanted = wanted.where(AuditRow.number > number)
            rows = (await self._session.scalars(wanted.order_by(AuditRow.number).limit(READ_AT_ONCE))).all()
            for row in rows:
                yield Link(row.number, _said(row), row.hash)
                number = row.number
            self._session.expunge_all()
            if len(rows) < READ_AT_ONCE:
                return

    async def forget(self, tenant_id: UUID, *, before: datetime) -> int:
        """Remove a company's entries of before a moment, all but the last, and seal the new beginning; returns how many."""
        head = await self._moving_head(tenant_id)
        mine = AuditRow.tenant_id == tenant_id
        oldest = select(AuditRow.number).where(mine, AuditRow.at >= before).order_by(AuditRow.number).limit(1)
        first = min(await self._session.scalar(oldest) or head.last, head.last)
        if first <= head.first:
            return 0
        previous = select(AuditRow.hash).where(mine, AuditRow.number == first - 1)
        head.before, head.first = (await self._session.scalars(previous)).one(), first
        head.seal = self._seal.of(ends_of(head))
        await self._session.flush()
        return await changed(self._session, delete(AuditRow).where(mine, AuditRow.number < first))


def ends_of(head: AuditHeadRow) -> Ends:
    """Return what a seal is made of."""
    return Ends(head.tenant_id, head.first, head.before, head.last, head.hash)


def _said(row: AuditRow) -> Sequence[Any]:
    return [
        str(row.tenant_id), row.number, row.at.isoformat(timespec="microseconds"), row.action,
        *(None if one is None else str(one) for one in (row.user_id, row.api_key_id, row.session_id)),
        row.target, row.address, row.user_agent, row.request_id, row.facts,
    ]  # fmt: skip
