"""All SQL of value added tax."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, delete, false, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from converto.kernel.database import take_turns
from converto.kernel.sealed_chain import NOTHING_BEFORE, ChainSeal, chained
from converto.vat.boxes import DEDUCTION
from converto.vat.linking import ends_of, said
from converto.vat.models import (
    ChainHeadRow,
    CorrectionRow,
    CounterRow,
    DueNoticeRow,
    EntryRow,
    RegimeRow,
    ReturnRow,
    SupplierRuleRow,
    VoucherRow,
)
from converto.vat.returns import Contribution
from converto.vat.vouchers import VoucherFilter

SEAL = "vat.seal"
"""Under which a transaction brings what seals chains."""
READ_AT_ONCE = 500
MOST_LEARNT = 50


class Vouchers:
    """The vouchers of a tenant."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, row: VoucherRow) -> None:
        """Keep a new voucher."""
        self._session.add(row)

    async def get(self, tenant_id: UUID, voucher_id: UUID) -> VoucherRow | None:
        """Return one voucher."""
        return await self._session.get(VoucherRow, (tenant_id, voucher_id))

    async def lock(self, tenant_id: UUID, voucher_id: UUID) -> VoucherRow | None:
        """Return one voucher for a change."""
        return await self._session.get(VoucherRow, (tenant_id, voucher_id), with_for_update=True, populate_existing=True)

    async def remove(self, row: VoucherRow) -> None:
        """Remove a draft."""
        await self._session.delete(row)

    async def of(self, tenant_id: UUID, voucher_ids: Collection[UUID]) -> Mapping[UUID, VoucherRow]:
        """Return vouchers by id."""
        wanted = select(VoucherRow).where(VoucherRow.tenant_id == tenant_id, VoucherRow.id.in_(voucher_ids))
        return {row.id: row for row in await self._session.scalars(wanted)}

    async def reversal_of(self, tenant_id: UUID, voucher_id: UUID) -> UUID | None:
        """Return the voucher that reverses one."""
        return await self._session.scalar(select(VoucherRow.id).where(VoucherRow.tenant_id == tenant_id, VoucherRow.reverses == voucher_id))

    async def reversals(self, tenant_id: UUID, voucher_ids: Sequence[UUID]) -> Mapping[UUID, UUID]:
        """Return the reversals of vouchers, by what they reverse."""
        wanted = select(VoucherRow.reverses, VoucherRow.id).where(VoucherRow.tenant_id == tenant_id, VoucherRow.reverses.in_(voucher_ids))
        return {row.reverses: row.id for row in await self._session.execute(wanted) if row.reverses is not None}

    async def of_event(self, tenant_id: UUID, event_id: UUID) -> UUID | None:
        """Return the voucher that was drafted for an event."""
        return await self._session.scalar(select(VoucherRow.id).where(VoucherRow.tenant_id == tenant_id, VoucherRow.event_id == event_id))

    async def page(self, tenant_id: UUID, wanted: VoucherFilter, limit: int, *, after: UUID | None) -> Sequence[VoucherRow]:
        """Return vouchers, the newest first."""
        chosen = select(VoucherRow).where(VoucherRow.tenant_id == tenant_id)
        if wanted.status is not None:
            chosen = chosen.where(VoucherRow.status == wanted.status)
        if wanted.since is not None:
            chosen = chosen.where(VoucherRow.tax_date >= wanted.since)
        if wanted.until is not None:
            chosen = chosen.where(VoucherRow.tax_date <= wanted.until)
        if after is not None:
            chosen = chosen.where(VoucherRow.id < after)
        return (await self._session.scalars(chosen.order_by(VoucherRow.id.desc()).limit(limit))).all()

    async def booked(
        self, tenant_id: UUID, first: date, last: date, *, after: tuple[date, UUID] | None, limit: int
    ) -> Sequence[VoucherRow]:
        """Return booked vouchers of a time by day, after one of a day."""
        begins = first if after is None else after[0]  # SQLite seeks in an index by a day, and not by a day and what follows it
        chosen = select(VoucherRow).where(
            VoucherRow.tenant_id == tenant_id, VoucherRow.number.is_not(None), VoucherRow.tax_date.between(begins, last)
        )
        if after is not None:
            chosen = chosen.where(tuple_(VoucherRow.tax_date, VoucherRow.id) > after)
        return (await self._session.scalars(chosen.order_by(VoucherRow.tax_date, VoucherRow.id).limit(limit))).all()

    async def count_booked(self, tenant_id: UUID) -> int:
        """Return how many vouchers are booked."""
        wanted = select(func.count()).select_from(VoucherRow).where(VoucherRow.tenant_id == tenant_id, VoucherRow.number.is_not(None))
        return int(await self._session.scalar(wanted) or 0)

    async def contents(self, tenant_id: UUID, voucher_ids: Sequence[UUID]) -> Mapping[UUID, dict[str, Any]]:
        """Return what vouchers hold, by id."""
        wanted = select(VoucherRow.id, VoucherRow.content).where(VoucherRow.tenant_id == tenant_id, VoucherRow.id.in_(voucher_ids))
        return {row.id: row.content for row in await self._session.execute(wanted)}

    async def same(self, tenant_id: UUID, *, sha256: str | None, scans: Sequence[UUID], other_than: UUID) -> VoucherRow | None:
        """Return an earlier voucher of the same document: of the same bytes, or of one of these scans."""
        clues = [VoucherRow.original_sha256 == sha256] if sha256 is not None else []
        clues += [VoucherRow.scan_id.in_(scans)] if scans else []
        if not clues:
            return None
        return await self._session.scalar(self._others(tenant_id, other_than).where(or_(*clues)).limit(1))

    async def near(self, row: VoucherRow, *, within: timedelta) -> VoucherRow | None:
        """Return an earlier voucher of the same seller and sum, of about the same day."""
        if row.seller_id is None:
            return None
        alike = (
            VoucherRow.seller_id == row.seller_id,
            VoucherRow.total_cents.between(row.total_cents - 1, row.total_cents + 1),
            VoucherRow.document_date.between(row.document_date - within, row.document_date + within),
        )
        return await self._session.scalar(self._others(row.tenant_id, row.id).where(*alike).limit(1))

    def _others(self, tenant_id: UUID, other_than: UUID) -> Select[VoucherRow]:
        return select(VoucherRow).where(VoucherRow.tenant_id == tenant_id, VoucherRow.id != other_than, VoucherRow.reverses.is_(None))

    async def ibans(self, tenant_id: UUID, seller_id: str, *, other_than: UUID) -> frozenset[str]:
        """Return the accounts that a seller's earlier vouchers name."""
        wanted = select(VoucherRow.iban).where(
            VoucherRow.tenant_id == tenant_id, VoucherRow.seller_id == seller_id, VoucherRow.iban.is_not(None), VoucherRow.id != other_than
        )
        return frozenset(iban for iban in await self._session.scalars(wanted.distinct()) if iban is not None)

    async def next_number(self, tenant_id: UUID, year: int) -> int:
        """Return the next number of a year; the caller holds the chain."""
        counter = await self._session.get(CounterRow, (tenant_id, year), populate_existing=True)
        if counter is None:
            counter = CounterRow(tenant_id=tenant_id, year=year, last=0)
            self._session.add(counter)
        counter.last += 1
        return counter.last


class Entries:
    """The entries of a tenant, in their chain."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._seal: ChainSeal = session.info[SEAL]

    async def hold(self, tenant_id: UUID) -> None:
        """Let nobody else book or file for a tenant until this transaction ends."""
        await take_turns(self._session, f"vat:{tenant_id}")

    async def add(self, tenant_id: UUID, rows: Sequence[EntryRow]) -> int:
        """Add entries at the end of the chain, which the caller holds; returns the number of the last."""
        head = await self.head(tenant_id)
        if head is None:
            head = ChainHeadRow(tenant_id=tenant_id, last=0, hash=NOTHING_BEFORE)
            self._session.add(head)
        for row in rows:
            row.tenant_id, row.number = tenant_id, head.last + 1
            row.hash = chained(head.hash, said(row))
            head.last, head.hash = row.number, row.hash
            self._session.add(row)
        head.seal = self._seal.of(ends_of(head))
        await self._session.flush()
        return head.last

    async def head(self, tenant_id: UUID) -> ChainHeadRow | None:
        """Return where a tenant's chain ends."""
        return await self._session.get(ChainHeadRow, tenant_id, populate_existing=True)

    async def contributions(self, tenant_id: UUID, first: date, last: date, *, upto: int | None = None) -> list[Contribution]:
        """Return what the entries of a period come to, by box."""
        columns = (EntryRow.base_box, EntryRow.tax_box)
        sums = (func.sum(EntryRow.net_cents), func.sum(EntryRow.vat_cents), func.sum(EntryRow.deductible_cents))
        wanted = select(*columns, *sums).where(*self._of(tenant_id, first, last, upto=upto)).group_by(*columns)
        return [
            Contribution(base_box=base, tax_box=tax, net=int(net), vat=int(vat), deductible=int(deductible))
            for base, tax, net, vat, deductible in await self._session.execute(wanted)
        ]

    @staticmethod
    def _of(tenant_id: UUID, first: date, last: date, *, upto: int | None) -> list[ColumnElement[bool]]:
        within = [EntryRow.tenant_id == tenant_id, EntryRow.tax_date.between(first, last), EntryRow.voucher_id.is_not(None)]
        return within if upto is None else [*within, EntryRow.number <= upto]

    async def of_box(
        self, tenant_id: UUID, box: str, *, first: date, last: date, upto: int | None, limit: int, after: int
    ) -> Sequence[tuple[EntryRow, int]]:
        """Return entries that a box is made of, the oldest first, each with the cents that it adds."""
        deducts = EntryRow.deductible_cents != 0 if box == DEDUCTION else false()
        cents = case(
            (EntryRow.base_box == box, EntryRow.net_cents), (EntryRow.tax_box == box, EntryRow.vat_cents), else_=EntryRow.deductible_cents
        )
        wanted = select(EntryRow, cents).where(
            *self._of(tenant_id, first, last, upto=upto),
            or_(EntryRow.base_box == box, EntryRow.tax_box == box, deducts),
            EntryRow.number > after,
        )
        found = await self._session.execute(wanted.order_by(EntryRow.number).limit(limit))
        return [(row, int(amount)) for row, amount in found]

    async def between(self, tenant_id: UUID, first: date, last: date, *, after: tuple[date, int] | None, limit: int) -> Sequence[EntryRow]:
        """Return entries of a time by day, and those of a day in the order of the chain, after one of a day."""
        begins = first if after is None else after[0]
        chosen = select(EntryRow).where(EntryRow.tenant_id == tenant_id, EntryRow.tax_date.between(begins, last))
        if after is not None:
            chosen = chosen.where(tuple_(EntryRow.tax_date, EntryRow.number) > after)
        return (await self._session.scalars(chosen.order_by(EntryRow.tax_date, EntryRow.number).limit(limit))).all()

    async def turnover(self, tenant_id: UUID, first: date, last: date, *, treatments: Sequence[str]) -> int:
        """Return the net of the sales of a time, in cents."""
        wanted = select(func.coalesce(func.sum(EntryRow.net_cents), 0)).where(
            *self._of(tenant_id, first, last, upto=None), EntryRow.treatment.in_(treatments)
        )
        return int(await self._session.scalar(wanted) or 0)

    async def first_day(self, tenant_id: UUID) -> date | None:
        """Return the earliest day that something is booked for."""
        return await self._session.scalar(select(func.min(EntryRow.tax_date)).where(EntryRow.tenant_id == tenant_id))

    async def last_number(self, tenant_id: UUID) -> int:
        """Return the number of the last entry."""
        head = await self.head(tenant_id)
        return 0 if head is None else head.last

    async def companies(self, only: UUID | None = None) -> Sequence[UUID]:
        """Return every tenant that has a chain, or what a chain tells of; or the one that is asked for, where it has."""
        tables = (ChainHeadRow.tenant_id, EntryRow.tenant_id, ReturnRow.tenant_id)
        wanted = [*(select(place) for place in tables), select(VoucherRow.tenant_id).where(VoucherRow.number.is_not(None))]
        return await self._tenants(*(one if only is None else one.where(one.selected_columns[0] == only) for one in wanted))

    async def liable(self) -> Sequence[UUID]:
        """Return every tenant that has booked something, or said when its liability begins."""
        return await self._tenants(select(ChainHeadRow.tenant_id), select(RegimeRow.tenant_id))

    async def _tenants(self, *wanted: Select[UUID]) -> Sequence[UUID]:
        return sorted({tenant_id for one in wanted for tenant_id in await self._session.scalars(one.distinct())})

    async def stretches(self, tenant_id: UUID) -> AsyncIterator[Sequence[EntryRow]]:
        """Yield every entry of a tenant, the oldest first, so many at once; what else was read meanwhile is forgotten with them."""
        number = -1
        while True:
            wanted = select(EntryRow).where(EntryRow.tenant_id == tenant_id, EntryRow.number > number)
            rows = (await self._session.scalars(wanted.order_by(EntryRow.number).limit(READ_AT_ONCE))).all()
            if rows:
                yield rows
                number = rows[-1].number
            self._session.expunge_all()
            if len(rows) < READ_AT_ONCE:
                return


class Returns:
    """What a tenant has filed, and how long its periods are."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    def add(self, row: ReturnRow | CorrectionRow) -> None:
        """Keep a filed return, or a replacement that is begun."""
        self._session.add(row)

    async def newest(self, tenant_id: UUID, period: str) -> ReturnRow | None:
        """Return what was filed last for a period."""
        wanted = select(ReturnRow).where(ReturnRow.tenant_id == tenant_id, ReturnRow.period == period)
        return await self._session.scalar(wanted.order_by(ReturnRow.version.desc()).limit(1))

    async def versions(self, tenant_id: UUID, period: str) -> Sequence[ReturnRow]:
        """Return all that was filed for a period, the first first."""
        wanted = select(ReturnRow).where(ReturnRow.tenant_id == tenant_id, ReturnRow.period == period)
        return (await self._session.scalars(wanted.order_by(ReturnRow.version))).all()

    async def all(self, tenant_id: UUID) -> Sequence[ReturnRow]:
        """Return all that was filed, the first versions."""
        return (await self._session.scalars(select(ReturnRow).where(ReturnRow.tenant_id == tenant_id, ReturnRow.version == 1))).all()

    async def everything(self, tenant_id: UUID) -> Sequence[ReturnRow]:
        """Return all that was filed, each version."""
        wanted = select(ReturnRow).where(ReturnRow.tenant_id == tenant_id)
        return (await self._session.scalars(wanted.order_by(ReturnRow.first, ReturnRow.version))).all()

    async def overlapping(self, tenant_id: UUID, first: date, last: date) -> ReturnRow | None:
        """Return a filed return that shares a day with a time."""
        wanted = select(ReturnRow).where(ReturnRow.tenant_id == tenant_id, ReturnRow.first <= last, ReturnRow.last >= first)
        return await self._session.scalar(wanted.order_by(ReturnRow.first).limit(1))

    async def locking(self, tenant_id: UUID, day: date) -> str | None:
        """Return the filed period that a day is in, unless a replacement of it is open."""
        filed = await self.overlapping(tenant_id, day, day)
        if filed is None:
            return None
        return None if await self.correction(tenant_id, filed.period) is not None else filed.period

    async def correction(self, tenant_id: UUID, period: str) -> CorrectionRow | None:
        """Return the replacement of a period that is being made."""
        return await self._session.get(CorrectionRow, (tenant_id, period))

    async def corrections(self, tenant_id: UUID) -> Sequence[str]:
        """Return the periods whose replacements are being made."""
        return (await self._session.scalars(select(CorrectionRow.period).where(CorrectionRow.tenant_id == tenant_id))).all()

    async def close(self, tenant_id: UUID, period: str) -> None:
        """End a replacement."""
        await self._session.execute(delete(CorrectionRow).where(CorrectionRow.tenant_id == tenant_id, CorrectionRow.period == period))

    async def regimes(self, tenant_id: UUID) -> Sequence[RegimeRow]:
        """Return how long periods are, from which day, the earliest first."""
        return (await self._session.scalars(select(RegimeRow).where(RegimeRow.tenant_id == tenant_id).order_by(RegimeRow.valid_from))).all()

    async def set_regime(self, row: RegimeRow) -> None:
        """Set how long periods are from a day on."""
        await self._session.merge(row)


class Rules:
    """The rules of a tenant about its suppliers, and what they are learnt from."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def hold(self, tenant_id: UUID) -> None:
        """Let nobody else switch rules on for a tenant until this transaction ends."""
        await take_turns(self._session, f"vat.rules:{tenant_id}")

    def add(self, row: SupplierRuleRow) -> None:
        """Keep a new rule."""
        self._session.add(row)

    async def get(self, tenant_id: UUID, rule_id: UUID) -> SupplierRuleRow | None:
        """Return one rule, also one that is off."""
        return await self._session.get(SupplierRuleRow, (tenant_id, rule_id), with_for_update=True, populate_existing=True)

    async def on(self, tenant_id: UUID) -> Sequence[SupplierRuleRow]:
        """Return the rules that are on, by supplier."""
        wanted = select(SupplierRuleRow).where(SupplierRuleRow.tenant_id == tenant_id, SupplierRuleRow.ended_at.is_(None))
        return (await self._session.scalars(wanted.order_by(SupplierRuleRow.seller_id))).all()

    async def of_seller(self, tenant_id: UUID, seller_id: str) -> SupplierRuleRow | None:
        """Return the rule about a supplier that is on."""
        mine = (SupplierRuleRow.tenant_id == tenant_id, SupplierRuleRow.seller_id == seller_id, SupplierRuleRow.ended_at.is_(None))
        return await self._session.scalar(select(SupplierRuleRow).where(*mine))

    async def history(self, tenant_id: UUID, seller_id: str, *, limit: int) -> Sequence[VoucherRow]:
        """Return the vouchers of a supplier that are booked and stand, the newest first."""
        wanted = select(VoucherRow).where(*_standing(tenant_id), VoucherRow.seller_id == seller_id)
        return (await self._session.scalars(wanted.order_by(VoucherRow.id.desc()).limit(limit))).all()

    async def without(self, tenant_id: UUID, *, least: int) -> Sequence[str]:
        """Return the suppliers with so many vouchers that stand, and without a rule, those with most first."""
        ruled = select(SupplierRuleRow.seller_id).where(SupplierRuleRow.tenant_id == tenant_id, SupplierRuleRow.ended_at.is_(None))
        count = func.count().label("count")
        chosen = select(VoucherRow.seller_id, count).where(*_standing(tenant_id), VoucherRow.seller_id.is_not(None))
        grouped = chosen.where(VoucherRow.seller_id.not_in(ruled)).group_by(VoucherRow.seller_id).having(count >= least)
        found = await self._session.execute(grouped.order_by(count.desc(), VoucherRow.seller_id).limit(MOST_LEARNT))
        return [row.seller_id for row in found if row.seller_id is not None]


class Notices:
    """Of which periods a tenant was told that they are due."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def told(self, tenant_id: UUID) -> frozenset[tuple[str, int]]:
        """Return the periods, and how many days before."""
        wanted = select(DueNoticeRow.period, DueNoticeRow.days_before).where(DueNoticeRow.tenant_id == tenant_id)
        return frozenset((row.period, row.days_before) for row in await self._session.execute(wanted))

    def add(self, row: DueNoticeRow) -> None:
        """Keep that one was told of."""
        self._session.add(row)


def _standing(tenant_id: UUID) -> list[ColumnElement[bool]]:
    """Return that a voucher is booked, reverses none, and was not reversed."""
    other = aliased(VoucherRow)
    reversed_ = select(other.reverses).where(other.tenant_id == tenant_id, other.reverses.is_not(None))
    mine = [VoucherRow.tenant_id == tenant_id, VoucherRow.number.is_not(None), VoucherRow.reverses.is_(None)]
    return [*mine, VoucherRow.id.not_in(reversed_)]
