"""Many calls of all kinds, and what the provider charges for them, held against the ledger."""

import asyncio
import json
import random
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from converto.ai.models import CallRow
from converto.ai.refusals import AllBusy
from converto.commands.fake_models import CACHED, Bill
from converto.kernel.actor import Actor
from converto.kernel.errors import Error
from tests.ai.house import House, question

MODELS = ("gpt-4o", "claude-haiku-4-5", "gemini-2.5-flash", "gpt-4.1-mini", "gemini-2.5-flash-lite")
LEFT_AT = "gpt-5-nano"
"""The model whose answers nobody hears to their end: how much of them the provider had sent by then is chance."""
FAULTS = ("", "", "", "", "", "", "", "429", "503", "cut", "no-usage")
AT_ONCE = 64
RETRY_S = 0.01
"""So long a provider that refuses wants to be left alone."""


@dataclass(frozen=True)
class Books:
    """What the ledger says, and what the provider charges, of the same calls."""

    calls: int
    rows: int
    outcomes: Counter[str]
    ledger_nano: int
    truth_nano: int
    unpriced: int
    """Answers that cost nothing in the ledger."""
    unmarked: int
    """Answers that were cut, and are not marked as estimated."""


async def mixed(house: House, actor: Actor, count: int, *, seed: int = 7) -> Books:
    """Ask many things, and compare."""
    chance = random.Random(seed)  # noqa: S311 - the same each time
    for provider in ("openai", "anthropic", "gemini"):
        house.fake.faults[provider] = deque(chance.choice(FAULTS) for _ in range(count))
    house.fake.retry_after_s = RETRY_S
    turns = asyncio.Semaphore(AT_ONCE)
    wants = [(chance.random(), chance.random(), chance.choice(MODELS), number) for number in range(count)]

    async def one(way: float, cached: float, model: str, number: int) -> None:
        text = f"{CACHED if cached < 0.3 else ''} kysymys {number} " + "x" * (number % 300)
        if way < 0.05:
            await _left(house, actor, text)
        elif way < 0.5:
            await house.streamed(actor, text, model_preference=model, allow_fallback=True)
        else:
            await house.ask(actor, text, model_preference=model, allow_fallback=True)

    async def until_asked(*want: Any) -> None:
        async with turns:
            while True:
                with suppress(Error):
                    try:
                        return await one(*want)
                    except AllBusy:  # nobody was asked, so this was no call yet
                        await asyncio.sleep(RETRY_S)
                        continue
                return None

    await asyncio.gather(*[until_asked(*want) for want in wants])
    rows = [row for row in await house.calls() if row.tenant_id == actor.tenant_id]
    return _compared(house, rows)


async def _left(house: House, actor: Actor, text: str) -> None:
    pieces: Any = house.ai.chat_stream(actor, question(text, model_preference=LEFT_AT))
    try:
        await anext(pieces)
    finally:
        await pieces.aclose()


def _compared(house: House, rows: list[CallRow]) -> Books:
    heard = [row for row in rows if not row.model.endswith(LEFT_AT)]
    whole = [row for row in heard if row.outcome == "ok" and row.usage_source == "provider"]
    table = {entry["model"]: entry for entry in json.loads(files("converto.ai").joinpath("catalogue.json").read_text())["models"]}
    truth = [_charged(bill, table[bill.model]) for bill in house.fake.bills if bill.is_whole and bill.model != LEFT_AT]
    assert len(truth) == len(whole)
    return Books(
        calls=sum(house.fake.calls.values()),
        rows=len(rows),
        outcomes=Counter(row.outcome for row in rows),
        ledger_nano=sum(row.cost_nano for row in whole),
        truth_nano=sum(truth),
        unpriced=sum(row.cost_nano == 0 for row in rows if row.outcome in {"ok", "left", "truncated"}),
        unmarked=sum(row.usage_source != "estimated" for row in rows if row.outcome in {"left", "truncated"}),
    )


def _charged(bill: Bill, entry: dict[str, Any]) -> int:
    """Return what a call costs in nano-USD, reckoned apart from the product: 1 USD a million tokens is 1000 nano-USD a token."""
    price = {name: round(float(entry[name] or entry["input"]) * 10**6) for name in ("input", "output", "cached_input", "cache_write")}
    plain = bill.prompt - bill.cached - bill.written
    pico = (
        plain * price["input"]
        + bill.cached * price["cached_input"]
        + bill.written * price["cache_write"]
        + bill.completion * price["output"]
    )
    return int(pico / 1000 + 0.5)
