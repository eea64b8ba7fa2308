"""Decides who works under an Idempotency-Key, and remembers what it was answered."""

from datetime import timedelta
from uuid import UUID

from converto.gateway.interface import KeptAnswers, KeyUse, Standing, Taken
from converto.gateway.repository import IdempotencyKeys
from converto.kernel.clock import new_id, now
from converto.kernel.database import Database

PURGE_AT_ONCE = 500


class KeptAnswersService(KeptAnswers):
    """Keeps keys and answers in the edge's own database; whoever took a key settles it only while it is still theirs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, use: KeyUse, *, lease_s: float) -> Taken:
        """See `KeptAnswers.take`."""
        holder, at = new_id(), now()
        until = at + timedelta(seconds=lease_s)
        async with self._database.writing(use.tenant_id) as session:
            keys = IdempotencyKeys(session)
            fresh = {"tenant_id": use.tenant_id, "digest": use.digest, "holder": holder, "until": until}
            if await keys.add(fresh) or await keys.take_over(use.tenant_id, use.digest, at=at, holder=holder, until=until):
                return Taken(standing=Standing.YOURS, holder=holder)
            row = await keys.get(use.tenant_id, use.digest)
        if row is None or row.payload is None:  # None: it was given back at this very moment, and the next try will have it
            return Taken(standing=Standing.BUSY, holder=row.holder if row else holder)
        return Taken(standing=Standing.ANSWERED, holder=row.holder, payload=row.payload, answer=row.answer)

    async def renew(self, use: KeyUse, holder: UUID, *, lease_s: float) -> bool:
        """See `KeptAnswers.renew`."""
        async with self._database.writing(use.tenant_id) as session:
            values = {"until": now() + timedelta(seconds=lease_s)}
            return await IdempotencyKeys(session).change(use.tenant_id, use.digest, holder=holder, values=values)

    async def keep(self, use: KeyUse, holder: UUID, *, payload: bytes, answer: bytes | None, keep_s: float) -> bool:
        """See `KeptAnswers.keep`."""
        async with self._database.writing(use.tenant_id) as session:
            values = {"payload": payload, "answer": answer, "until": now() + timedelta(seconds=keep_s)}
            return await IdempotencyKeys(session).change(use.tenant_id, use.digest, holder=holder, values=values)

    async def free(self, use: KeyUse, holder: UUID) -> None:
        """See `KeptAnswers.free`."""
        async with self._database.writing(use.tenant_id) as session:
            await IdempotencyKeys(session).remove(use.tenant_id, use.digest, holder=holder)

    async def forget_old(self, *, at_once: int = PURGE_AT_ONCE) -> None:
        """Forget the keys whose time is over, some at a time, so that nobody waits long for the database."""
        gone = at_once
        while gone == at_once:
            async with self._database.across_tenants.writing() as session:
                gone = await IdempotencyKeys(session).purge(before=now(), limit=at_once)
