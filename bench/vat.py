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
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from converto.app import migrate
from converto.commands.books import Books, books
from converto.kernel.actor import Actor
from converto.kernel.clock import new_id
from converto.kernel.config import Environment, Settings
from converto.vat.interface import Vat
from converto.vat.vouchers import NewVoucher, VoucherFilter

RETURN_LIMIT_MS, PAGE_LIMIT_MS, GROWTH_LIMIT = 200.0, 50.0, 12.0
PERIOD = "2026-Q1"
AT_ONCE, ROUNDS = 20, 3
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
        await _compare("return", own.service, few, many, limit_ms=RETURN_LIMIT_MS, work=_return)
        await _compare("list page", own.service, few, many, limit_ms=PAGE_LIMIT_MS, work=_page)
        await _compare("audit pack", own.service, few, many, limit_ms=None, work=_pack)
        small, large = await _peak(own.service, few), await _peak(own.service, many)
        print(f"audit pack, memory  {small / MB:8.2f} MB  {large / MB:8.2f} MB  ratio {large / small:5.2f}")


async def _company(own: Books, count: int) -> Actor:
    actor = Actor(tenant_id=new_id(), scopes=frozenset({"vat:read", "vat:write", "ocr:read"}))
    for at in range(0, count, AT_ONCE):
        await asyncio.gather(*(own.service.add_voucher(actor, _voucher(at + one)) for one in range(AT_ONCE)))
    return actor


def _voucher(number: int) -> NewVoucher:
    line = {"treatment": ("domestic_sale", "domestic_purchase")[number % 2], "rate": "25.5", "net": Decimal(number % 997 + 1)}
    return NewVoucher.model_validate({"document_date": f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}", "lines": [line, line]})


async def _compare(
    what: str, vat: Vat, few: Actor, many: Actor, *, limit_ms: float | None, work: Callable[[Vat, Actor], Awaitable[Any]]
) -> None:
    taken: dict[Actor, list[float]] = {few: [], many: []}
    for _ in range(ROUNDS):  # in turn, so that what else the machine does meanwhile falls on both
        for actor, times in taken.items():
            start = time.perf_counter()
            await work(vat, actor)
            times.append((time.perf_counter() - start) * 1000)
    small, large = (statistics.median(times) for times in taken.values())
    limit = "" if limit_ms is None else f"   limit {limit_ms:.0f} ms"
    print(f"{what:18s}  {small:8.1f} ms  {large:8.1f} ms{limit}   ten times as many: ratio {large / small:5.2f}   limit {GROWTH_LIMIT}")


async def _return(vat: Vat, actor: Actor) -> None:
    await vat.tax_return(actor, PERIOD)


async def _page(vat: Vat, actor: Actor) -> None:
    await vat.vouchers(actor, VoucherFilter(), limit=50)


async def _pack(vat: Vat, actor: Actor) -> None:
    async for _ in vat.audit_pack(actor, since=date(2026, 1, 1), until=date(2026, 12, 31)):
        pass


async def _peak(vat: Vat, actor: Actor) -> int:
    tracemalloc.start()
    await _pack(vat, actor)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


if __name__ == "__main__":
    main()
