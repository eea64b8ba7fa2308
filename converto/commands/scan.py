"""Documents read on this machine, without a server: `converto scan FILE...`."""

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from converto.commands import show
from converto.kernel.clock import now
from converto.kernel.errors import Error
from converto.ocr.interface import EngineChoice, Kind
from converto.ocr.scans.readers import Readers
from converto.ocr.settings import OcrSettings

SOME_FAILED = 1
WRONG_USAGE = 2

Scan = Mapping[str, Any]


def scan(paths: Sequence[Path], settings: OcrSettings, *, languages: str = "", kind: Kind = Kind.AUTO, as_json: bool = False) -> int:
    """Read the documents, show what is on each, and return the exit code: 0, 1 when some failed, 2 for what is not installed.

    A file that cannot be read, or is no document, fails alone. `languages` are named as Tesseract does, joined by `+`; empty
    means the reader's setting. `as_json` prints one JSON object a line, in the order of the files, instead of tables.
    """
    try:
        scans = asyncio.run(_show_all(paths, settings, languages=languages, kind=kind, as_json=as_json))
    except Error as refusal:
        print(f"converto: {refusal.detail}", file=sys.stderr)
        return WRONG_USAGE
    if not as_json and len(scans) > 1:
        console = Console()
        console.print(show.summary([(path.name, found) for path, found in zip(paths, scans, strict=True)], width=console.width))
    return SOME_FAILED if any(found["status"] != "completed" for found in scans) else 0


async def _show_all(paths: Sequence[Path], settings: OcrSettings, *, languages: str, kind: Kind, as_json: bool) -> list[Scan]:
    # JSON goes to a file or a pipe, the bar to the terminal; were both on the terminal, the one would cut the other in two
    console = Console(stderr=as_json)
    hidden = not console.is_terminal or (as_json and sys.stdout.isatty())
    bar = Progress(
        TextColumn("Reading"), BarColumn(), MofNCompleteColumn(), console=console, transient=True, disable=hidden, redirect_stdout=False
    )
    slots = asyncio.Semaphore(settings.workers)
    scans: list[Scan] = []
    async with Readers(settings) as readers:
        chosen = readers.languages(languages or settings.languages)
        engine = readers.choice(settings.engine)

        async def read(path: Path) -> Scan:
            async with slots:
                return await _read(path, readers, languages=chosen, kind=kind, engine=engine)

        with bar:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(read(path)) for path in paths]
                for path, task in bar.track(list(zip(paths, tasks, strict=True))):
                    scans.append(await task)
                    _show(scans[-1], title=str(path), console=console, as_json=as_json)
    return scans


def _show(found: Scan, *, title: str, console: Console, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found, ensure_ascii=False), flush=True)
    else:
        console.print(show.document(found, title=title, width=console.width))


async def _read(path: Path, readers: Readers, *, languages: Sequence[str], kind: Kind, engine: EngineChoice) -> Scan:
    start = time.perf_counter()
    try:
        content = await asyncio.to_thread(path.read_bytes)
        reading = await readers.read(content, languages=list(languages), kind=kind, engine=engine, today=now().date())
    except Error as error:
        return _failed(path, error.code, error.detail)
    except OSError as error:
        return _failed(path, "file", error.strerror or str(error))
    duration_ms = round((time.perf_counter() - start) * 1000)
    return {"filename": str(path), "status": "completed", "duration_ms": duration_ms, **reading.model_dump(mode="json")}


def _failed(path: Path, code: str, detail: str) -> Scan:
    return {"filename": str(path), "status": "failed", "error": {"code": code, "detail": detail}}
