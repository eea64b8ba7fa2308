"""All SQL of the edge."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from converto.gateway.models import IdempotencyKeyRow
from converto.kernel.database import changed, insert_into

_key = IdempotencyKeyRow


class IdempotencyKeys:
    """The keys of one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: dict[str, Any]) -> bool:
        """Keep a new key; False when it is there already, which of two at once only the primary key can tell."""
        return await changed(self._session, insert_into(self._session, _key).values(row).on_conflict_do_nothing()) == 1

    async def get(self, tenant_id: UUID, digest: bytes) -> IdempotencyKeyRow | None:
        """Return a key."""
        return await self._session.get(_key, (tenant_id, digest))

    async def take_over(self, tenant_id: UUID, digest: bytes, *, at: datetime, holder: UUID, until: datetime) -> bool:
        """Give a key whose time is over to somebody else; False when somebody was quicker."""
        free = update(_key).where(_key.tenant_id == tenant_id, _key.digest == digest, _key.until <= at)
        return await changed(self._session, free.values(holder=holder, until=until, payload=None, answer=None)) == 1

    async def change(self, tenant_id: UUID, digest: bytes, *, holder: UUID, values: dict[str, Any]) -> bool:
        """Change a key under which its holder works; False when it has gone to somebody else."""
        held = update(_key).where(_key.tenant_id == tenant_id, _key.digest == digest, _key.holder == holder, _key.payload.is_(None))
        return await changed(self._session, held.values(values)) == 1

    async def remove(self, tenant_id: UUID, digest: bytes, *, holder: UUID) -> None:
        """Remove a key under which its holder works."""
        mine = delete(_key).where(_key.tenant_id == tenant_id, _key.digest == digest, _key.holder == holder, _key.payload.is_(None))
        await changed(self._session, mine)

    async def purge(self, *, before: datetime, limit: int) -> int:
        """Remove keys of all tenants whose time is over; returns how many."""
        over = select(_key.tenant_id, _key.digest).where(_key.until < before).limit(limit)
        return await changed(self._session, delete(_key).where(tuple_(_key.tenant_id, _key.digest).in_(over)))
