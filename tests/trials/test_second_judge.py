"""What an independent provider of models says of how we bear its faults: `llmock`, where CONVERTO_TRIAL_LLMOCK names its program."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bench.measuring.program import Program
from converto.ai.refusals import Rejected
from converto.kernel.errors import Error
from tests.ai.house import House, environment, hosted, somebody

LLMOCK = os.environ.get("CONVERTO_TRIAL_LLMOCK", "")
pytestmark = [
    pytest.mark.trials,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not LLMOCK, reason="CONVERTO_TRIAL_LLMOCK does not name the program of llmock"),
]
MODELS = {"openai": "gpt-4o", "anthropic": "claude-sonnet-5", "gemini": "gemini-3.8-flash"}
FAULTS: dict[str, dict[str, Any]] = {
    "429": {"type": "fail", "status": 429, "retry_after": 1},
    "500": {"type": "fail", "status": 500},
    "503": {"type": "fail", "status": 503},
    "400": {"type": "fail", "status": 400},
    "disconnect": {"type": "stream_fault", "kind": "disconnect", "after_chunks": 2},
    "truncate": {"type": "stream_fault", "kind": "truncate", "after_chunks": 2},
    "malformed": {"type": "stream_fault", "kind": "malformed", "after_chunks": 2},
    "stall": {"type": "stream_fault", "kind": "stall", "stall_seconds": 4, "after_chunks": 2},
}
TRIES = 4


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    command = (LLMOCK, "serve", "--port", "{port}", "--log-level", "warning", "--stream-chunk-delay-ms", "20")
    with (
        Program(tmp_path_factory.mktemp("llmock"), command=command, ready="/health") as program,
        httpx2.Client(base_url=program.url, timeout=30, trust_env=False) as client,
    ):
        yield client


async def answered(house: House, text: str, model: str) -> str | None:
    """Ask as a careful caller does: again after as long as is told, or ever longer; returns None where it would be of no use."""
    for attempt in range(TRIES):
        try:
            return (await house.streamed(somebody(), text, model_preference=model))[0]
        except Rejected:
            return None
        except Error as error:
            await asyncio.sleep(max(float(error.details.get("retry_after_s", 0)), 0.3 * 3**attempt))
    pytest.fail(f"{model} did not answer {TRIES} times")


@pytest.mark.parametrize("dialect", MODELS)
async def test_a_second_judge_finds_nothing(judge: httpx2.Client, dialect: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = str(judge.base_url).rstrip("/")
    given = {"CONVERTO_AI_COOLDOWN_S": "0.2", "CONVERTO_AI_SILENCE_TIMEOUT_S": "1"}
    given |= {"CONVERTO_AI_ANTHROPIC_BASE_URL": f"{url}/anthropic", "CONVERTO_AI_GEMINI_BASE_URL": f"{url}/gemini"}
    for name, value in {**environment(url), **given}.items():
        monkeypatch.setenv(name, value)
    findings: list[str] = []
    async with hosted(data_dir) as (runtime, service, ai):
        house = House(ai, service, runtime.hosted["ai"].database.across_tenants, None, runtime)  # type: ignore[arg-type]
        for fault, behaviour in FAULTS.items():
            await asyncio.to_thread(judge.post, "/_llmock/reset")
            told = await asyncio.to_thread(judge.post, "/_llmock/scenario", json={"behaviors": [{**behaviour, "times": 1}]})
            assert told.status_code == 201, told.text
            text = await answered(house, f"What is {fault}?", MODELS[dialect])
            assert (text is None) == (fault == "400")
            verdict = (await asyncio.to_thread(judge.get, "/_llmock/verdict")).json()
            assert verdict["faults_injected"] == 1
            findings += [f"{fault}: {finding['severity']} {finding['code']} {finding['title']}" for finding in verdict["findings"]]
    print(f"{dialect}: {len(FAULTS)} faults, {len(findings)} findings", *findings, sep="\n  ", file=sys.stderr)
    assert not findings
