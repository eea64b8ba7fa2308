"""An export of ten thousand scans takes no more memory than one of a thousand."""

import time
import tracemalloc
from pathlib import Path

import pytest

from converto.kernel.actor import Actor
from converto.ocr.interface import ScanFilter
from converto.ocr.scans.export import ExportFormat, exported
from tests.ocr.house import House, opened, somebody
from tests.ocr.shelf import fill

FEW, MANY = 1_000, 10_000
MOST_MORE_BYTES = 2_000_000
pytestmark = pytest.mark.trials


async def cost(house: House, actor: Actor, kind: ExportFormat) -> tuple[int, int]:
    """Return the most bytes that were held at once, and how many were written."""
    tracemalloc.start()
    pages, written = house.ocr.export(actor, ScanFilter()), 0
    async for piece in exported(await anext(pages, None), pages, kind=kind):
        written += len(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak, written


async def test_ten_thousand_scans_take_no_more_memory_than_a_thousand(tmp_path: Path) -> None:
    few, many = somebody(), somebody()
    async with opened(tmp_path) as house:
        await fill(house, few, FEW)
        await fill(house, many, MANY)
        for kind in ExportFormat:
            await cost(house, few, kind)  # what is loaded once
            little, _ = await cost(house, few, kind)
            begun = time.perf_counter()
            much, written = await cost(house, many, kind)
            taken_s = time.perf_counter() - begun
            held = f"{FEW} rows {little / 1e6:.1f} MB, {MANY} rows {much / 1e6:.1f} MB"
            print(f"{kind}: {held}, {written / 1e6:.1f} MB written, {taken_s:.1f} s")
            assert much < little + MOST_MORE_BYTES
