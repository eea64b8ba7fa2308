"""Reading processes: they end when they must, and take no neighbour with them."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from converto.kernel.errors import Error
from converto.kernel.workers import Workers, sweep
from converto.ocr.interface import EngineChoice, Kind, Reading
from converto.ocr.refusals import DamagedFile, ReaderStopped, TookTooLong
from converto.ocr.scans.readers import READING
from tests.ocr.drawn import drawn, saved, slow
from tests.ocr.pdfs import pdf_of_text

GIGABYTE = 1_000_000_000
JOB: dict[str, Any] = {
    "call": "read",
    "languages": ["eng"],
    "kind": Kind.AUTO.value,
    "engine": EngineChoice.TESSERACT.value,
    "today": "2026-11-22",
    "max_bytes": 20_000_000,
    "max_pages": 50,
}
HELLO = saved(drawn(["HELLO READER", "GOOD MORNING"]))
HOLDER = """
import asyncio, sys
from pathlib import Path
from converto.kernel.workers import Workers
from converto.ocr.scans.readers import READING

async def hold():
    async with Workers(READING, size=1, timeout_s=60, max_memory_bytes=2_000_000_000) as workers:
        asking = asyncio.create_task(workers.ask(Path(sys.argv[1]).read_bytes(), {job}))
        while not workers.pids:
            await asyncio.sleep(0.01)
        print(workers.pids[0], flush=True)
        await asking

asyncio.run(hold())
"""


def pool(*, size: int = 1, timeout_s: float = 30, idle_s: float = 20) -> Workers:
    return Workers(READING, size=size, timeout_s=timeout_s, max_memory_bytes=2 * GIGABYTE, idle_s=idle_s)


async def soon(holds: Callable[[], bool], *, within_s: float = 10) -> None:
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, "it did not happen in time"
        await asyncio.sleep(0.02)


def group_lives(leader: int) -> bool:
    """Tell whether any process of a group runs that is not just waiting to be buried."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group = status.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(group) == leader and state != "Z":
            return True
    return False


def folders() -> set[Path]:
    """Return where pools keep the documents that they read."""
    return set(Path(tempfile.gettempdir()).glob("converto-reading-*"))


def holding_server(folder: Path) -> "subprocess.Popen[str]":
    """Start a program of its own that reads a slow document and tells its worker's number."""
    document = folder / "slow.png"
    document.write_bytes(slow())
    program = HOLDER.replace("{job}", json.dumps(JOB))
    environment = {**os.environ, "TMPDIR": str(folder)}
    return subprocess.Popen([sys.executable, "-c", program, str(document)], stdout=subprocess.PIPE, env=environment, text=True)


async def test_a_document_is_read() -> None:
    async with pool() as workers:
        reading = Reading.model_validate_json(await workers.ask(HELLO, JOB))

    assert "HELLO READER" in reading.text


async def test_a_worker_tells_nobody_outside_how_it_is_used() -> None:
    async with pool() as workers:
        await workers.ask(HELLO, JOB)
        told = Path(f"/proc/{workers.pids[0]}/environ").read_bytes().split(b"\0")

    assert b"ORT_DISABLE_TELEMETRY=1" in told


async def test_a_refusal_comes_back_as_the_same_error_and_the_worker_goes_on() -> None:
    async with pool() as workers:
        with pytest.raises(DamagedFile, match="JPEG"):
            await workers.ask(b"\xff\xd8\xff\xe0", JOB)
        first = workers.pids
        await workers.ask(HELLO, JOB)

        assert workers.pids == first


async def test_a_job_that_takes_too_long_is_ended_with_its_tesseract() -> None:
    async with pool(timeout_s=1.5) as workers:
        asking = asyncio.create_task(workers.ask(slow(), JOB))
        await soon(lambda: bool(workers.pids))
        leader = workers.pids[0]

        with pytest.raises(TookTooLong):
            await asking

        await soon(lambda: not group_lives(leader))


async def test_whoever_asks_is_told_how_many_pages_are_done() -> None:
    told = []

    async def pages_read(pages: int) -> None:
        told.append(pages)

    async with pool() as workers:
        await workers.ask(pdf_of_text([["ENSIMMAINEN SIVU, YKSI"], ["TOINEN SIVU ON KAKSI"], ["KOLMAS SIVU ON KOLME"]]), JOB, pages_read)

    assert told == [1, 2, 3]


async def test_whoever_is_told_of_a_page_may_end_the_reading_with_its_worker() -> None:
    async def pages_read(_: int) -> None:
        raise LookupError

    async with pool() as workers:
        with pytest.raises(LookupError):
            await workers.ask(pdf_of_text([["ENSIMMAINEN SIVU, YKSI"], ["TOINEN SIVU ON KAKSI"]]), JOB, pages_read)

        assert workers.pids == ()


async def test_a_worker_that_dies_fails_its_own_job_alone() -> None:
    async with pool(size=2) as workers:
        doomed = asyncio.create_task(workers.ask(slow(), JOB))
        await soon(lambda: len(workers.pids) == 1)
        neighbour = asyncio.create_task(workers.ask(HELLO, JOB))
        os.kill(workers.pids[0], signal.SIGKILL)

        with pytest.raises(ReaderStopped):
            await doomed
        assert b"HELLO" in await neighbour
        assert b"HELLO" in await workers.ask(HELLO, JOB)


async def test_a_job_that_needs_too_much_memory_fails_and_says_so() -> None:
    large = saved(drawn(["A"]).resize((8000, 8000)).convert("P"))

    async with Workers(READING, size=1, timeout_s=30, max_memory_bytes=GIGABYTE // 5) as workers:
        with pytest.raises(Error) as failure:
            await workers.ask(large, JOB)

    assert failure.value.code in {"ocr.too_much_memory", "ocr.damaged_file", "ocr.reader_stopped"}


async def test_no_more_workers_run_than_the_pool_is_wide() -> None:
    async with pool(size=2) as workers:
        asking = [asyncio.create_task(workers.ask(HELLO, JOB)) for _ in range(5)]
        most = 0
        while not all(task.done() for task in asking):
            most = max(most, len(workers.pids))
            await asyncio.sleep(0.01)

        assert most == 2


async def test_an_idle_worker_is_ended() -> None:
    async with pool(idle_s=0.1) as workers:
        await workers.ask(HELLO, JOB)
        leader = workers.pids[0]

        await soon(lambda: not workers.pids and not group_lives(leader))


async def test_a_caller_that_gives_up_ends_its_worker() -> None:
    async with pool() as workers:
        asking = asyncio.create_task(workers.ask(slow(), JOB))
        await soon(lambda: bool(workers.pids))
        leader = workers.pids[0]
        asking.cancel()

        await soon(lambda: not group_lives(leader))


async def test_closing_the_pool_ends_what_still_reads_and_removes_its_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    async with pool() as workers:
        asking = asyncio.create_task(workers.ask(slow(), JOB))
        await soon(lambda: bool(workers.pids))
        leader = workers.pids[0]

    assert not group_lives(leader)
    with pytest.raises(ReaderStopped):
        await asking
    assert not folders()


async def test_a_killed_server_leaves_neither_workers_nor_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with holding_server(tmp_path) as server:
        assert server.stdout is not None
        leader = int(server.stdout.readline())
        server.kill()

    await soon(lambda: not group_lives(leader))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert folders()
    sweep()
    assert not folders()


async def test_the_event_loop_stays_free_while_documents_are_read() -> None:
    pauses = []

    async def beat() -> None:
        while True:
            start = time.monotonic()
            await asyncio.sleep(0.005)
            pauses.append(time.monotonic() - start - 0.005)

    async with pool(size=2) as workers:
        beating = asyncio.create_task(beat())
        await asyncio.gather(*(workers.ask(HELLO, JOB) for _ in range(6)))
        beating.cancel()

    assert sorted(pauses)[int(len(pauses) * 0.95)] < 0.05
