"""The reader, as the runtime sees it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from converto.kernel.event import hear
from converto.kernel.manifest import Module, Parts
from converto.ocr import handlers
from converto.ocr.api import router
from converto.ocr.events import ScanAssistWanted, ScanCancelled, ScanCompleted, ScanCorrected, ScanFailed, ScanRequested, ScanStarted
from converto.ocr.figures import ReadingFigures
from converto.ocr.interface import Ocr
from converto.ocr.models import Base
from converto.ocr.scans.readers import Readers
from converto.ocr.service import OcrService
from converto.ocr.settings import OcrSettings

READS_AT_ONCE = 2 * (os.cpu_count() or 1)
"""Jobs taken up at once in a process: as many again as there are readers, so that none waits for its next; the others stay for whoever
is free, in other processes too."""
ATTEMPTS = 12
"""How often a reading may fail for want of something, such as the store of documents: with the pauses between, half an hour."""
DEATHS = 25
"""How often its process may end meanwhile. A document cannot end the server, its reader dies alone: it is hardly its fault."""


@asynccontextmanager
async def build(parts: Parts) -> AsyncIterator[OcrService]:
    """Open the reader: its workers start with the first document."""
    settings: OcrSettings = parts.settings
    async with Readers(settings) as readers:
        yield OcrService(
            parts.database,
            parts.blobs,
            readers,
            settings=settings,
            drain=parts.drain,
            paid_work=parts.paid_work,
            figures=ReadingFigures(parts.metrics),
        )


module = Module(
    name="ocr",
    interface=Ocr,
    build=build,
    settings=OcrSettings,
    tables=Base.metadata,
    router=router,
    events=(ScanRequested, ScanStarted, ScanCompleted, ScanFailed, ScanCancelled, ScanCorrected, ScanAssistWanted),
    hears=(
        hear(ScanRequested, handlers.read_scan, concurrency=READS_AT_ONCE, attempts=ATTEMPTS, deaths=DEATHS, given_up=handlers.give_up),
    ),
)
