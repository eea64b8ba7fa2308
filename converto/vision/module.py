"""Vision, as the runtime sees it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from converto.ai.interface import Ai
from converto.kernel.event import hear
from converto.kernel.manifest import Module, Parts
from converto.kernel.upkeep import now_and_then
from converto.ocr.events import ScanAssistWanted
from converto.ocr.interface import Ocr
from converto.vision import handlers
from converto.vision.api import router
from converto.vision.events import AnalysisCompleted, AnalysisFailed, AnalysisStarted
from converto.vision.eyes import Eyes
from converto.vision.interface import Vision
from converto.vision.models import Base
from converto.vision.service import VisionService
from converto.vision.settings import VisionSettings

ASSISTED_AT_ONCE, ASSIST_ATTEMPTS = 4, 3
FIRST_SWEEP_S, SWEPT_EVERY_S = 60.0, 300.0


@asynccontextmanager
async def build(parts: Parts) -> AsyncIterator[VisionService]:
    """Open vision: its workers start with the first picture."""
    settings: VisionSettings = parts.settings
    # a module is built after those that it needs
    ocr: Ocr = parts.other(Ocr)  # type: ignore[type-abstract]
    ai: Ai = parts.other(Ai)  # type: ignore[type-abstract]
    async with Eyes(settings) as eyes:
        service = VisionService(parts.database, eyes, ocr=ocr, ai=ai, paid_work=parts.paid_work)
        async with now_and_then(service.sweep, name="vision.sweep", after_s=FIRST_SWEEP_S, every_s=SWEPT_EVERY_S):
            yield service


module = Module(
    name="vision",
    interface=Vision,
    build=build,
    needs=(Ocr, Ai),
    settings=VisionSettings,
    tables=Base.metadata,
    router=router,
    events=(AnalysisStarted, AnalysisCompleted, AnalysisFailed),
    hears=(hear(ScanAssistWanted, handlers.assist_reading, concurrency=ASSISTED_AT_ONCE, attempts=ASSIST_ATTEMPTS),),
)
