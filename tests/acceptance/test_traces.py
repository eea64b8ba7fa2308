"""One trace from an upload, over the events, to the voucher: the reader apart from the rest, on PostgreSQL and Redis Streams."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import httpx2

from converto.kernel.config import Settings
from converto.kernel.tracing import traced
from tests.acceptance.conftest import split
from tests.acceptance.people import register, sample
from tests.collector import Collected, OtlpCollector, tree

UPLOAD = "POST /ocr/scans"


async def test_an_upload_its_reading_and_its_voucher_are_one_trace(tmp_path: Path) -> None:
    with OtlpCollector() as collector:
        async with traced(Settings(otlp_endpoint=collector.url)), split(tmp_path) as http:
            trace_id = await uploaded(http)
            spans = await asyncio.to_thread(collector.until, lambda spans: is_whole(spans, trace_id))
    assert tree(spans, trace_id) >= WAY


WAY = {
    (UPLOAD, ""),
    ("Ocr.submit", UPLOAD),
    ("POST /internal/ocr/{operation}", "Ocr.submit"),
    ("Ocr.submit", "POST /internal/ocr/{operation}"),
    ("ocr.read_scan", "Ocr.submit"),
    ("ocr.read", "ocr.read_scan"),
    ("ocr.page", "ocr.read"),
    ("vat.draft_voucher", "ocr.read_scan"),
    ("Ocr.scan", "vat.draft_voucher"),
    ("vat.draft", "vat.draft_voucher"),
}
"""Spans with the spans above them: the request at the edge, the call of the reader, the two events, the page and the voucher."""


async def uploaded(http: httpx2.AsyncClient) -> str:
    """Send an invoice of a new company and return the trace that this begins."""
    answer = await (await register(http)).upload(sample("09-invoice.pdf"), "invoice.pdf")
    assert answer.status_code == 202, answer.text
    return answer.headers["x-request-id"]  # where a trace begins with a request, they have one id


def is_whole(spans: Sequence[Collected], trace_id: str) -> bool:
    """Tell whether the last of it has come: a span comes when it ends, and so after those below it."""
    return {UPLOAD, "vat.draft_voucher", "ocr.read_scan"} <= {span.name for span in spans if span.trace_id == trace_id}
