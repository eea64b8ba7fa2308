"""Goes along every company's audit log, and finds what was changed behind its back."""

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from converto.auth.audit.models import AuditHeadRow
from converto.auth.audit.repository import SEAL, Audit, ends_of
from converto.kernel.database import Database, Transaction
from converto.kernel.sealed_chain import ChainSeal, Verdict, Walk, verdicts


async def verify(database: Database, *, only: UUID | None = None) -> AsyncIterator[Verdict]:
    """Yield a verdict on each company, or on one."""

    async def companies(session: Transaction) -> Sequence[UUID]:
        return [only] if only is not None else await Audit(session).companies()

    async for verdict in verdicts(database, companies, look=_verdict, hold=lambda session, tenant_id: Audit(session).hold(tenant_id)):
        yield verdict


async def _verdict(session: Transaction, tenant_id: UUID) -> Verdict:
    audit, seal = Audit(session), session.info[SEAL]
    head = await audit.head(tenant_id)
    if head is None:
        return Verdict(tenant_id, 0, "", "the whole log is missing, or its sealed end")
    fault = await _fault(audit, head, seal)
    return Verdict(tenant_id, head.last - head.first + 1, head.hash.hex(), fault)


async def _fault(audit: Audit, head: AuditHeadRow, seal: ChainSeal) -> str | None:
    ends = ends_of(head)
    if not seal.holds(ends, head.seal):
        return "the sealed end was changed, or sealed with another secret"
    walk = Walk(ends)
    async for link in audit.links(head.tenant_id):
        fault = walk.fault(link)
        if fault is not None:
            return fault
    return walk.end()
