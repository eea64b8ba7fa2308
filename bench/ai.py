"""What asking a model costs us: CPU for each `/ai/chat` with its sign-in, choice, budget and ledger, against a bare pass-through.

The pass-through is a FastAPI route that sends the body on with aiohttp and gives the answer back. The same client asks both, in turns, and
both ask the same provider of our own in a process apart. The limits: at most 2.5 times the CPU of the pass-through for a plain answer, and
at most 0.15 ms of CPU for a chunk of a streamed one.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import httpx2

from bench.measuring.customer import Customer
from bench.measuring.program import Program

PLAIN_LIMIT = 2.5
CHUNK_LIMIT_MS = 0.15
CHUNKS = 200
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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--at-once", type=int, default=64)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="converto-bench-") as name:
        folder = Path(name)
        for part in ("models", "bare", "ours"):
            (folder / part).mkdir()
        command = (sys.executable, "-m", "converto", "fake-models", "--port", "{port}")
        with Program(folder / "models", command=command, ready="/control/look") as models:
            asyncio.run(_measured(folder, models, given))


async def _measured(folder: Path, models: Program, given: argparse.Namespace) -> None:
    script = folder / "bare.py"
    script.write_text(BARE.strip() + "\n", encoding="utf-8")
    settings = {"CONVERTO_AI_OPENAI_API_KEY": "x", "CONVERTO_AI_OPENAI_BASE_URL": f"{models.url}/v1", "CONVERTO_LOG_LEVEL": "warning"}
    settings |= {"CONVERTO_GATEWAY_PLAN_LIMITS": "enterprise=10000000", "CONVERTO_GATEWAY_ADDRESS_RATE_LIMIT": "10000000"}
    with (
        Program(folder / "bare", command=(sys.executable, str(script), "{port}", models.url), ready="/ready") as bare,
        Program(folder / "ours", settings) as ours,
        Customer(ours.url) as customer,
    ):
        headers = {"authorization": str(customer._http.headers["authorization"])}  # noqa: SLF001 - one of our own
        budget = {"hard": {"amount": "1000000", "currency": "USD"}}
        httpx2.put(f"{ours.url}/ai/budget", json=budget, headers=headers, timeout=30, trust_env=False).raise_for_status()
        # a connection goes before a server ends it that was not asked for a while, for the other had its turn
        connections = aiohttp.TCPConnector(limit=0, keepalive_timeout=1)
        async with aiohttp.ClientSession(connector=connections) as session:
            await _plain(session, bare, ours, headers=headers, given=given)
            await _streamed(session, models, ours, headers=headers)


async def _plain(
    session: aiohttp.ClientSession, bare: Program, ours: Program, *, headers: dict[str, str], given: argparse.Namespace
) -> None:
    messages = [{"role": "user", "content": "What does the receipt say? " * 20}]

    async def ask_bare() -> None:
        async with session.post(f"{bare.url}/chat", json={"model": "gpt-4o", "messages": messages}) as answer:
            assert answer.status == 200, await answer.text()
            await answer.read()

    async def ask_ours() -> None:
        body = {"model_preference": "gpt-4o", "messages": messages}
        async with session.post(f"{ours.url}/ai/chat", json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            await answer.read()

    for at_once in (given.at_once, 1):
        found: dict[str, list[tuple[float, float]]] = {"bare": [], "ours": []}
        for _ in range(given.rounds + 1):
            for name, program, ask in (("bare", bare, ask_bare), ("ours", ours, ask_ours)):
                found[name].append(await _round(program, ask, requests=given.requests, at_once=at_once))
        cpu = {name: statistics.median(one[0] for one in rounds[1:]) for name, rounds in found.items()}
        took = {name: statistics.median(one[1] for one in rounds[1:]) for name, rounds in found.items()}
        print(
            f"plain, {at_once:2d} at once: CPU {cpu['ours']:.2f} ms, bare {cpu['bare']:.2f} ms, ratio {cpu['ours'] / cpu['bare']:.2f} "
            f"(limit {PLAIN_LIMIT}); median {took['ours']:.1f} ms, bare {took['bare']:.1f} ms"
        )


async def _round(program: Program, ask: Callable[[], Awaitable[None]], *, requests: int, at_once: int) -> tuple[float, float]:
    """Return the CPU of a request and its median time, both in milliseconds."""
    turns, took = asyncio.Semaphore(at_once), []

    async def one() -> None:
        async with turns:
            began = time.perf_counter()
            await ask()
            took.append(time.perf_counter() - began)

    before = program.processor_s()
    await asyncio.gather(*[one() for _ in range(requests)])
    return (program.processor_s() - before) / requests * 1000, statistics.median(took) * 1000


async def _streamed(session: aiohttp.ClientSession, models: Program, ours: Program, *, headers: dict[str, str]) -> None:
    async def ask() -> None:
        body = {"model_preference": "gpt-4o", "prompt": "What does it say?", "stream": True}
        async with session.post(f"{ours.url}/ai/chat", json=body, headers=headers) as answer:
            assert b"event: done" in await answer.read()

    cost = {}
    for chunks in (1, CHUNKS):
        told = {"chunks": chunks, "chunk_pause_s": 0.0002}
        async with session.post(f"{models.url}/control/set", json=told) as answer:
            await answer.read()
        rounds = [(await _round(ours, ask, requests=100, at_once=8))[0] for _ in range(4)]
        cost[chunks] = statistics.median(rounds[1:])
    each_ms = (cost[CHUNKS] - cost[1]) / (CHUNKS - 1)
    print(f"streamed: CPU {each_ms:.3f} ms a chunk (limit {CHUNK_LIMIT_MS})")


if __name__ == "__main__":
    main()
