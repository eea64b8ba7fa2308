"""One reading process: `python -m converto.ocr.worker PARENT_PID MAX_MEMORY_BYTES`; its calls are `read`, `page_png`, `searchable_pdf`."""

import base64
import datetime
import sys
from pathlib import Path
from typing import Any

from converto.kernel.worker_process import UnderWay, serve
from converto.ocr.document import EngineChoice, Kind
from converto.ocr.files.searchable import searchable_pdf
from converto.ocr.reading import page_png, read
from converto.ocr.refusals import ReaderStopped, TooMuchMemory
from converto.ocr.scans.packing import unpacked


def work(job: dict[str, Any], page_read: UnderWay) -> bytes:
    """Do a job and return the answer; `page_read` is told how many pages are done."""
    content = Path(job["path"]).read_bytes()
    if job["call"] == "page_png":
        return page_png(content, job["number"], turns=job["turns"])
    if job["call"] == "searchable_pdf":
        return searchable_pdf(content, unpacked(base64.b64decode(job["words"])), turns=job["turns"])
    reading = read(
        content,
        languages=job["languages"],
        kind=Kind(job["kind"]),
        engine=EngineChoice(job["engine"]),
        today=datetime.date.fromisoformat(job["today"]),
        max_bytes=job["max_bytes"],
        max_pages=job["max_pages"],
        page_read=page_read,
    )
    return reading.model_dump_json().encode()


if __name__ == "__main__":
    serve(work, sys.argv[1:], too_much_memory=TooMuchMemory, stopped=ReaderStopped)
