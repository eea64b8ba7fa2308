import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import converto
from tests.commands.forked import run
from tests.kernel.echo import Process

NOBODY = "http://127.0.0.1:1"


def modules(data_dir: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    common = {"CONVERTO_DATA_DIR": str(data_dir), "CONVERTO_RPC_SECRETS": "x" * 32, "CONVERTO_EVENTS": "redis://redis", "COLUMNS": "200"}
    return run(["modules"], {**common, **settings})


def rows(done: subprocess.CompletedProcess[str]) -> list[list[str]]:
    """Return the cells of the table's rows."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if line.startswith("│")]


@pytest.fixture
async def reader() -> AsyncIterator[Process]:
    """Return a process that says that it hosts the reader."""

    async def health(_: Request) -> Response:
        return JSONResponse({"version": "0.9.1", "modules": {"ocr": {"where": "here"}}})

    process = Process(Route("/health", health))
    await process.start()
    yield process
    await process.kill()


def test_with_everything_in_one_process_nobody_is_asked(data_dir: Path) -> None:
    done = modules(data_dir)

    assert done.returncode == 0, done.stderr
    assert ["gateway", "here", "in this process", "", converto.__version__, "auth"] in rows(done)
    assert not list(data_dir.iterdir())


async def test_each_replica_says_whether_it_answers_how_fast_and_what_it_is(data_dir: Path, reader: Process) -> None:
    url = f"http://localhost:{reader.port}"

    done = await anyio.to_thread.run_sync(
        lambda: modules(data_dir, CONVERTO_MODULES="gateway,auth", CONVERTO_REMOTE__OCR=f"{url},{NOBODY}")
    )

    assert done.returncode == 0, done.stderr  # one of its two replicas is enough
    found = [row for row in rows(done) if row[1].startswith("http")]
    (name, where, answers, latency, version, _), (_, nobody, problem, *_) = found
    assert (name, where, answers, version) == ("ocr", f"{url} at 127.0.0.1", "yes", "0.9.1")
    assert (nobody, problem) == (NOBODY, "no connection can be made")
    assert float(latency.removesuffix(" ms")) > 0


def test_a_module_that_does_not_answer_ends_with_1_and_the_setting(data_dir: Path) -> None:
    done = modules(data_dir, CONVERTO_MODULES="gateway,auth", CONVERTO_REMOTE__OCR=f"{NOBODY},http://nowhere.invalid:8002")

    assert done.returncode == 1
    assert "No answer from ocr: start it, or correct CONVERTO_REMOTE__OCR." in done.stdout
    assert [row[1] for row in rows(done) if row[1].startswith("http")] == [NOBODY, "http://nowhere.invalid:8002"]


@pytest.mark.trials
def test_a_module_that_is_nowhere_is_shown_and_is_no_failure(data_dir: Path) -> None:
    done = modules(data_dir, CONVERTO_MODULES="auth")

    assert done.returncode == 0, done.stderr
    assert ["ocr", "nowhere", "nobody needs it", "", "", ""] in rows(done)
