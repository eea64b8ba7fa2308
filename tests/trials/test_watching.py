"""Prometheus, promtool and amtool of Debian on what this repository gives them: packages prometheus and prometheus-alertmanager."""

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bench.measuring.customer import Customer
from bench.measuring.program import Program, free_port
from converto.commands.fake_models import FakeModels
from tests.ai.house import environment, serving
from tests.architecture.source import ROOT
from tests.project.log_template import faults

MISSING = [program for program in ("prometheus", "promtool", "amtool") if shutil.which(program) is None]
pytestmark = [
    pytest.mark.trials,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        bool(MISSING),
        reason=f"no {', '.join(MISSING)} here: apt-get install prometheus prometheus-alertmanager",
    ),
]

DEPLOY = ROOT / "deploy"
SAMPLE = ROOT / "samples" / "documents" / "01-grocery.png"
LONGEST_S = float(os.environ.get("CONVERTO_TRIAL_WATCHING_S", "180"))
SCRAPES = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: converto
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def told(*command: str | Path, folder: Path = ROOT) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_every_alert_fires_and_does_not_fire_where_it_should() -> None:
    assert "SUCCESS" in told("promtool", "test", "rules", "alerts_test.yml", folder=DEPLOY / "prometheus")


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    shutil.copytree(DEPLOY / "prometheus", tmp_path / "prometheus")
    file = tmp_path / "prometheus" / "prometheus.yml"
    file.write_text(file.read_text().replace("/run/secrets/converto_metrics_token", str(token)))

    assert "SUCCESS" in told("promtool", "check", "config", file)


def test_alertmanager_takes_its_configuration_and_tells_who_is_on_call() -> None:
    file = DEPLOY / "alertmanager" / "alertmanager.yml"

    assert "SUCCESS" in told("amtool", "check-config", file)
    assert told("amtool", "config", "routes", "test", f"--config.file={file}", "severity=page").splitlines()[0] == "on-call"
    assert told("amtool", "config", "routes", "test", f"--config.file={file}", "severity=ticket").splitlines()[0] == "morning"


async def test_every_panel_shows_something_after_a_days_work(tmp_path: Path) -> None:
    async with _at_work(tmp_path) as program:
        with _prometheus(tmp_path, watched=program.port) as url:
            await asyncio.to_thread(_work, program)
            empty = await asyncio.to_thread(_until_all_show, url)
        lines = program.log.read_text().splitlines()

    print(f"{len(lines)} lines in the log")
    assert empty == []
    assert [found for line in lines for found in faults(line)] == []
    assert {json.loads(line)["event.action"] for line in lines} >= {"http.answered", "ocr.finished", "auth.registered"}


@asynccontextmanager
async def _at_work(folder: Path) -> AsyncIterator[Program]:
    async with serving(FakeModels()) as models:
        program = Program(folder, {**environment(models), "CONVERTO_BILLING_DEFAULT_PLAN": "starter", "CONVERTO_LOG_FORMAT": "json"})
        await asyncio.to_thread(program.start)
        try:
            yield program
        finally:
            await asyncio.to_thread(program.stop)


@contextmanager
def _prometheus(folder: Path, *, watched: int) -> Iterator[str]:
    file, port = folder / "prometheus.yml", free_port()
    file.write_text(SCRAPES.format(rules=DEPLOY / "prometheus" / "alerts.yml", port=watched))
    command = ["prometheus", f"--config.file={file}", f"--storage.tsdb.path={folder / 'series'}", f"--web.listen-address=127.0.0.1:{port}"]
    with (folder / "prometheus.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _work(program: Program) -> None:
    """Do a little of everything that is counted, again and again, so that each counter is seen to grow."""
    with Customer(program.url) as customer:
        for number in range(3):
            customer.read("receipt.png", SAMPLE.read_bytes() + bytes([number]), languages="fin")
            customer.upload("empty.png", b"")
            customer.ask_model("How much is it?")
            time.sleep(2)  # two scrapes of Prometheus lie between
        httpx2.post(f"{program.url}/auth/login", json={"email": "nobody@example.com", "password": "wrong"}, trust_env=False)
        httpx2.post(f"{program.url}/billing/webhooks/stripe", content=b"{}", headers={"stripe-signature": "t=1,v1=0"}, trust_env=False)


def _until_all_show(url: str) -> Sequence[str]:
    """Return which panels show nothing, once all do or time is over."""
    boards = [json.loads(file.read_text()) for file in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))]
    asked = [
        (f"{board['title']}: {panel['title']}", one["expr"]) for board in boards for panel in board["panels"] for one in panel["targets"]
    ]
    until = time.monotonic() + LONGEST_S
    with httpx2.Client(base_url=url, timeout=30, trust_env=False) as client:
        while True:
            empty = [name for name, query in asked if not _series(client, query)]
            if not empty or time.monotonic() > until:
                print(f"\n{len(asked) - len(empty)} of {len(asked)} queries of {len(boards)} dashboards return a series")
                return empty
            time.sleep(1)


def _series(client: httpx2.Client, query: str) -> Sequence[Mapping[str, Any]]:
    try:
        answer = client.get("/api/v1/query", params={"query": query})
    except httpx2.TransportError:  # it is still starting
        return ()
    found: Sequence[Mapping[str, Any]] = answer.json()["data"]["result"] if answer.is_success else ()
    return found
