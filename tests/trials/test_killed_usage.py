"""10,000 increments at once, a fifth of them twice, by processes that are killed, on a database that is killed: none lost, none double."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import func, insert, select

from converto.app import migrate
from converto.billing.models import CounterRow, OverrideRow, UsageRow
from converto.billing.repository import Usages
from converto.kernel.clock import new_id, now
from converto.kernel.config import Environment, Settings
from converto.kernel.database import Databases
from tests.servers import Postgres

RUNS = int(os.environ.get("CONVERTO_TRIAL_RUNS", "20"))
INCREMENTS, LIMIT = 10_000, 9_000
PROCESSES = 2
PROGRAM = Path(__file__).with_name("usage_process.py")


@pytest.mark.trials
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_is_counted_is_counted_once_and_never_beyond_the_limit(kind: str, tmp_path: Path) -> None:
    kills = [0, 0]
    for number in range(RUNS):
        folder = tmp_path / str(number)
        if kind == "sqlite":
            _run(folder, None, kills=kills, chance=random.Random(number))  # noqa: S311 - moments, not secrets
        else:
            with Postgres(durable=True) as server:
                url = server.create_database("billing")
                _run(folder, (server, url), kills=kills, chance=random.Random(number), kills_database=number < 2)  # noqa: S311
    print(f"\n{RUNS} runs on {kind}: {kills[0]} processes and {kills[1]} databases killed; none lost, none double")


def _run(
    folder: Path, served: tuple[Postgres, str] | None, *, kills: list[int], chance: random.Random, kills_database: bool = False
) -> None:
    url = served[1] if served is not None else None
    settings = Settings(environment=Environment.TEST, data_dir=folder, database_url=SecretStr(url) if url else None, modules=("billing",))
    asyncio.run(migrate(settings))
    tenant = new_id()
    asyncio.run(_agree(settings, tenant))
    keys = [f"k{number}" for number in range(INCREMENTS)]
    sent = [*keys, *chance.sample(keys, INCREMENTS // 4)]  # a fifth of all that is sent comes for the second time
    chance.shuffle(sent)
    answered: dict[str, set[str]] = {}
    shares = [sent[at::PROCESSES] for at in range(PROCESSES)]
    workers = [threading.Thread(target=_until_done, args=(folder, url, tenant, share, answered, kills, chance)) for share in shares]
    for worker in workers:
        worker.start()
    if served is not None and kills_database:
        time.sleep(1.5)
        _kill(served[0])
        kills[1] += 1
    for worker in workers:
        worker.join()
    used, summed, events, drift = asyncio.run(_counted(settings, tenant))
    counted = {key for key, outcomes in answered.items() if "counted" in outcomes}
    assert used == summed == events == LIMIT
    assert len(counted) <= LIMIT
    assert not drift


def _until_done(
    folder: Path, url: str | None, tenant: UUID, keys: list[str], answered: dict[str, set[str]], kills: list[int], chance: random.Random
) -> None:
    kills_left = 1
    left = list(keys)
    while left:
        command = [sys.executable, str(PROGRAM), str(folder), url or "-", str(tenant)]
        surroundings = {**os.environ, "CONVERTO_BILLING_DEFAULT_PLAN": "starter"}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=surroundings) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(" ".join(left))
            process.stdin.close()
            dies_after = chance.randrange(200, 2_000) if kills_left else len(left) + 1
            for done, line in enumerate(process.stdout, start=1):
                outcome, _, key = line.strip().partition(" ")
                answered.setdefault(key, set()).add(outcome)
                left.remove(key)
                if done == dies_after:
                    process.send_signal(signal.SIGKILL)
                    kills[0] += 1
                    kills_left -= 1


def _kill(server: Postgres) -> None:
    """Kill a database as a power cut would, and start it again on what it has."""
    process = server._process
    assert process is not None
    process.kill()
    process.wait()
    server.start()


async def _agree(settings: Settings, tenant: UUID) -> None:
    databases = Databases(settings.data_dir, settings.database_url.get_secret_value() if settings.database_url else None, pool_size=2)
    values = {"feature": "ocr_scans_per_month", "limit_value": LIMIT, "is_hard": True, "since": now(), "reason": "a trial"}
    async with databases.of("billing").across_tenants.writing() as session:
        await session.execute(insert(OverrideRow).values(tenant_id=tenant, **values))
    await databases.close()


async def _counted(settings: Settings, tenant: UUID) -> tuple[int, int, int, int]:
    databases = Databases(settings.data_dir, settings.database_url.get_secret_value() if settings.database_url else None, pool_size=2)
    async with databases.of("billing").across_tenants.reading() as session:
        used = await session.scalar(select(func.sum(CounterRow.used)).where(CounterRow.tenant_id == tenant)) or 0
        summed, events = (
            await session.execute(select(func.sum(UsageRow.quantity), func.count()).where(UsageRow.tenant_id == tenant))
        ).one()
        drift = len(await Usages(session).drift())
    await databases.close()
    return int(used), int(summed), int(events), drift
