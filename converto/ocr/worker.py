"""One reading process: `python -m converto.ocr.worker PARENT_PID MAX_MEMORY_BYTES`, jobs on standard input, answers on standard output.

A job is a line of JSON: `{"call": "read" | "page_png" | "searchable_pdf", "path": ..., ...}`. What comes back is five bytes, its length and
its kind, and its body: how many pages are done, as often as that changes, and in the end the answer.
"""

import base64
import contextlib
import ctypes
import datetime
import json
import os
import resource
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, BinaryIO

from converto.kernel.errors import Error, to_wire
from converto.ocr.answers import DONE, FAILED, HEADER, UNDER_WAY
from converto.ocr.document import EngineChoice, Kind
from converto.ocr.packing import unpacked
from converto.ocr.reading import page_png, read
from converto.ocr.refusals import ReaderStopped, TooMuchMemory
from converto.ocr.searchable import searchable_pdf

# The server answers first, whatever is being read.
NICENESS = 10
# Less than that beside other sessions: at 10 a machine that is busy with other things hardly reads any more, at 0 the server's slowest
# answers took four times as long.
SESSION_NICENESS = 5
_PR_SET_PDEATHSIG = 1


def main(parent_pid: int, max_memory_bytes: int) -> None:
    """Answer jobs until standard input ends."""
    _die_with(parent_pid)
    _give_way()
    resource.setrlimit(resource.RLIMIT_AS, (max_memory_bytes, max_memory_bytes))
    # What a library prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        _answer(answers, *_work(json.loads(line), answers))


def _work(job: dict[str, Any], answers: BinaryIO) -> tuple[int, bytes]:
    try:
        return DONE, _call(job, answers)
    except Error as error:
        failure = error
    except MemoryError:
        failure = TooMuchMemory()
    except Exception:  # noqa: BLE001  whatever a document provokes, the next one is read
        traceback.print_exc()
        failure = ReaderStopped()
    return FAILED, to_wire(failure).model_dump_json().encode()


def _call(job: dict[str, Any], answers: BinaryIO) -> bytes:
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
        page_read=lambda pages: _answer(answers, UNDER_WAY, str(pages).encode()),
    )
    return reading.model_dump_json().encode()


def _answer(answers: BinaryIO, kind: int, body: bytes) -> None:
    answers.write(HEADER.pack(len(body), kind))
    answers.write(body)
    answers.flush()


def _give_way() -> None:
    os.nice(NICENESS)
    # Linux shares out a desktop's or a virtual machine's cores among sessions before it looks at a process's own niceness, and this
    # process leads a session.
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(SESSION_NICENESS), encoding="ascii")


def _die_with(parent_pid: int) -> None:
    """End this process and the Tesseract it runs when the server ends, however it ends."""
    # This process leads a group of its own; Tesseract is in it. SIGTERM comes from the kernel when the server is gone.
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(0, signal.SIGKILL))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent_pid:
        sys.exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
