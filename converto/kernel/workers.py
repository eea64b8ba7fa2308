"""A pool of processes for heavy work: started when there is work, ended when there is none, killed when one takes too long."""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from converto.kernel.errors import Error, WireError, from_wire
from converto.kernel.tracing import spanning, tell_step
from converto.kernel.turns import Turns
from converto.kernel.worker_answers import DONE, HEADER, UNDER_WAY

_FOLDER_PREFIX = "converto-reading-"
_LOCK = "lock"
# A worker that has done this many jobs is replaced: whatever leaks in a decoder ends with it.
_MOST_JOBS = 500
PagesRead = Callable[[int], Awaitable[None]]
"""Told how many pages are done; what it raises ends the job."""


@dataclass(frozen=True, slots=True)
class Trade:
    """What the workers of a pool do, and how their failures are told."""

    program: str
    """The Python module that each of them runs: it ends in `worker_process.serve`."""
    stopped: Callable[[], Error]
    """What is raised where the process ended."""
    too_long: Callable[[int], Error]
    """What is raised where it took longer than so many seconds."""
    most_cpu_s: int = 0
    """After how many seconds of processor time it ends itself, by SIGPROF."""

    @property
    def name(self) -> str:
        """Whose workers these are: the module of the program."""
        return self.program.split(".")[-2]


_ALONE = {
    "OMP_THREAD_LIMIT": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime would tell its makers, over the internet, that and how it is used
}
"""What libraries are told by the environment of a process that works: it has one core, and talks with nobody but who started it."""


class Worker:
    """One process that works, at one document at a time."""

    def __init__(self, process: asyncio.subprocess.Process, trade: Trade) -> None:
        self._process = process
        self._trade = trade
        self.jobs = 0
        self.has_answered = False
        """Its last job has an answer: one that was left in the middle is fit for no other."""

    @classmethod
    async def start(cls, trade: Trade, folder: Path, *, max_memory_bytes: int) -> Self:
        """Start a process in a group of its own, so that its Tesseract can be ended with it."""
        environment = {**os.environ, **_ALONE, "TMPDIR": str(folder)}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            trade.program,
            str(os.getpid()),
            str(max_memory_bytes),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        return cls(process, trade)

    @property
    def alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """Give the process's number, which is its group's too."""
        return self._process.pid

    async def ask(self, job: dict[str, Any], pages_read: PagesRead | None = None) -> bytes:
        """Return the answer to a job. Raises the error that the job raised, or what its trade says when the process ended."""
        self.jobs += 1
        await self._send(json.dumps(job).encode() + b"\n")
        start_ns = time.time_ns()
        kind, body = await self._receive()
        while kind == UNDER_WAY:
            tell_step(f"{self._trade.name}.page", start_ns, {"converto.page": int(body)})
            start_ns = time.time_ns()
            if pages_read is not None:
                await pages_read(int(body))
            kind, body = await self._receive()
        self.has_answered = True
        if kind != DONE:
            raise from_wire(WireError.model_validate_json(body))
        return body

    async def _send(self, line: bytes) -> None:
        stdin = self._process.stdin
        if stdin is None:
            raise self._trade.stopped()
        try:
            stdin.write(line)
            await stdin.drain()
        except (OSError, RuntimeError) as error:  # uvloop: RuntimeError on a closed pipe
            raise self._trade.stopped() from error

    async def _receive(self) -> tuple[int, bytes]:
        stdout = self._process.stdout
        if stdout is None:
            raise self._trade.stopped()
        try:
            length, kind = HEADER.unpack(await stdout.readexactly(HEADER.size))
            return kind, await stdout.readexactly(length)
        except (asyncio.IncompleteReadError, OSError, RuntimeError) as error:
            await self.kill()
            if self._process.returncode == -signal.SIGPROF:
                raise self._trade.too_long(self._trade.most_cpu_s) from error
            raise self._trade.stopped() from error

    async def kill(self) -> None:
        """End the process and what it runs, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


class Workers:
    """At most `size` workers; `idle_s` after its last job a worker is ended."""

    def __init__(self, trade: Trade, *, size: int, timeout_s: float, max_memory_bytes: int, idle_s: float = 20.0) -> None:
        self._trade = trade
        self._turns = Turns(size)
        self._timeout_s = timeout_s
        self._max_memory_bytes = max_memory_bytes
        self._idle_s = idle_s
        self._idle: dict[Worker, asyncio.TimerHandle] = {}
        self._working: set[Worker] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._folder: Path | None = None
        self._lock: int | None = None

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._open_folder)
        return self

    async def __aexit__(self, *_: object) -> None:
        for timer in self._idle.values():
            timer.cancel()
        await asyncio.gather(*(worker.kill() for worker in (*self._idle, *self._working)), *self._ending, return_exceptions=True)
        self._idle.clear()
        await asyncio.to_thread(self._close_folder)

    @property
    def pids(self) -> tuple[int, ...]:
        """Give the numbers of the processes that run, working or idle."""
        return tuple(worker.pid for worker in (*self._idle, *self._working))

    async def ask(
        self,
        content: bytes,
        job: dict[str, Any],
        pages_read: PagesRead | None = None,
        *,
        company: Hashable = None,
        is_urgent: bool = False,
    ) -> bytes:
        """Return the answer to a job on a document. Raises what the job or `pages_read` raised, and what the trade says.

        A caller that gives up ends the worker that it waits for; the others go on.
        """
        async with self._turns.turn(company, is_urgent=is_urgent), self._worker() as (worker, folder):
            document = folder / "document"
            await asyncio.to_thread(document.write_bytes, content)
            try:
                async with asyncio.timeout(self._timeout_s):
                    with spanning(f"{self._trade.name}.{job['call']}", {"process.pid": worker.pid}):
                        return await worker.ask({**job, "path": str(document)}, pages_read)
            except TimeoutError as error:
                raise self._trade.too_long(round(self._timeout_s)) from error

    @asynccontextmanager
    async def _worker(self) -> AsyncIterator[tuple[Worker, Path]]:
        if self._folder is None:
            raise self._trade.stopped()
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=self._folder))
        worker = self._take() or await Worker.start(self._trade, self._folder, max_memory_bytes=self._max_memory_bytes)
        worker.has_answered = False
        self._working.add(worker)
        try:
            yield worker, folder
        finally:
            self._working.discard(worker)
            if worker.has_answered and worker.alive and worker.jobs < _MOST_JOBS:
                self._rest(worker)
            else:
                self._end(worker)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _take(self) -> Worker | None:
        while self._idle:
            worker, timer = self._idle.popitem()
            timer.cancel()
            if worker.alive:
                return worker
        return None

    def _rest(self, worker: Worker) -> None:
        self._idle[worker] = asyncio.get_running_loop().call_later(self._idle_s, self._retire, worker)

    def _retire(self, worker: Worker) -> None:
        if self._idle.pop(worker, None) is not None:
            self._end(worker)

    def _end(self, worker: Worker) -> None:
        ending = asyncio.get_running_loop().create_task(worker.kill())
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def _open_folder(self) -> None:
        sweep()
        self._folder = Path(tempfile.mkdtemp(prefix=_FOLDER_PREFIX))
        self._lock = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def _close_folder(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
        self._folder = self._lock = None


def sweep() -> None:
    """Remove the documents that a killed server left behind: its lock is free."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue
        finally:
            os.close(lock)
