"""10,000 increments at once, a fifth of them twice, by processes that are killed, on a database that is killed: none lost, none double."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
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
from tests.trials.usage_process import Plan

RUNS = int(os.environ.get("CONVERTO_TRIAL_RUNS", "20"))
INCREMENTS, LIMIT = 10_000, 9_000
PROCESSES = 2
KILLED_DATABASES = 2
STARTS = 50
ROOT = Path(__file__).parents[2]


@dataclass
class Trial:
    """Where it is counted, and what was killed."""

    settings: Settings
    url: str | None
    starter: "subprocess.Popen[str]"
    server: Postgres | None
    chance: random.Random
    killed: int = 0
    killed_databases: int = 0
    answered: int = 0
    seconds: float = 0.0
    refused: int = 0
    tenants: list[UUID] = field(default_factory=list)

    def start(self, plan: Plan) -> int:
        """Start a process, and return its number."""
        assert self.starter.stdin is not None
        assert self.starter.stdout is not None
        self.starter.stdin.write(plan.model_dump_json() + "\n")
        return int(self.starter.stdout.readline())


@contextmanager
def _trial(kind: str, folder: Path) -> Iterator[Trial]:
    with ExitStack() as stack:
        server = stack.enter_context(Postgres(durable=True)) if kind == "postgres" else None
        url = server.create_database("billing") if server is not None else None
        secret = SecretStr(url) if url is not None else None
        settings = Settings(environment=Environment.TEST, data_dir=folder / "data", database_url=secret, modules=("billing",))
        asyncio.run(migrate(settings))
        starter = subprocess.Popen(
            [sys.executable, "-c", "from tests.trials.usage_process import main; main()"],
            cwd=ROOT,
            env={**os.environ, "CONVERTO_BILLING_DEFAULT_PLAN": "starter"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        try:
            yield Trial(settings, url, starter, server, random.Random())  # noqa: S311 - moments, not secrets
        finally:
            os.killpg(starter.pid, signal.SIGKILL)
            starter.communicate()


@pytest.mark.trials
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_is_counted_is_counted_once_and_never_beyond_the_limit(kind: str, tmp_path: Path) -> None:
    with _trial(kind, tmp_path) as trial:
        for number in range(RUNS):
            _run(trial, tmp_path / str(number), kills_database=trial.server is not None and number < KILLED_DATABASES)
        drift = asyncio.run(_drift(trial.settings))
    print(
        f"\n{RUNS} runs on {kind}: {trial.answered} answers, {trial.refused} of them refusals, {trial.killed} processes and "
        f"{trial.killed_databases} databases killed; none lost, none double, no limit passed; {trial.answered / trial.seconds:.0f}/s"
    )
    assert drift == 0
    assert trial.killed >= RUNS


def _run(trial: Trial, folder: Path, *, kills_database: bool) -> None:
    folder.mkdir()
    tenant, chance = new_id(), trial.chance
    asyncio.run(_agree(trial.settings, tenant))
    keys = [f"k{number}" for number in range(INCREMENTS)]
    sent = [*keys, *chance.sample(keys, INCREMENTS // 4)]  # a fifth of all that is sent comes for the second time
    chance.shuffle(sent)
    begun = time.monotonic()
    answered = _asked(trial, folder, tenant, sent=sent, kills_database=kills_database)
    trial.seconds += time.monotonic() - begun
    trial.answered += len(answered)
    used, summed, events = asyncio.run(_counted(trial.settings, tenant))
    counted = {key for outcome, key in answered if outcome == "counted"}
    refused = {key for outcome, key in answered if outcome == "refused"}
    trial.refused += len(refused)
    assert used == summed == events == LIMIT
    # whoever was killed may have had one counted whose answer nobody heard; whatever was answered is there
    assert len(counted) <= LIMIT
    assert len(counted | refused) == INCREMENTS
    assert counted <= asyncio.run(_keys(trial.settings, tenant))
    assert not refused & counted


def _asked(trial: Trial, folder: Path, tenant: UUID, *, sent: list[str], kills_database: bool) -> list[tuple[str, str]]:
    """Have everything counted by processes of which each is killed once, and return every answer."""
    answers: list[tuple[str, str]] = []
    shares = {number: sent[number::PROCESSES] for number in range(PROCESSES)}
    for attempt in range(2):
        running = {}
        for number, left in shares.items():
            files = folder / f"keys-{attempt}-{number}", folder / f"answers-{attempt}-{number}"
            files[0].write_text(" ".join(left))
            files[1].touch()
            plan = Plan(folder=trial.settings.data_dir, url=trial.url, tenant=tenant, keys=files[0], answers=files[1])
            running[number] = (trial.start(plan), files[1])
        if attempt == 0:
            trial.killed += _killed({pid: (file, trial.chance.randrange(200, 2_500)) for pid, file in running.values()})
        if attempt == 1 and kills_database:
            time.sleep(0.5)
            _kill_database(trial)
        for number, (pid, file) in running.items():
            _wait(pid)
            lines = [line.split(" ") for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]
            answers += [(outcome, key.strip()) for outcome, key in lines]
            shares[number] = shares[number][len(lines) :] if attempt == 1 else _without(shares[number], [key for _, key in lines])
    assert not any(shares.values())
    return answers


def _without(keys: list[str], answered: list[str]) -> list[str]:
    """Return what is left of keys, some of which come twice."""
    done: dict[str, int] = {}
    for key in answered:
        done[key.strip()] = done.get(key.strip(), 0) + 1
    left = []
    for key in keys:
        if done.get(key, 0):
            done[key] -= 1
        else:
            left.append(key)
    return left


def _killed(running: dict[int, tuple[Path, int]]) -> int:
    """Kill each process once it has answered so much, in the middle of its work; returns how many had not ended before that."""
    killed = 0
    while running:
        time.sleep(0.002)
        for pid, (file, answers) in list(running.items()):
            is_far = file.stat().st_size >= answers * len("counted k1234\n")
            try:
                os.kill(pid, signal.SIGKILL if is_far else 0)
            except ProcessLookupError:
                del running[pid]
            else:
                if is_far:
                    killed += 1
                    del running[pid]
    return killed


def _wait(pid: int) -> None:
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.005)


def _kill_database(trial: Trial) -> None:
    """Kill a database as a power cut would, and start it again on what it has."""
    assert trial.server is not None
    process = trial.server._process
    assert process is not None
    process.kill()
    process.wait()
    trial.killed_databases += 1
    for _ in range(STARTS):  # as a supervisor would: what is left of it may hold its memory for a moment
        try:
            trial.server.start()
        except RuntimeError:
            time.sleep(0.2)
        else:
            return
    pytest.fail("the database does not start again")


def _databases(settings: Settings) -> Databases:
    return Databases(settings.data_dir, settings.database_url.get_secret_value() if settings.database_url else None, pool_size=2)


async def _agree(settings: Settings, tenant: UUID) -> None:
    databases = _databases(settings)
    values = {"feature": "ocr_scans_per_month", "limit_value": LIMIT, "is_hard": True, "since": now(), "reason": "a trial"}
    async with databases.of("billing").across_tenants.writing() as session:
        await session.execute(insert(OverrideRow).values(tenant_id=tenant, **values))
    await databases.close()


async def _counted(settings: Settings, tenant: UUID) -> tuple[int, int, int]:
    """Return what the counter says, what the events add up to, and how many these are."""
    databases = _databases(settings)
    async with databases.of("billing").across_tenants.reading() as session:
        used = await session.scalar(select(func.sum(CounterRow.used)).where(CounterRow.tenant_id == tenant)) or 0
        summed, events = (
            await session.execute(select(func.sum(UsageRow.quantity), func.count()).where(UsageRow.tenant_id == tenant))
        ).one()
    await databases.close()
    return int(used), int(summed), int(events)


async def _keys(settings: Settings, tenant: UUID) -> set[str]:
    databases = _databases(settings)
    async with databases.of("billing").across_tenants.reading() as session:
        found = await session.scalars(select(UsageRow.key).where(UsageRow.tenant_id == tenant))
        keys = {key.removeprefix("api:") for key in found}
    await databases.close()
    return keys


async def _drift(settings: Settings) -> int:
    databases = _databases(settings)
    async with databases.of("billing").across_tenants.reading() as session:
        drift = len(await Usages(session).drift())
    await databases.close()
    return drift
