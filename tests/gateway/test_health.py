import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
from pydantic import SecretStr

import converto
from converto.gateway.health import ModuleStatus, together
from converto.kernel.config import Environment, Settings
from tests.gateway.conftest import client_of, listening, running, settings_in

OPERATOR = "a token of the operators, long enough"
Start = Callable[[Settings], Any]


async def test_a_whole_process_is_ok(http: httpx2.AsyncClient) -> None:
    health = (await http.get("/health")).json()
    assert health["status"] == "ok"
    assert health["modules"] == {name: {"where": "here", "status": "ok"} for name in ("auth", "gateway", "things")}
    assert health["version"]


async def test_a_process_that_runs_is_live_and_ready(http: httpx2.AsyncClient) -> None:
    answers = [await http.get(path) for path in ("/health/live", "/health/ready")]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"status": "ok"})] * 2


async def test_a_process_that_has_not_started_is_live_but_not_ready(data_dir: Path) -> None:
    async with running(settings_in(data_dir)) as app, client_of(app) as http:
        app.state.runtime.interfaces.clear()
        live, ready = await http.get("/health/live"), await http.get("/health/ready")
    assert (live.status_code, ready.status_code, ready.json()["code"]) == (200, 503, "gateway.not_ready")
    assert ready.json()["reasons"] == ["it has not started"]


async def test_a_process_without_its_database_is_not_ready(data_dir: Path, postgres_url: str) -> None:
    async with running(settings_in(data_dir, database_url=SecretStr(postgres_url))) as app, client_of(app) as http:
        before = await http.get("/health/ready")
        await close(postgres_url)
        after = await http.get("/health/ready")
    assert (before.status_code, after.status_code) == (200, 503)
    assert "the database of gateway does not answer" in after.json()["reasons"]  # the loops that move events may have noticed too


async def close(postgres_url: str) -> None:
    """Have a database take no connections any more, and end those it has."""
    name = postgres_url.rpartition("/")[2]
    connection = await asyncpg.connect(postgres_url.replace("+asyncpg", "").replace("//converto@", "//postgres@").replace(name, "postgres"))
    await connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
    await connection.close()


async def test_only_the_edge_tells_of_all_modules(data_dir: Path, start: Start) -> None:
    http = await start(settings_in(data_dir, modules=("things",)))
    answers = {
        path: (await http.get(path)).status_code for path in ("/health", "/things/7", "/metrics", "/docs", "/stats", "/services/health")
    }
    assert answers == {"/health": 200, "/things/7": 200, "/metrics": 200, "/docs": 200, "/stats": 404, "/services/health": 404}


@pytest.fixture
async def apart(
    data_dir: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[httpx2.AsyncClient, Callable[[], Any]]]:
    """Return a client of an edge whose things live elsewhere, and what ends the one of their two replicas that lives."""
    monkeypatch.setenv("CONVERTO_GATEWAY_HEALTH_EVERY_S", "0.05")
    async with running(settings_in(data_dir / "things", modules=("things",))) as things:
        server = listening(things)
        port = await server.__aenter__()
        urls = f"http://127.0.0.1:{port},http://127.0.0.1:1"
        settings = settings_in(
            data_dir / "edge",
            modules=("gateway", "auth"),
            remote={"things": urls},
            rpc_secrets=(SecretStr("a secret between processes, long enough"),),
            events=redis_url,
        )
        ended = False

        async def end() -> None:
            nonlocal ended
            ended = True
            await server.__aexit__(None, None, None)

        async with running(settings) as app, client_of(app) as http:
            yield http, end
        if not ended:
            await end()


async def until(http: httpx2.AsyncClient, path: str, wanted: Callable[[Any], bool]) -> Any:
    async with asyncio.timeout(10):
        while not wanted(seen := (await http.get(path)).json()):  # noqa: ASYNC110 - what is waited for is what the route answers
            await asyncio.sleep(0.02)
    return seen


async def test_each_replica_of_a_module_elsewhere_is_told_of(apart: tuple[httpx2.AsyncClient, Any]) -> None:
    http, _ = apart
    services = await until(http, "/services/health", lambda seen: seen["things"]["replicas"][1]["breaker"] == "open")
    alive, dead = services["things"]["replicas"]
    assert (services["things"]["where"], services["things"]["status"]) == ("elsewhere", "degraded")
    assert (alive["status"], alive["breaker"], alive["latency_ms"] > 0, alive["last_seen"] is not None) == ("ok", "closed", True, True)
    assert (dead["status"], dead["latency_ms"], dead["last_seen"]) == ("down", None, None)
    assert (alive["version"], alive["problem"]) == (converto.__version__, None)
    assert (dead["version"], dead["problem"]) == (None, "no connection can be made")
    assert (await http.get("/stats")).json()["breakers"]["things"][dead["url"]] == "open"


async def test_a_module_whose_replicas_are_all_gone_degrades_the_edge_which_stays_ready(apart: tuple[httpx2.AsyncClient, Any]) -> None:
    http, end = apart
    await until(http, "/health", lambda seen: seen["modules"]["things"]["status"] == "degraded")
    await end()
    health = await until(http, "/health", lambda seen: seen["modules"]["things"]["status"] == "down")
    assert health["status"] == "degraded"
    assert (await http.get("/health/ready")).status_code == 200


def test_a_module_of_which_nothing_is_known_is_not_called_down() -> None:
    unknown, ok, down = ModuleStatus.UNKNOWN, ModuleStatus.OK, ModuleStatus.DOWN
    assert [together(found) for found in ([unknown, unknown], [ok, ok], [ok, down], [down, unknown], [ok, unknown])] == [
        unknown, ok, ModuleStatus.DEGRADED, down, ModuleStatus.DEGRADED,
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["/metrics", "/stats", "/services/health"])
async def test_in_production_the_figures_are_for_operators(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, start: Start, path: str
) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "s" * 40)
    http = await start(settings_in(data_dir, environment=Environment.PRODUCTION, metrics_token=SecretStr(OPERATOR)))
    tokens = {"": 401, "Bearer x": 401, "Bearer ä": 401, f"Basic {OPERATOR}": 401, f"Bearer {OPERATOR}": 200}
    got = {token: (await http.get(path, headers=[(b"authorization", token.encode())])).status_code for token in tokens}
    assert got == tokens


async def test_in_production_without_a_token_the_figures_are_closed(data_dir: Path, monkeypatch: pytest.MonkeyPatch, start: Start) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", "s" * 40)
    http = await start(settings_in(data_dir, environment=Environment.PRODUCTION))
    assert [(await http.get(path)).status_code for path in ("/metrics", "/stats", "/services/health", "/health")] == [404, 404, 404, 200]
