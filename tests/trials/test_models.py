"""A budget that many reach for at once, processes and providers that die, memory, and a hundred thousand calls of all kinds."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from converto.ai.catalogue import usd
from converto.ai.conversation import Strategy
from converto.ai.interface import BudgetChange
from converto.ai.refusals import BudgetExceeded
from converto.commands.fake_models import FakeModels
from converto.kernel.money import Ceiling
from tests.ai.house import House, environment, hosted, opened, serving, somebody
from tests.ai.mixed import mixed

pytestmark = [pytest.mark.trials, pytest.mark.timeout(3600)]

CALLS = int(os.environ.get("CONVERTO_TRIAL_CALLS", "100000"))
MEMORY_CALLS = int(os.environ.get("CONVERTO_TRIAL_MEMORY_CALLS", "50000"))
"""And a fifth as many streams."""
MOST_GROWN_MB = 5
COOLDOWN_S = 3.0
OPENS_AFTER = 3
BACK_WITHIN = 20
MODEL = "gpt-4o"
DIES = """
import asyncio, pathlib, sys
from tests.ai.house import House, hosted, question, somebody
async def main():
    async with hosted(pathlib.Path(sys.argv[1])) as (_, service, ai):
        asking = [asyncio.ensure_future(ai.chat(somebody(), question(model_preference="gpt-4o"))) for _ in range(50)]
        while len(service.ledger._held) < 50:
            await asyncio.sleep(0.01)
        print("held", flush=True)
        await asyncio.gather(*asking)
asyncio.run(main())
"""


async def worst(house: House) -> int:
    """Return what a question of these trials is reserved at."""
    actor = somebody()
    house.fake.latency_s = 0.3
    asking = asyncio.create_task(house.ask(actor, model_preference=MODEL, max_tokens=50))
    while not house.fake.calls:  # noqa: ASYNC110 - the call is on its way to another task
        await asyncio.sleep(0.005)
    reserved = (await house.spending(actor)).reserved_nano
    await asking
    return reserved


async def test_of_500_at_once_a_budget_for_10_admits_10(data_dir: Path, database_url: str | None) -> None:
    async with opened(data_dir, database_url) as house:
        one = await worst(house)
        aino = somebody()
        await house.ai.set_budget(aino, BudgetChange(hard=Ceiling(amount=usd(10 * one + one // 2), currency="USD")))
        house.fake.latency_s = 5.0
        house.fake.calls.clear()
        asked = [house.ask(aino, model_preference=MODEL, max_tokens=50) for _ in range(500)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        refused = sum(isinstance(answer, BudgetExceeded) for answer in answers)
        print(f"of 500 at once {house.fake.calls['openai']} were admitted and {refused} refused")
        assert (house.fake.calls["openai"], refused) == (10, 490)


async def test_what_a_killed_process_had_reserved_is_free_after_its_lease(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeModels(latency_s=3600)
    async with serving(fake) as url:
        for name, value in {**environment(url), "CONVERTO_AI_RESERVATION_LEASE_S": "3"}.items():
            monkeypatch.setenv(name, value)
        dying = await asyncio.create_subprocess_exec(sys.executable, "-c", DIES, str(data_dir), stdout=subprocess.PIPE)
        assert dying.stdout is not None
        assert await dying.stdout.readline() == b"held\n"
        dying.send_signal(signal.SIGKILL)
        await dying.wait()
        began = time.monotonic()
        async with hosted(data_dir) as (runtime, service, ai):
            house = House(ai, service, runtime.hosted["ai"].database.across_tenants, fake, runtime)
            assert await house.reservations() == 50
            while await house.reservations():  # noqa: ASYNC110 - the fact is in the database
                await asyncio.sleep(0.1)
            print(f"50 reservations of a killed process were free after {time.monotonic() - began:.1f} s, with a lease of 3 s")
            assert {row.outcome for row in await house.calls()} == {"lost"}
            assert len(await house.calls()) == 50


async def test_a_hundred_thousand_calls_of_all_kinds_are_in_the_ledger_to_the_nano_dollar(data_dir: Path) -> None:
    async with opened(data_dir, CONVERTO_AI_COOLDOWN_S="0.05") as house:
        began = time.monotonic()
        books = await mixed(house, somebody(), CALLS)
        print(f"{CALLS} questions in {time.monotonic() - began:.0f} s: {books}")
        assert books.calls >= CALLS
        assert (books.ledger_nano, books.rows) == (books.truth_nano, books.calls)
        assert (books.unpriced, books.unmarked) == (0, 0)


@pytest.mark.parametrize("strategy", list(Strategy))
async def test_a_provider_that_dies_costs_users_nothing_and_is_back_soon(data_dir: Path, strategy: Strategy) -> None:
    async with opened(data_dir, CONVERTO_AI_COOLDOWN_S=str(COOLDOWN_S)) as house:
        aino = somebody()
        first = (await house.ask(aino, strategy=strategy)).provider
        house.fake.broken[first] = "503"
        house.fake.calls.clear()
        while house.fake.calls[first] < OPENS_AFTER:
            await house.ask(aino, strategy=strategy)
        opened_at, answered = time.monotonic(), 0
        while time.monotonic() < opened_at + 0.8 * COOLDOWN_S:
            answered += (await house.ask(aino, strategy=strategy)).provider != first
        wasted = house.fake.calls[first]
        del house.fake.broken[first]
        await asyncio.sleep(max(0.0, opened_at + COOLDOWN_S - time.monotonic()))
        asked, back = 0, ""
        while back != first and asked < BACK_WITHIN:
            back, asked = (await house.ask(aino, strategy=strategy)).provider, asked + 1
        print(f"{strategy}: {wasted} calls wasted, {answered} answers meanwhile, asked again with question {asked} after the cooldown")
        assert (wasted, back) == (OPENS_AFTER, first)


@pytest.mark.parametrize("streamed", [False, True])
async def test_memory_does_not_grow_with_calls(data_dir: Path, streamed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    count = MEMORY_CALLS // 5 if streamed else MEMORY_CALLS
    async with opened(data_dir) as house:
        aino = somebody()

        async def ask(number: int) -> None:
            for _ in range(number // 16):
                await (house.streamed(aino, model_preference=MODEL) if streamed else house.ask(aino, model_preference=MODEL))

        async def rounds(number: int) -> None:
            for _ in range(number):
                await asyncio.gather(*[ask(count // 10) for _ in range(16)])
                house.fake.bills.clear()  # what the provider of the test keeps is not ours

        await rounds(1)
        before = _resident_bytes()
        await rounds(10)
        grown = (_resident_bytes() - before) / 1_000_000
        print(f"{count} {'streams' if streamed else 'calls'}: {grown:.1f} MB more, the provider of the test in the same process included")
        assert grown <= MOST_GROWN_MB


def _resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
