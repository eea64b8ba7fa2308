"""Servers in processes of their own, as an operator runs them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

import httpx2

READY_WITHIN_S = 40.0
STOP_WITHIN_S = 20.0
LOOK_AGAIN_S = 0.05


class Server:
    """`converto serve` on a port that stays the same however often it is started; it ends with the block, whatever happens."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        folder.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._folder = folder
        self._settings = {"CONVERTO_ENVIRONMENT": "test", "CONVERTO_DATA_DIR": str(folder / "data"), **settings}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once requests may be sent."""
        command = [sys.executable, "-m", "converto", "serve", "--port", str(self.port)]
        with (self._folder / "log").open("ab") as log:
            # from a folder of its own: the settings would read a file .env in ours
            self._process = subprocess.Popen(
                command, cwd=self._folder, env={**os.environ, **self._settings}, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until(self._is_ready, log=self._folder / "log")

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text(encoding="utf-8")
        try:
            return httpx2.get(f"{self.url}/health/ready", timeout=5, trust_env=False).is_success
        except httpx2.TransportError:
            return False

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> int | None:
        """End it as an operator would, and return its exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, by: signal.Signals) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        process.send_signal(by)
        try:
            return process.wait(STOP_WITHIN_S)
        finally:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def until(fact: Callable[[], bool], *, log: Path) -> None:
    """Return once something is so."""
    deadline = time.monotonic() + READY_WITHIN_S
    while not fact():
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        time.sleep(LOOK_AGAIN_S)
