"""Runs schemathesis against a server of the whole product."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.acceptance.people import registration, sample
from tests.acceptance.processes import Server

HERE = Path(__file__).parent
UNLIMITED = {
    "CONVERTO_GATEWAY_PLAN_LIMITS": "enterprise=10000000",
    "CONVERTO_GATEWAY_ADDRESS_RATE_LIMIT": "10000000",
    "CONVERTO_GATEWAY_SIGN_IN_RATE_LIMIT": "10000000",
}
"""A limit that is reached would hide what lies behind it."""


@contextmanager
def served(folder: Path) -> Iterator[dict[str, str]]:
    """Serve the whole product with something of everything in it; returns what schemathesis has to know of it."""
    with (
        models() as provider,
        Server(folder / "server", {"CONVERTO_LOG_LEVEL": "error", **UNLIMITED, **provider}) as server,
        httpx2.Client(base_url=server.url, timeout=60) as http,
    ):
        person = http.post("/auth/register", json=registration()).raise_for_status().json()
        http.headers["authorization"] = f"Bearer {person['access_token']}"
        http.get("/openapi.json").raise_for_status()  # made when it is first asked for, which schemathesis has no patience for
        yield {
            "CONVERTO_TRIAL_URL": server.url,
            "CONVERTO_TRIAL_TOKEN": person["access_token"],
            "CONVERTO_TRIAL_THINGS": json.dumps(_things(http)),
        }


@contextmanager
def models() -> Iterator[dict[str, str]]:
    """Serve a provider of models that costs nothing; returns the settings by which it is asked."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    provider = subprocess.Popen([sys.executable, "-m", "converto", "fake-models", "--port", str(port)])
    try:
        yield {"CONVERTO_AI_OPENAI_API_KEY": "x", "CONVERTO_AI_OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1"}
    finally:
        provider.kill()
        provider.wait()


def _things(http: httpx2.Client) -> dict[str, str]:
    scan = http.post("/ocr/scans", files={"file": ("a.png", sample("03-fuel.png"))}).json()
    webhook = http.post("/events/webhooks", json={"url": "https://hooks.example.com/converto"}).json()
    wanted = {"stream_names": ["stream:ocr"], "consumer_group": "books", "consumer_name": "one"}
    group = http.post("/events/subscribe", json=wanted).json()
    return {
        "scan_id": scan["id"],
        "page": "1",
        "webhook_id": webhook["id"],
        "subscription_id": group["subscription_id"],
        "consumer_name": "one",
    }


def asked(server: dict[str, str], *options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Ask every route, and return how it went."""
    program = str(Path(sys.executable).with_name("schemathesis"))
    command = [program, "--config-file", str(HERE / "schemathesis.toml"), "--no-color", "run"]
    return subprocess.run(
        [*command, f"{server['CONVERTO_TRIAL_URL']}/openapi.json", *options],
        cwd=folder,
        env={**os.environ, **server, "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        check=False,
    )
