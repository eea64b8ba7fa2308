import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from subprocess import PIPE
from urllib.parse import urlsplit

import asyncpg
import pytest
from redis.asyncio import Redis as RedisClient
from redis.asyncio.cluster import RedisCluster

from tests.servers import Redis

ROOT = Path(__file__).parent.parent
OWNER = """
import sys
from tests.servers import Servers, ask
servers = Servers()
servers.open()
print(ask("postgres"), ask("redis"), flush=True)
sys.stdin.read()
"""


async def test_a_test_gets_an_empty_postgres_database_whose_owner_is_no_superuser(empty_postgres_url: str) -> None:
    connection = await asyncpg.connect(empty_postgres_url.replace("+asyncpg", ""))
    tables = await connection.fetch("SELECT * FROM pg_tables WHERE schemaname = 'public'")
    superuser = await connection.fetchval("SELECT usesuper FROM pg_user WHERE usename = current_user")
    await connection.execute("CREATE SCHEMA ocr CREATE TABLE scans (id int)")
    await connection.close()
    assert (tables, superuser) == ([], False)


@pytest.mark.parametrize("round_", [1, 2])
async def test_a_test_gets_an_empty_redis_database(redis_url: str, round_: int) -> None:
    async with RedisClient.from_url(redis_url) as redis:
        assert await redis.dbsize() == 0
        await redis.set("left by", round_)


@pytest.mark.parametrize("round_", [1, 2])
async def test_a_test_gets_an_empty_cluster_whose_nodes_share_the_slots(cluster_url: str, round_: int) -> None:
    async with RedisCluster.from_url(cluster_url) as redis:
        keys = [f"key {number}" for number in range(10)]
        assert [await redis.get(key) for key in keys] == [None] * 10
        for key in keys:
            await redis.set(key, round_)
        assert len({redis.get_node_from_key(key) for key in keys}) == 3


async def test_a_redis_of_ones_own_can_be_stopped_and_started(own_redis: Redis) -> None:
    own_redis.stop()
    own_redis.start()
    async with RedisClient.from_url(own_redis.url) as redis:
        assert await redis.ping()


def test_a_test_of_both_databases_runs_twice(database_url: str | None) -> None:
    assert database_url is None or database_url.startswith("postgresql+asyncpg://")


@pytest.mark.trials
def test_the_servers_end_with_a_test_run_that_is_killed() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # PostgreSQL, which leaves root, has to pass through
        surroundings = {**os.environ, "TMPDIR": folder}
        with subprocess.Popen([sys.executable, "-c", OWNER], cwd=ROOT, env=surroundings, stdin=PIPE, stdout=PIPE, text=True) as owner:
            assert owner.stdout is not None
            ports = [urlsplit(url).port for url in owner.stdout.readline().split()]
            were_open = [_is_open(port) for port in ports]
            owner.kill()
        deadline = time.monotonic() + 10
        while any(_is_open(port) for port in ports) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert were_open == [True, True]
        assert [_is_open(port) for port in ports] == [False, False]


def _is_open(port: int | None) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
