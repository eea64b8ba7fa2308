"""Servers in processes of their own, as an operator runs them."""

import json
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

from converto.modules import installed

READY_WITHIN_S = 90.0
STOP_WITHIN_S = 60.0
LOOK_AGAIN_S = 0.05
PROGRAM = [sys.executable, "-m", "converto"]
"""Every process of every deployment is started by this; what it becomes is a matter of its settings."""
ALL_BUT_OCR = ",".join(module.name for module in installed() if module.name != "ocr")


class Server:
    """`converto serve` on a port that stays the same however often it is started; it ends with the block, whatever happens."""

    def __init__(self, folder: Path, settings: Mapping[str, str], *, port: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings = {"CONVERTO_ENVIRONMENT": "test", "CONVERTO_DATA_DIR": str(folder / "data"), **settings}
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once requests may be sent."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it, and do not wait for it."""
        with (self._folder / "log").open("ab") as log:
            # from a folder of its own: the settings would read a file .env in ours
            self._process = subprocess.Popen(
                [*PROGRAM, "serve", "--port", str(self.port)],
                cwd=self._folder, env={**os.environ, **self.settings}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def wait(self) -> None:
        """Return once requests may be sent."""
        until(self._is_ready, log=self.log)

    def log(self) -> str:
        """Return all that it has logged."""
        return (self._folder / "log").read_text(encoding="utf-8")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the program with the same settings."""
        environment = {**os.environ, **self.settings, "COLUMNS": "200"}
        return subprocess.run([*PROGRAM, *command], cwd=self._folder, env=environment, capture_output=True, text=True, check=False)

    def described(self) -> tuple[str, dict[str, str], int]:
        """Return what another process makes the same of, to look at and not to end."""
        return str(self._folder), self.settings, self.port

    def _is_ready(self) -> bool:
        assert self._process is None or self._process.poll() is None, self.log()
        try:
            return httpx2.get(f"{self.url}/health/ready", timeout=5, trust_env=False).is_success
        except httpx2.TransportError:
            return False

    @property
    def pid(self) -> int:
        """Give the number of the process that runs."""
        assert self._process is not None
        return self._process.pid

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


class House:
    """An edge and some readers, each a process, with nothing in common but PostgreSQL, Redis, a folder of documents and a secret."""

    def __init__(self, folder: Path, postgres_url: str, redis_url: str, *, readers: int) -> None:
        common = {
            "CONVERTO_DATABASE_URL": postgres_url,
            "CONVERTO_EVENTS": redis_url,
            "CONVERTO_RPC_SECRETS": "known to all of them only, and long enough",
            "CONVERTO_WEBHOOKS_ALLOWED_NETWORKS": "127.0.0.0/8",
        }
        reading = {**common, "CONVERTO_MODULES": "ocr", "CONVERTO_DATA_DIR": str(folder / "documents")}
        self.readers = [Server(folder / f"reader{number}", reading) for number in range(readers)]
        addresses = ",".join(reader.url for reader in self.readers)
        self.edge = Server(folder / "edge", {**common, "CONVERTO_MODULES": ALL_BUT_OCR, "CONVERTO_REMOTE__OCR": addresses})

    def launch(self) -> None:
        """Start all, and do not wait for them."""
        for server in (*self.readers, self.edge):
            server.launch()

    def wait(self) -> None:
        """Return once requests may be sent."""
        for server in (*self.readers, self.edge):
            server.wait()

    def described(self) -> str:
        """Return what another process makes the same of, to look at and not to end."""
        return json.dumps([server.described() for server in (self.edge, *self.readers)])

    @classmethod
    def known(cls, described: str) -> Self:
        """Return a house that another process has started, once requests may be sent."""
        house = cls.__new__(cls)
        house.edge, *house.readers = (Server(Path(folder), settings, port=port) for folder, settings, port in json.loads(described))
        house.wait()
        return house

    def __enter__(self) -> Self:
        self.launch()
        try:
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self.edge, *self.readers):
            server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(fact: Callable[[], bool], *, log: Callable[[], str]) -> None:
    """Return once something is so."""
    deadline = time.monotonic() + READY_WITHIN_S
    while not fact():
        assert time.monotonic() < deadline, log()
        time.sleep(LOOK_AGAIN_S)
