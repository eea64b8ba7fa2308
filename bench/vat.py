"""How long a return, a page of vouchers and an audit pack take, and what happens to them when a company has ten times the vouchers.

The limits: with 10,000 vouchers a return within 200 ms and a page within 50 ms; ten times the vouchers take at most twelve times as long,
and the audit pack holds no more memory.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import update

from converto.app import migrate
from converto.commands.books import Books, books
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from converto.kernel.config import Environment, Settings
from converto.vat.bookkeeping import columns_of, content_sha256
from converto.vat.chain import verify
from converto.vat.models import CounterRow, EntryRow, VoucherRow
from converto.vat.repository import Entries, Vouchers
from converto.vat.vouchers import NewVoucher, Voucher, VoucherFilter, VoucherStatus

RETURN_LIMIT_MS, PAGE_LIMIT_MS, GROWTH_LIMIT = 200.0, 50.0, 12.0
PERIOD = "2026"
AT_ONCE, ROUNDS = 500, 3
MB = 1_000_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vouchers", type=int, default=10_000)
    count = parser.parse_args().vouchers
    with tempfile.TemporaryDirectory(prefix="converto-bench-") as folder:
        asyncio.run(_measure(Settings(environment=Environment.TEST, data_dir=Path(folder), log_level="error"), count))


async def _measure(settings: Settings, count: int) -> None:
    await migrate(settings)
    async with books(settings) as own:
        few, many = await _company(own, count // 10), await _company(own, count)
        await _compare("return", own, few, many, limit_ms=RETURN_LIMIT_MS, work=_return)
        await _compare("list page", own, few, many, limit_ms=PAGE_LIMIT_MS, work=_page)
        await _compare("list page of a day", own, few, many, limit_ms=PAGE_LIMIT_MS, work=_page_of_a_day)
        await _compare("list page of drafts", own, few, many, limit_ms=PAGE_LIMIT_MS, work=_page_of_drafts)
        await _compare("audit pack", own, few, many, limit_ms=None, work=_pack)
        await _compare("chain verified", own, few, many, limit_ms=None, work=_verified)
        small, large = await _peak(own, few), await _peak(own, many)
        print(f"audit pack, memory    {small / MB:8.2f} MB  {large / MB:8.2f} MB  ratio {large / small:5.2f}")


async def _company(own: Books, count: int) -> Actor:
    """Have a company with so many vouchers: a sale and a purchase that were booked as ever, and those again and again."""
    actor = Actor(tenant_id=new_id(), scopes=frozenset({"vat:read", "vat:write", "ocr:read"}))
    models = [await own.service.add_voucher(actor, _voucher(treatment)) for treatment in ("domestic_sale", "domestic_purchase")]
    async with own.database.reading(actor.tenant_id) as session:
        lines = [row async for rows in Entries(session).stretches(actor.tenant_id) for row in rows]
    for begin in range(len(models) + 1, count + 1, AT_ONCE):
        await _repeat(own, models, lines, range(begin, min(begin + AT_ONCE, count + 1)))
    await _verified(own, actor)
    return actor


def _voucher(treatment: str) -> NewVoucher:
    line = {"treatment": treatment, "rate": "25.5", "net": Decimal("31.13")}
    return NewVoucher.model_validate({"document_date": "2026-01-15", "lines": [line, line]})


async def _repeat(own: Books, models: Sequence[Voucher], lines: Sequence[EntryRow], numbers: Sequence[int]) -> None:
    tenant_id = lines[0].tenant_id
    async with own.database.writing(tenant_id) as session:
        entries = list[EntryRow]()
        for number in numbers:
            model = models[number % len(models)]
            again = model.model_copy(update={"id": new_id(), "number": number, "tax_date": _day(number), "document_date": _day(number)})
            row = VoucherRow(tenant_id=tenant_id, id=again.id, content=again.model_dump(mode="json"), **columns_of(again))
            Vouchers(session).add(row)
            entries += [_entry(line, row) for line in lines if line.voucher_id == model.id]
        await Entries(session).add(tenant_id, entries)
        await session.execute(update(CounterRow).where(CounterRow.tenant_id == tenant_id).values(last=numbers[-1]))


def _day(number: int) -> date:
    return date(2026, number % 12 + 1, number % 28 + 1)


def _entry(model: EntryRow, row: VoucherRow) -> EntryRow:
    names = ("line", "treatment", "base_box", "tax_box", "net_cents", "vat_cents", "deductible_cents", "at")
    same = {name: getattr(model, name) for name in names}
    return EntryRow(voucher_id=row.id, tax_date=row.tax_date, content_sha256=content_sha256(row.content), **same)


async def _compare(
    what: str, own: Books, few: Actor, many: Actor, *, limit_ms: float | None, work: Callable[[Books, Actor], Awaitable[Any]]
) -> None:
    taken: dict[Actor, list[float]] = {few: [], many: []}
    for _ in range(ROUNDS):  # in turn, so that what else the machine does meanwhile falls on both
        for actor, times in taken.items():
            start = time.perf_counter()
            await work(own, actor)
            times.append((time.perf_counter() - start) * 1000)
    small, large = (statistics.median(times) for times in taken.values())
    limit = "" if limit_ms is None else f"   limit {limit_ms:.0f} ms"
    print(f"{what:20s}  {small:8.1f} ms  {large:8.1f} ms{limit}   ten times as many: ratio {large / small:5.2f}   limit {GROWTH_LIMIT}")


async def _return(own: Books, actor: Actor) -> None:
    await own.service.tax_return(actor, PERIOD)


async def _page(own: Books, actor: Actor) -> None:
    await own.service.vouchers(actor, VoucherFilter(), limit=50)


async def _page_of_a_day(own: Books, actor: Actor) -> None:
    await own.service.vouchers(actor, VoucherFilter(since=_day(1), until=_day(1)), limit=50)


async def _page_of_drafts(own: Books, actor: Actor) -> None:
    await own.service.vouchers(actor, VoucherFilter(status=VoucherStatus.DRAFT), limit=50)


async def _pack(own: Books, actor: Actor) -> None:
    async for _ in own.service.audit_pack(actor, since=date(2026, 1, 1), until=date(2026, 12, 31)):
        pass


async def _verified(own: Books, actor: Actor) -> None:
    faults = [verdict.fault async for verdict in verify(own.database, only=actor.tenant_id)]
    assert faults == [None], faults


async def _peak(own: Books, actor: Actor) -> int:
    tracemalloc.start()
    await _pack(own, actor)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


if __name__ == "__main__":
    main()
