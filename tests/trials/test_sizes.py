"""What one needs: the figures of docs/operations.md on how to size an installation, by processor time and memory and not by the clock."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis

from bench.measuring.customer import Customer
from bench.measuring.program import Program
from converto.events.redis_streams import RedisStreams
from converto.kernel.clock import new_id, now
from converto.kernel.event import Envelope, stream_of

pytestmark = [pytest.mark.trials, pytest.mark.timeout(3600)]

ROUNDS = 3
EVENTS = 50_000
TOGETHER = 1000
CALLERS = 20
REQUESTS = 200
POOL = 11
"""What CONVERTO_DATABASE_POOL allows by default, and one that listens."""
TENANT = new_id()
ENGINES = ("tesseract", "auto", "rapidocr")


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_scan_costs_and_a_worker_holds(tmp_path: Path, documents: Sequence[Path], engine: str) -> None:
    pictures = [path.read_bytes() for path in documents if path.suffix != ".pdf"]
    with Program(tmp_path, {"CONVERTO_OCR_WORKERS": "1", "CONVERTO_OCR_ENGINE": engine}) as program, Customer(program.url) as customer:
        at_rest = program.own_bytes()
        _read(customer, pictures, 0)
        before_s = program.processor_s()
        for number in range(1, ROUNDS + 1):
            _read(customer, pictures, number)
        cost_s = (program.processor_s() - before_s) / (ROUNDS * len(pictures))
        worker = program.resident_bytes() - program.own_bytes()
        held = program.own_bytes()
    print(f"\n{engine}: {cost_s:.2f} s of a core a scan, {3600 / cost_s:.0f} scans a core and hour")
    print(f"a worker holds {worker / 1e6:.0f} MB; the server {at_rest / 1e6:.0f} MB at rest, {held / 1e6:.0f} MB then")
    assert cost_s > 0


async def test_what_events_take_in_redis(redis_url: str) -> None:
    backend = RedisStreams(redis_url)
    async with Redis.from_url(redis_url) as server:
        before = (await server.info("memory"))["used_memory"]
        for _ in range(0, EVENTS, TOGETHER):
            await backend.send([_event() for _ in range(TOGETHER)])
        taken = (await server.info("memory"))["used_memory"] - before
        kept = await server.xlen(stream_of("trial"))
    await backend._connection.close()

    size = len(_event().model_dump_json())
    print(f"\nan event of {size} bytes takes {taken / kept:.0f} bytes in Redis: {taken / kept / 1000:.2f} GB a million")
    assert kept == EVENTS


async def test_what_a_process_takes_of_postgresql(tmp_path: Path, postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
    ours = await _connections(connection)
    with Program(tmp_path, {"CONVERTO_DATABASE_URL": postgres_url, "CONVERTO_OCR_ENGINE": "tesseract"}) as program:
        at_rest = await _connections(connection) - ours
        most = [at_rest]
        with Customer(program.url) as customer, ThreadPoolExecutor(CALLERS) as callers:
            for _ in range(ROUNDS):
                asking = [callers.submit(customer.asked, "/ocr/scans?limit=5") for _ in range(REQUESTS)]
                while not all(one.done() for one in asking):
                    most.append(await _connections(connection) - ours)
    await connection.close()

    print(f"\na process of every module takes {at_rest} connections at rest, {max(most)} at most while {CALLERS} ask at once")
    assert max(most) <= POOL


async def _connections(connection: "asyncpg.Connection") -> int:
    return int(await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"))


def _event() -> Envelope:
    told = {
        "scan_id": str(new_id()),
        "status": "completed",
        "pages": 1,
        "vendor": "Tuulikin Lähikauppa Oy",
        "total": "28.63",
        "currency": "EUR",
    }
    return Envelope.model_construct(
        id=new_id(),
        type="trial.told",
        source="trial",
        tenant_id=TENANT,
        time=now(),
        trace_parent="00-" + "1" * 32 + "-" + "2" * 16 + "-01",
        subject=str(new_id()),
        data=told,
    )


def _read(customer: Customer, pictures: Sequence[bytes], number: int) -> None:
    sent = [customer.upload("receipt.png", picture + b"%d" % number).raise_for_status().json()["id"] for picture in pictures]
    assert {customer.finished(scan_id)["status"] for scan_id in sent} == {"completed"}
