"""Goes along every company's chain of entries, and finds what was changed behind its back."""

from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

from converto.kernel.database import Database, Transaction
from converto.kernel.sealed_chain import ChainSeal, Verdict, Walk, verdicts
from converto.vat.bookkeeping import columns_of, content_sha256
from converto.vat.linking import ends_of, link_of
from converto.vat.models import ChainHeadRow, EntryRow, ReturnRow, VoucherRow
from converto.vat.repository import SEAL, Entries, Returns, Vouchers
from converto.vat.returns import Return
from converto.vat.vouchers import Voucher


async def verify(database: Database, *, only: UUID | None = None) -> AsyncIterator[Verdict]:
    """Yield a verdict on each company that has booked something, or on one."""

    async def companies(session: Transaction) -> Sequence[UUID]:
        return await Entries(session).companies(only)

    async for verdict in verdicts(database, companies, look=_verdict, hold=lambda session, tenant_id: Entries(session).hold(tenant_id)):
        yield verdict


async def _verdict(session: Transaction, tenant_id: UUID) -> Verdict:
    head, seal = await Entries(session).head(tenant_id), session.info[SEAL]
    if head is None:
        return Verdict(tenant_id, 0, "", "the whole chain is missing, or its sealed end")
    last, digest = head.last, head.hash.hex()
    return Verdict(tenant_id, last, digest, await _fault(session, head, seal))


async def _fault(session: Transaction, head: ChainHeadRow, seal: ChainSeal) -> str | None:
    ends, tenant_id = ends_of(head), head.tenant_id
    if not seal.holds(ends, head.seal):
        return "the sealed end was changed, or sealed with another secret"
    walk, looked_at, filed = Walk(ends), set[UUID](), 0
    returns = {(row.period, row.version): row for row in await Returns(session).everything(tenant_id)}
    async for rows in Entries(session).stretches(tenant_id):
        new = {row.voucher_id for row in rows if row.voucher_id is not None} - looked_at
        vouchers = await Vouchers(session).of(tenant_id, new)
        for row in rows:
            fault = walk.fault(link_of(row))
            if fault is None:
                fault = _return_fault(row, returns) if row.voucher_id is None else _voucher_fault(row, row.voucher_id, vouchers, looked_at)
            if fault is not None:
                return fault
            filed += row.voucher_id is None
    return walk.end() or await _unheard_of(session, tenant_id, vouchers=len(looked_at), returns=(len(returns), filed))


async def _unheard_of(session: Transaction, tenant_id: UUID, *, vouchers: int, returns: tuple[int, int]) -> str | None:
    """Return what is there that no entry tells of."""
    booked, (filed, told) = await Vouchers(session).count_booked(tenant_id), returns
    if booked != vouchers:
        return f"{booked} vouchers are booked, but {vouchers} have entries"
    return None if filed == told else f"{filed} returns are filed, but {told} have entries"


def _return_fault(row: EntryRow, returns: Mapping[tuple[str, int], ReturnRow]) -> str | None:
    period = (row.treatment or "").removeprefix("return ")
    found = returns.get((period, row.line))
    whole = found is not None and content_sha256(found.content) == row.content_sha256 and _return_columns_hold(found)
    return None if whole else f"the return {period} was changed"


def _voucher_fault(row: EntryRow, voucher_id: UUID, vouchers: Mapping[UUID, VoucherRow], looked_at: set[UUID]) -> str | None:
    if voucher_id in looked_at:
        return None
    looked_at.add(voucher_id)
    found = vouchers.get(voucher_id)
    whole = found is not None and content_sha256(found.content) == row.content_sha256 and _voucher_columns_hold(found)
    return None if whole else f"voucher {voucher_id} was changed"


def _voucher_columns_hold(row: VoucherRow) -> bool:
    """Tell whether what is kept beside a voucher's content, to look for it by, is what its content says."""
    return row.id == UUID(row.content["id"]) and all(
        getattr(row, name) == value for name, value in columns_of(Voucher.model_validate(row.content)).items()
    )


def _return_columns_hold(row: ReturnRow) -> bool:
    found = Return.model_validate(row.content)
    return (row.period, row.version, row.first, row.last) == (found.period, found.version, found.first, found.last)
