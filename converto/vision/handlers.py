"""What vision does when it hears that a model is wanted."""

import structlog

from converto.ai.interface import NoProvider
from converto.kernel.errors import Error, TimedOut, Unavailable
from converto.ocr.events import ScanAssistWanted
from converto.vision.service import VisionService

log = structlog.get_logger()


async def assist_reading(event: ScanAssistWanted, vision: VisionService) -> None:
    """Ask a model what the reader did not find. What another try would not mend leaves the scan as it was read."""
    try:
        await vision.assist(event.tenant_id, event.scan_id)
    except (Unavailable, TimedOut) as error:
        if not isinstance(error, NoProvider):
            raise
        log.info("vision.not_assisted", scan_id=str(event.scan_id), code=error.code)
    except Error as error:
        log.info("vision.not_assisted", scan_id=str(event.scan_id), code=error.code)
