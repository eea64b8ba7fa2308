"""What asking a model costs us: CPU for each `/ai/chat` with its sign-in, choice, budget and ledger, against others on the same provider.

The others: a FastAPI route that sends the body on with aiohttp and gives the answer back, one that asks by `litellm.acompletion`, and
litellm's own proxy. The same client asks all of them, in turns, and all ask the same provider of ours in a process apart. The limits: at
most 2.5 times the CPU of the pass-through for a plain answer, a half of litellm's function and a fifth of its proxy; with a provider that
takes 50 ms at most 4 ms more in the middle, and at the slowest hundredth half of what the proxy adds; 0.15 ms of CPU for a chunk.

litellm's proxy wants libraries that are none of ours, so it is measured where CONVERTO_BENCH_LITELLM_PYTHON names a Python that has
`litellm[proxy]` beside it, and else left out.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import httpx2

from bench.measuring.customer import Customer
from bench.measuring.program import Program

LIMITS = {"pass-through": 2.5, "acompletion": 1 / 2, "litellm proxy": 1 / 5}
"""How much of the CPU of each ours may take."""
ADDED_P50_LIMIT_MS = 4.0
ADDED_P99_LIMIT = 0.5
CHUNK_LIMIT_MS = 0.15
REST_S = 1.5
"""Within so long all is done that comes of answers: the ledger is written, events are told, and usage is counted."""
CHUNKS = 200
SLOW_S = 0.05
LITELLM_PYTHON = "CONVERTO_BENCH_LITELLM_PYTHON"
MESSAGES = [{"role": "user", "content": "What does the receipt say? " * 20}]
BARE = """
import aiohttp, fastapi, sys, uvicorn
from contextlib import asynccontextmanager
@asynccontextmanager
async def lifespan(app):
    async with aiohttp.ClientSession() as app.state.session:
        yield
app = fastapi.FastAPI(lifespan=lifespan)
@app.get("/ready")
async def ready() -> dict[str, str]:
    return {"status": "ok"}
@app.post("/chat")
async def chat(body: dict) -> dict:
    async with app.state.session.post(sys.argv[2] + "/v1/chat/completions", json=body) as answer:
        return await answer.json()
uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", log_level="warning")
"""
BY_LITELLM = """
import fastapi, litellm, sys, uvicorn
app = fastapi.FastAPI()
@app.get("/ready")
async def ready() -> dict[str, str]:
    return {"status": "ok"}
@app.post("/chat")
async def chat(body: dict) -> dict:
    asked = {"model": "openai/" + body["model"], "messages": body["messages"]}
    answer = await litellm.acompletion(**asked, api_base=sys.argv[2] + "/v1", api_key="x")
    return answer.model_dump()
uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", log_level="warning")
"""
PROXY = """
model_list:
  - model_name: gpt-4o
    litellm_params: {{model: openai/gpt-4o, api_base: "{url}/v1", api_key: x}}
general_settings: {{master_key: sk-bench}}
"""


@dataclass
class Asked:
    """A program that is asked, and how it did."""

    name: str
    program: Program
    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    cpu_ms: list[float] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)

    async def once(self, session: aiohttp.ClientSession) -> None:
        """Ask once."""
        async with session.post(self.program.url + self.path, json=self.body, headers=self.headers) as answer:
            assert answer.status == 200, await answer.text()
            await answer.read()

    async def round(self, session: aiohttp.ClientSession, *, requests: int, at_once: int) -> None:
        """Ask some times, and note the CPU of a request and what each took."""
        turns = asyncio.Semaphore(at_once)

        async def one() -> None:
            async with turns:
                began = time.perf_counter()
                await self.once(session)
                self.took_ms.append((time.perf_counter() - began) * 1000)

        before = self.program.processor_s()
        await asyncio.gather(*[one() for _ in range(requests)])
        await asyncio.sleep(REST_S)
        self.cpu_ms.append((self.program.processor_s() - before) / requests * 1000)

    def fresh(self) -> None:
        """Forget how it did."""
        self.cpu_ms.clear()
        self.took_ms.clear()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--slow-requests", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="converto-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        models = stack.enter_context(_program(folder / "models", _command("fake-models"), ready="/control/look"))
        ours, *others = _programs(stack, folder, models)
        asyncio.run(_measured(models, ours, others, given))


def _command(*words: str) -> Sequence[str]:
    return (sys.executable, "-m", "converto", *words, "--port", "{port}")


def _program(folder: Path, command: Sequence[str], *, ready: str, settings: Mapping[str, str] | None = None) -> Program:
    folder.mkdir()
    return Program(folder, settings, command=command, ready=ready)


def _programs(stack: ExitStack, folder: Path, models: Program) -> list[Asked]:
    settings = {"CONVERTO_AI_OPENAI_API_KEY": "x", "CONVERTO_AI_OPENAI_BASE_URL": f"{models.url}/v1", "CONVERTO_LOG_LEVEL": "warning"}
    settings |= {"CONVERTO_GATEWAY_PLAN_LIMITS": "enterprise=10000000", "CONVERTO_GATEWAY_ADDRESS_RATE_LIMIT": "10000000"}
    ours = stack.enter_context(_program(folder / "ours", _command("serve"), ready="/health/ready", settings=settings))
    customer = stack.enter_context(Customer(ours.url))
    headers = {"authorization": str(customer._http.headers["authorization"])}  # noqa: SLF001 - one of our own
    budget = {"hard": {"amount": "1000000", "currency": "USD"}}
    httpx2.put(f"{ours.url}/ai/budget", json=budget, headers=headers, timeout=30, trust_env=False).raise_for_status()
    asked = [Asked("ours", ours, "/ai/chat", {"model_preference": "gpt-4o", "messages": MESSAGES}, headers)]

    body = {"model": "gpt-4o", "messages": MESSAGES}
    scripts = [("pass-through", BARE, sys.executable)]
    python = os.environ.get(LITELLM_PYTHON)
    scripts += [("acompletion", BY_LITELLM, python)] if python else []
    for name, source, interpreter in scripts:
        script = folder / f"{name}.py"
        script.write_text(source.strip() + "\n", encoding="utf-8")
        command: Sequence[str] = (interpreter, str(script), "{port}", models.url)
        asked.append(Asked(name, stack.enter_context(_program(folder / name, command, ready="/ready")), "/chat", body))
    if python is None:
        print(f"litellm is left out: {LITELLM_PYTHON} names no Python that has litellm[proxy]")
        return asked
    script = folder / "proxy.yaml"
    script.write_text(PROXY.format(url=models.url), encoding="utf-8")
    command = (str(Path(python).parent / "litellm"), "--config", str(script), "--port", "{port}", "--host", "127.0.0.1")
    proxy = stack.enter_context(_program(folder / "proxy", command, ready="/health/liveliness"))
    asked.append(Asked("litellm proxy", proxy, "/v1/chat/completions", body, {"authorization": "Bearer sk-bench"}))
    return asked


async def _measured(models: Program, ours: Asked, others: Sequence[Asked], given: argparse.Namespace) -> None:
    # a connection goes before a server ends it that was not asked for a while, for the others had their turns
    connections = aiohttp.TCPConnector(limit=0, keepalive_timeout=1)
    async with aiohttp.ClientSession(connector=connections) as session:
        await _plain(session, ours, others, given)
        await _slow(session, models, ours, others=others, requests=given.slow_requests)
        await _streamed(session, models, ours)


async def _plain(session: aiohttp.ClientSession, ours: Asked, others: Sequence[Asked], given: argparse.Namespace) -> None:
    for at_once in (given.at_once, 1):
        for number in range(given.rounds + 1):
            for asked in (ours, *others):
                if number == 1:
                    asked.fresh()  # the first round warmed it up
                await asked.round(session, requests=given.requests if at_once > 1 else given.requests // 4, at_once=at_once)
        mine = statistics.median(ours.cpu_ms)
        print(f"plain, {at_once:2d} at once: CPU {mine:.2f} ms a request, median {statistics.median(ours.took_ms):.1f} ms")
        for asked in others:
            cpu = statistics.median(asked.cpu_ms)
            took = statistics.median(asked.took_ms)
            print(f"  of {asked.name}: {mine / cpu:.2f} (limit {LIMITS[asked.name]:.2f}); CPU {cpu:.2f} ms, median {took:.1f} ms")
            asked.fresh()
        ours.fresh()


async def _slow(session: aiohttp.ClientSession, models: Program, ours: Asked, *, others: Sequence[Asked], requests: int) -> None:
    """Compare what each adds to a provider that takes its time."""
    await _set(session, models, latency_s=SLOW_S)
    direct = Asked("the provider", models, "/v1/chat/completions", others[0].body)
    everybody = (direct, ours, *others)
    for asked in everybody:
        await asked.round(session, requests=10, at_once=2)
        asked.fresh()
    for _ in range(4):
        for asked in everybody:
            await asked.round(session, requests=requests // 4, at_once=4)
    base = statistics.median(direct.took_ms)
    added = {asked.name: statistics.quantiles([took - base for took in asked.took_ms], n=100) for asked in everybody}
    for name, quantiles in added.items():
        print(f"provider of {SLOW_S * 1000:.0f} ms, {name}: adds {quantiles[49]:.1f} ms, slowest hundredth {quantiles[98]:.1f} ms")
    print(f"  (limits: {ADDED_P50_LIMIT_MS} ms, and {ADDED_P99_LIMIT} of the proxy's slowest hundredth)")
    await _set(session, models, latency_s=0)


async def _streamed(session: aiohttp.ClientSession, models: Program, ours: Asked) -> None:
    body = {"model_preference": "gpt-4o", "prompt": "What does it say?", "stream": True}
    streamed = Asked("streamed", ours.program, ours.path, body, ours.headers)
    cost = {}
    for chunks in (1, CHUNKS):
        await _set(session, models, chunks=chunks, chunk_pause_s=0.0002)
        streamed.fresh()
        for _ in range(4):
            await streamed.round(session, requests=100, at_once=8)
        cost[chunks] = statistics.median(streamed.cpu_ms[1:])
    each_ms = (cost[CHUNKS] - cost[1]) / (CHUNKS - 1)
    print(f"streamed: CPU {each_ms:.3f} ms a chunk (limit {CHUNK_LIMIT_MS})")


async def _set(session: aiohttp.ClientSession, models: Program, **told: float) -> None:
    async with session.post(f"{models.url}/control/set", json=told) as answer:
        await answer.read()


if __name__ == "__main__":
    main()
