"""The reader, as the runtime sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from converto.kernel.event import hear
from converto.kernel.manifest import Module, Parts
from converto.ocr import handlers
from converto.ocr.api import router
from converto.ocr.events import ScanCompleted, ScanFailed, ScanRequested, ScanStarted
from converto.ocr.interface import Ocr
from converto.ocr.models import Base
from converto.ocr.readers import Readers
from converto.ocr.service import OcrService
from converto.ocr.settings import OcrSettings

READS_AT_ONCE = 64
"""Jobs taken up at once in a process; how many are read at the same moment is the workers' affair."""


@asynccontextmanager
async def build(parts: Parts) -> AsyncIterator[OcrService]:
    """Open the reader: its workers start with the first document."""
    settings: OcrSettings = parts.settings
    async with Readers(settings) as readers:
        yield OcrService(parts.database, parts.blobs, readers, settings)


module = Module(
    name="ocr",
    interface=Ocr,
    build=build,
    settings=OcrSettings,
    tables=Base.metadata,
    router=router,
    events=(ScanRequested, ScanStarted, ScanCompleted, ScanFailed),
    hears=(hear(ScanRequested, handlers.read_scan, concurrency=READS_AT_ONCE, given_up=handlers.give_up),),
)
