"""All SQL of the audit log, and the chain that shows any change to it."""

from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import select

from converto.auth.audit.models import AuditRow
from converto.auth.people import Client
from converto.kernel.actor import Actor
from converto.kernel.clock import now
from converto.kernel.context import current
from converto.kernel.database import Transaction, take_turns

NOTHING_BEFORE: Final = bytes(32)
"""The hash before the first entry."""
NOBODY: Final = Client()


class Audit:
    """The audit log of every company; each has a chain of its own."""

    def __init__(self, session: Transaction) -> None:
        self._session = session

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
        """Add an entry in this transaction: `by` is the actor, `user_id` the person where there is no actor yet; facts are plain JSON."""
        await take_turns(self._session, f"audit:{tenant_id}")
        last = (
            await self._session.execute(
                select(AuditRow.number, AuditRow.hash).where(AuditRow.tenant_id == tenant_id).order_by(AuditRow.number.desc()).limit(1)
            )
        ).one_or_none()
        row = AuditRow(
            tenant_id=tenant_id,
            number=1 if last is None else last.number + 1,
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
        row.hash = chained(NOTHING_BEFORE if last is None else last.hash, row)
        self._session.add(row)
        await self._session.flush()


def chained(before: bytes, row: AuditRow) -> bytes:
    """Return the hash that an entry has after the one with the hash `before`."""
    said = [
        str(row.tenant_id), row.number, row.at.isoformat(timespec="microseconds"), row.action,
        *(None if one is None else str(one) for one in (row.user_id, row.api_key_id, row.session_id)),
        row.target, row.address, row.user_agent, row.request_id, row.facts,
    ]  # fmt: skip
    return sha256(before + orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest()
