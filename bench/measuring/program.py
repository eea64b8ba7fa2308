"""The program as a process of its own on a port of this machine, and what it costs to run."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import httpx2

START_S = 60.0
STOP_S = 20.0
LOOK_AGAIN_S = 0.005


class DidNotStart(Exception):
    """A server that ended or was not ready in time; the message is what it wrote last."""


class Program:
    """A server process: `converto serve`, or whatever command listens on the port that is put for `{port}` in it.

    Args:
        folder: what the process works in and writes its log to; another start in the same folder finds the data of the one before.
        settings: environment variables, `CONVERTO_...`; the caller's own do not count.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, str] | None = None, *, command: Sequence[str] = (), ready: str = "/health/ready"
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        self._ready = ready
        self._command = [word.format(port=self.port) for word in command or (sys.executable, "-m", "converto", "serve", "--port", "{port}")]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONVERTO_")}
        self._environment = {**kept, "CONVERTO_DATA_DIR": str(folder / "data"), **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Tell whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> float:
        """Start the process and return after how many seconds it was ready. Raises DidNotStart."""
        begun = time.perf_counter()
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command, cwd=self.folder, env=self._environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        with httpx2.Client(base_url=self.url, timeout=2, trust_env=False) as client:
            while not self._answers(client):
                if not self.alive or time.perf_counter() - begun > START_S:
                    self.kill()
                    raise DidNotStart(self.log.read_text(encoding="utf-8", errors="replace")[-2000:])
                time.sleep(LOOK_AGAIN_S)
        return time.perf_counter() - begun

    def kill(self) -> None:
        """End the process as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the process as an administrator would."""
        self._end(signal.SIGTERM)

    def resident_bytes(self) -> int:
        """Return the memory that the process and all that it started hold."""
        return sum(_resident_bytes(pid) for pid in tree(self.pid))

    def own_bytes(self) -> int:
        """Return the memory that the process holds, without what it started."""
        return _resident_bytes(self.pid)

    def processor_s(self) -> float:
        """Return the seconds of processor time that the process and all that it started have taken, also those that have ended."""
        return sum(_processor_s(pid) for pid in tree(self.pid))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answers(self, client: httpx2.Client) -> bool:
        try:
            return client.get(self._ready).is_success
        except httpx2.TransportError:
            return False

    def _end(self, how: int) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_port() -> int:
    """Return the number of a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tree(root: int) -> Iterator[int]:
    """Yield a process and all that it started, and they in turn, by their numbers."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # the name of the program stands in brackets and may hold anything
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended meanwhile
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting.extend(child for child, parent in parents.items() if parent == pid)


def _processor_s(pid: int) -> float:
    try:
        figures = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    # its own in the program and in the kernel, and those of its children that have ended
    return sum(map(int, figures[11:15])) / os.sysconf("SC_CLK_TCK")


def _resident_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:")), 0)
