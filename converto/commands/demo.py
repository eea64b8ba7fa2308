"""The demonstration: sample documents through a server of its own, over HTTP, and what it found, in tables and pictures."""

import json
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from converto.commands import show
from converto.commands.client import Client, Refused
from converto.commands.compare import compare, rows_right, total_score
from converto.commands.drawing import draw
from converto.commands.own_server import ServerDidNotStart, own_server

UPLOADS_AT_ONCE = 2
DIFFERENCES_SHOWN = 30
FAILED = 1
TERMINATED = 128 + signal.SIGTERM

Scan = Mapping[str, Any]
Truth = Mapping[str, Any]


def demo(*, build: Path = Path("build"), source: Path = Path()) -> int:
    """Show what Converto does with the sample documents and return the exit code: 0, or 1 when one could not be read.

    Args:
        build: the folder for what is made: samples/ and demo/ in it.
        source: the project's source tree, where the samples are drawn from.
    """
    console = Console()
    signal.signal(signal.SIGTERM, _end)  # so that the server is stopped then too
    pictures = build / "demo"
    pictures.mkdir(parents=True, exist_ok=True)
    truths = _draw_samples(source, build / "samples", console=console)
    log = pictures / "server.log"
    try:
        with tempfile.TemporaryDirectory(prefix="converto-demo-") as folder, own_server(Path(folder), log=log) as url:
            console.print(f"A server of its own is ready at {url}; it writes to {log}.")
            with closing(Client(url)) as client:
                scans = _read_all(client, truths, build / "samples", console=console)
                drawn = _draw_pictures(client, scans, pictures)
    except (ServerDidNotStart, Refused) as error:
        console.print("The demonstration stopped.", style="red")
        console.print("\n".join(map(show.plain, str(error).splitlines())), highlight=False, markup=False, soft_wrap=True)
        return FAILED
    _report(scans, drawn, truths, console=console)
    return FAILED if any(scan["status"] != "completed" for _, scan in scans) else 0


def _end(*_: int | FrameType | None) -> NoReturn:
    sys.exit(TERMINATED)


def _draw_samples(source: Path, folder: Path, *, console: Console) -> Sequence[Truth]:
    if not (source / "samples" / "generate.py").is_file():
        console.print("The samples are drawn from the source tree: run `make demo` there.")
        sys.exit(2)
    command = [sys.executable, "-m", "samples.generate", str(folder.absolute())]
    subprocess.run(command, cwd=source, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own program
    truths: Sequence[Truth] = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["documents"]
    console.print(f"{len(truths)} receipts and invoices of invented companies are drawn in {folder}.")
    return truths


def _read_all(client: Client, truths: Sequence[Truth], folder: Path, *, console: Console) -> list[tuple[str, Scan]]:
    client.register(
        email="demo@example.com", password=secrets.token_urlsafe(24), full_name="Demo Esimerkki", company_name="Esimerkkipaja Oy"
    )
    scans: list[tuple[str, Scan]] = []
    columns = (TextColumn("Reading"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(truths))
        for name, scan in _uploads(client, truths, folder):
            scans.append((name, scan))
            progress.console.print(show.document(scan, title=name, width=console.width))
            progress.update(task, advance=1, description=name)
    return scans


def _uploads(client: Client, truths: Sequence[Truth], folder: Path) -> Iterator[tuple[str, Scan]]:
    def upload(truth: Truth) -> tuple[str, Scan]:
        return truth["file"], client.read(folder / truth["file"], media_type=truth["media_type"], languages=truth["languages"])

    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as uploads:
        yield from uploads.map(upload, truths)


def _draw_pictures(client: Client, scans: Sequence[tuple[str, Scan]], folder: Path) -> list[Path]:
    drawn = []
    for name, scan in scans:
        for page in range(1, (scan.get("pages") or 0) + 1):
            path = folder / f"{Path(name).stem}-{page}.png"
            draw(client.page(scan["id"], page), scan, page=page).save(path)
            drawn.append(path)
    return drawn


def _report(scans: Sequence[tuple[str, Scan]], drawn: Sequence[Path], truths: Sequence[Truth], *, console: Console) -> None:
    console.print(show.summary(scans, width=console.width))
    pairs = [(truth, scan) for truth, (_, scan) in zip(truths, scans, strict=True)]
    scores = [compare(truth, scan) for truth, scan in pairs]
    score = total_score(scores)
    right, printed = (sum(counts) for counts in zip(*(rows_right(truth, scan) for truth, scan in pairs), strict=True))
    differences = [(name, difference) for (name, _), one in zip(scans, scores, strict=True) for difference in one.differences]
    for name, difference in differences[:DIFFERENCES_SHOWN]:
        said = f"{difference.name}: printed {difference.printed or 'nothing'}, read {show.plain(difference.read or 'nothing')}"
        console.print(f"  {name}  {said}", style="dim", highlight=False, markup=False, soft_wrap=True)
    if drawn:
        console.print(f"{len(drawn)} pages with what was found on them are in {drawn[0].parent}/.", highlight=False)
    console.print(f"{score.right} of {score.printed} printed facts and {right} of {printed} rows of goods were read right.", style="bold")
