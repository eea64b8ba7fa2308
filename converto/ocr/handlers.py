"""Jobs: what the reader does when it hears its own events."""

from converto.ocr.events import ScanRequested
from converto.ocr.service import OcrService


async def read_scan(event: ScanRequested, ocr: OcrService) -> None:
    """Read a document that waits."""
    await ocr.jobs.read(event)


async def give_up(event: ScanRequested, ocr: OcrService, reason: str) -> None:
    """Let a scan fail that could not be read, try after try."""
    await ocr.jobs.give_up(event, reason)
