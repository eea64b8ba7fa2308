"""A server of our own for the length of a command: on a free port, with an empty data folder, gone afterwards."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

START_S = 60
STOP_S = 15
LOOK_AGAIN_S = 0.1
# what deployments call our settings; a developer's own server must not leak into this one
OTHER_NAMES = ("ENVIRONMENT", "JWT_SECRET_KEY", "REDIS_HOST", "REDIS_PORT", "POSTGRES_HOST")


class ServerDidNotStart(Exception):
    """The server ended, or was not ready in time; the message says what it wrote last."""


@contextmanager
def own_server(folder: Path, *, log: Path) -> Iterator[str]:
    """Start a server with its data in an empty folder, yield its URL once it is ready, and stop it whatever happens.

    Raises:
        ServerDidNotStart: it was not ready within a minute.
    """
    port = _free_port()
    command = [sys.executable, "-m", "converto", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        # from the data folder, because the settings would read a file .env in this one
        server = subprocess.Popen(command, cwd=folder, env=_environment(folder), stdout=output, stderr=subprocess.STDOUT)  # noqa: S603 - our own program
        try:
            _wait_until_ready(server, f"http://127.0.0.1:{port}", log=log)
            yield f"http://127.0.0.1:{port}"
        finally:
            _stop(server)


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONVERTO_") and name not in OTHER_NAMES}
    return kept | {"CONVERTO_DATA_DIR": str(folder / "data")}


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_until_ready(server: subprocess.Popen[bytes], url: str, *, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while server.poll() is None and time.monotonic() < deadline:
        try:
            if httpx2.get(f"{url}/health/ready", timeout=2).is_success:
                return
        except httpx2.TransportError:
            pass  # it does not listen yet
        time.sleep(LOOK_AGAIN_S)
    last = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
    message = "The server did not become ready.\n" + "\n".join(last)
    raise ServerDidNotStart(message)


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(timeout=STOP_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
