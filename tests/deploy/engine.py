"""The Docker Engine, by its own commands; and why there is none."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SINGLE = "docker-compose.yml"
MICROSERVICES = "docker-compose.microservices.yml"
PRODUCTION = "docker-compose.production.yml"
IMAGE = os.environ.get("CONVERTO_IMAGE", "converto:local")
UP_S = 300


class Complaint(Exception):
    """A command of the engine that failed; the message is what it said last."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        super().__init__(f"{' '.join(done.args)}: {done.stderr[-3000:]}")


def missing() -> str | None:
    """Return why no container can be tried here; None where one can."""
    if shutil.which("docker") is None:
        return "no docker on the PATH"
    for asked in (["docker", "compose", "version"], ["docker", "info"], ["docker", "image", "inspect", IMAGE]):
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"{' '.join(asked)}: {done.stderr.strip()[-200:]}"
    return None


def docker(*arguments: str) -> str:
    """Run `docker ...` and return what it printed. Raises Complaint."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Complaint(done)
    return done.stdout


def docker_log(container: str, *, since: str) -> Sequence[str]:
    """Return the lines that a container has logged from a moment on. Raises CalledProcessError."""
    return subprocess.run(
        ["docker", "logs", "--since", since, container], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
    ).stdout.splitlines()


class Stack:
    """What one set of compose files starts, under a name and with secrets of its own."""

    def __init__(self, *files: str, publish: str) -> None:
        override = os.environ.get("WITH_DOCKER_OVERRIDE")
        named = [str(ROOT / file) for file in files]
        if override and MICROSERVICES in files and PRODUCTION not in files:
            named.append(override)
        self.url = f"http://{publish}"
        self._name = f"converto-{secrets.token_hex(4)}"
        self._files = [word for file in named for word in ("--file", file)]
        given = {name: secrets.token_urlsafe(36) for name in _SECRETS}
        self.operators = {"authorization": f"Bearer {given['CONVERTO_METRICS_TOKEN']}"}
        """The header by which operators are let in."""
        self._environment = {
            **os.environ,
            "CONVERTO_IMAGE": IMAGE,
            "CONVERTO_PUBLISH": publish,
            **given,
        }

    def compose(self, *arguments: str, timeout_s: float = UP_S) -> str:
        """Run `docker compose ...` on it and return what it printed. Raises Complaint."""
        command = ["docker", "compose", "--project-name", self._name, "--project-directory", str(ROOT), *self._files, *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, timeout=timeout_s, check=False)
        if done.returncode:
            raise Complaint(done)
        return done.stdout

    @contextmanager
    def up(self, *arguments: str) -> Iterator["Stack"]:
        """Start it and wait until all of it is well; in the end leave nothing of it."""
        try:
            self.compose("up", "--detach", "--wait", "--no-build", *arguments)
            yield self
        finally:
            self.compose("down", "--volumes", "--timeout", "15")

    def containers(self, service: str = "") -> Sequence[str]:
        """Return the ids of its containers, or of those of one service."""
        return self.compose("ps", "--quiet", "--all", *([service] if service else [])).split()

    def left(self) -> Sequence[str]:
        """Return what is still there of it: containers, volumes and networks."""
        named = f"name={self._name}"
        kinds: Mapping[str, Sequence[str]] = {"ps": ("--all",), "volume": ("ls",), "network": ("ls",)}
        return [line for kind, more in kinds.items() for line in docker(kind, *more, "--quiet", "--filter", named).split()]


_SECRETS = ("POSTGRES_PASSWORD", "CONVERTO_RPC_SECRETS", "CONVERTO_AUTH_SECRET_KEY", "CONVERTO_METRICS_TOKEN")


def inspected(container: str) -> Mapping[str, Any]:
    """Return what the engine knows of a container."""
    return dict(json.loads(docker("inspect", container))[0])
