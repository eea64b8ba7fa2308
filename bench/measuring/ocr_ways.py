"""The ways in which a document is read in the measurements: ours, the bare command, and RapidOCR as it comes."""

import os
import resource
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from bench.measuring.documents import Document
from converto.kernel.clock import now
from converto.ocr.document import EngineChoice, Reading
from converto.ocr.reading import read

COMMAND, RAPIDOCR = "tesseract command", "RapidOCR's defaults"


@dataclass(frozen=True)
class Outcome:
    """What a way made of a document: its text, its fields where it has any, and the processor time it took."""

    text: str
    reading: Reading | None
    processor_s: float


def read_by(way: Callable[[Document], tuple[str, Reading | None]], document: Document) -> Outcome:
    """Return what one way makes of a document, and what it costs."""
    begun = _processor_s()
    text, reading = way(document)
    return Outcome(text, reading, _processor_s() - begun)


def ways(engines: Sequence[str]) -> dict[str, Callable[[Document], tuple[str, Reading | None]]]:
    """Return the ways by name; each has read nothing yet but has loaded what it needs."""
    os.environ.update(OMP_THREAD_LIMIT="1", OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    found: dict[str, Callable[[Document], tuple[str, Reading | None]]] = {COMMAND: _command}
    if EngineChoice.RAPIDOCR.value in engines:
        found[RAPIDOCR] = _rapidocr
    return found | {engine: partial(_ours, engine=EngineChoice(engine)) for engine in engines}


def _ours(document: Document, *, engine: EngineChoice) -> tuple[str, Reading | None]:
    content = document.path.read_bytes()
    reading = read(content, languages=document.languages, today=now().date(), engine=engine, is_calibrated=False)
    return reading.text, reading


def _command(document: Document) -> tuple[str, Reading | None]:
    command = ["tesseract", str(document.path), "-", "-l", "+".join(document.languages)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout, None


def _rapidocr(document: Document) -> tuple[str, Reading | None]:
    found = _models()(str(document.path))
    return "\n".join(found.txts or ()), None


@cache
def _models() -> Any:
    from rapidocr import RapidOCR  # noqa: PLC0415 - only where it is measured

    threads = {f"EngineConfig.onnxruntime.{name}_op_num_threads": 1 for name in ("intra", "inter")}
    return RapidOCR(params={"Global.log_level": "error", **threads})


def _processor_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
