"""Goes along every company's chain of entries, and finds what was changed behind its back."""

from collections.abc import AsyncIterator
from uuid import UUID

from converto.kernel.database import Database, Transaction
from converto.kernel.sealed_chain import ChainSeal, Verdict, Walk, verdicts
from converto.vat.bookkeeping import columns_of, content_sha256
from converto.vat.models import ChainHeadRow, EntryRow, ReturnRow, VoucherRow
from converto.vat.repository import SEAL, UNREADABLE, Entries, Returns, Vouchers, ends_of
from converto.vat.returns import Return
from converto.vat.vouchers import Voucher


async def verify(database: Database, *, only: UUID | None = None) -> AsyncIterator[Verdict]:
    """Yield a verdict on each company, or on one."""
    async with database.across_tenants.reading() as session:
        companies = [only] if only is not None else await Entries(session).companies()
    async for verdict in verdicts(database, companies, look=_verdict, hold=lambda session, tenant_id: Entries(session).hold(tenant_id)):
        yield verdict


async def _verdict(session: Transaction, tenant_id: UUID) -> Verdict:
    head, seal = await Entries(session).head(tenant_id), session.info[SEAL]
    if head is None:
        return Verdict(tenant_id, 0, "", "the whole chain is missing, or its sealed end")
    last, digest = head.last, head.hash.hex()
    try:
        fault = await _fault(session, head, seal)
    except UNREADABLE as error:
        fault = f"something cannot be read any more, so it was changed: {type(error).__name__}"
    return Verdict(tenant_id, last, digest, fault)


async def _fault(session: Transaction, head: ChainHeadRow, seal: ChainSeal) -> str | None:
    ends, tenant_id = ends_of(head), head.tenant_id
    if not seal.holds(ends, head.seal):
        return "the sealed end was changed, or sealed with another secret"
    walk, looked_at, filed = Walk(ends), set[UUID](), 0
    async for link, row in Entries(session).links(tenant_id):
        fault = walk.fault(link) or await _source_fault(session, row, looked_at)
        if fault is not None:
            return fault
        filed += row.voucher_id is None
    return walk.end() or await _unheard_of(session, tenant_id, vouchers=len(looked_at), returns=filed)


async def _unheard_of(session: Transaction, tenant_id: UUID, *, vouchers: int, returns: int) -> str | None:
    """Return what is there that no entry tells of."""
    booked, filed = await Vouchers(session).count_booked(tenant_id), len(await Returns(session).everything(tenant_id))
    if booked != vouchers:
        return f"{booked} vouchers are booked, but {vouchers} have entries"
    return None if filed == returns else f"{filed} returns are filed, but {returns} have entries"


async def _source_fault(session: Transaction, row: EntryRow, looked_at: set[UUID]) -> str | None:
    """Return what is wrong with the voucher or the return that an entry is of."""
    if row.voucher_id is None:
        period = (row.treatment or "").removeprefix("return ")
        versions = await Returns(session).versions(row.tenant_id, period)
        same = [filed for filed in versions if filed.version == row.line]
        whole = len(same) == 1 and content_sha256(same[0].content) == row.content_sha256 and _return_columns_hold(same[0])
        return None if whole else f"the return {period} was changed"
    if row.voucher_id in looked_at:
        return None
    looked_at.add(row.voucher_id)
    voucher = await Vouchers(session).get(row.tenant_id, row.voucher_id)
    whole = voucher is not None and content_sha256(voucher.content) == row.content_sha256 and _voucher_columns_hold(voucher)
    return None if whole else f"voucher {row.voucher_id} was changed"


def _voucher_columns_hold(row: VoucherRow) -> bool:
    """Tell whether what is kept beside a voucher's content, to look for it by, is what its content says."""
    return row.id == UUID(row.content["id"]) and all(
        getattr(row, name) == value for name, value in columns_of(Voucher.model_validate(row.content)).items()
    )


def _return_columns_hold(row: ReturnRow) -> bool:
    found = Return.model_validate(row.content)
    return (row.period, row.version, row.first, row.last) == (found.period, found.version, found.first, found.last)
