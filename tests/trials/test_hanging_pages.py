"""A page that would be drawn for hours ends its own reading, and no other."""

import time

import pytest

from converto.kernel.workers import Workers
from converto.ocr.document import MAX_PAGE_CPU_S
from converto.ocr.refusals import TookTooLong
from converto.ocr.scans.readers import READING
from tests.ocr.damaged_pdfs import hostile_pdfs
from tests.ocr.shelf import slip

pytestmark = [pytest.mark.trials, pytest.mark.timeout(300)]
JOB = {
    "call": "read",
    "languages": ["fin"],
    "kind": "auto",
    "engine": "tesseract",
    "today": "2026-11-23",
    "max_bytes": 10**7,
    "max_pages": 50,
}


@pytest.mark.parametrize("name", ["tiles of themselves", "tiles of a ten-thousandth"])
async def test_a_page_that_is_drawn_for_hours_is_ended_and_the_next_document_read(name: str) -> None:
    async with Workers(READING, size=1, timeout_s=250, max_memory_bytes=2_500_000_000) as workers:
        begun = time.monotonic()
        with pytest.raises(TookTooLong):
            await workers.ask(hostile_pdfs()[name], JOB)
        print(f"\n{name}: ended after {time.monotonic() - begun:.1f} s, of {MAX_PAGE_CPU_S} s of processor time")

        assert b"Kahvila Koivu" in await workers.ask(slip(), JOB)
