"""What every test may ask for: an empty data folder, a fresh database, a fresh Redis."""

import contextlib
import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import structlog

from tests.servers import Redis, Servers, ask

SERVERS = pytest.StashKey[Servers]()
PROVIDER_KEYS = {f"{name}_API_KEY" for name in ("ANTHROPIC", "GEMINI", "GOOGLE", "AZURE", "AZURE_OPENAI", "OPENROUTER")} | {
    "OLLAMA_BASE_URL",
    "VLLM_BASE_URL",
}
OTHER_NAMES = {"ENVIRONMENT", "JWT_SECRET_KEY", "OPENAI_API_KEY", "STRIPE_SECRET_KEY", *PROVIDER_KEYS, "REDIS_HOST", "REDIS_PORT"} | {
    f"POSTGRES_{part}" for part in ("HOST", "PORT", "USER", "PASSWORD", "DB")
}
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    # what the developer has set for a server of their own is not what the tests are about, and must not be what they write to
    for name in [
        name for name in os.environ if (name.startswith("CONVERTO_") and not name.startswith("CONVERTO_TRIAL_")) or name in OTHER_NAMES
    ]:
        del os.environ[name]
    os.environ["CONVERTO_OCR_ENGINE"] = "tesseract"  # the accurate engine costs seconds: what is about it asks for it
    os.environ["CONVERTO_AUTH_HASH_QUEUE_TIMEOUT_S"] = "30"  # how busy the machine is, is not what the tests are about
    # what structlog does unasked is to draw every local variable beside a traceback, which takes half a second
    processors = structlog.processors
    structlog.configure(processors=[processors.add_log_level, processors.format_exc_info, processors.KeyValueRenderer()])
    if not hasattr(config, "workerinput"):
        config.stash[SERVERS] = Servers()
        config.stash[SERVERS].open()


def pytest_collection_finish() -> None:
    # what is loaded by now stays: to look it through for garbage, again and again, takes a tenth of the whole run
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_unconfigure(config: pytest.Config) -> None:
    if SERVERS in config.stash:
        config.stash[SERVERS].close()


@pytest.fixture(scope="session", autouse=True)
def _away_from_the_developers_own_env_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with contextlib.chdir(tmp_path_factory.mktemp("elsewhere")):
        yield


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Run asynchronous tests on the event loop that the server runs on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Return an empty data folder."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """Return the URL of a PostgreSQL database, gone after the test; nothing is in it, but every shipped module at its newest revision."""
    url = ask("postgres")
    yield url
    ask("drop", url.rpartition("/")[2])


@pytest.fixture
def empty_postgres_url() -> Iterator[str]:
    """Return the URL of a PostgreSQL database with nothing at all in it, gone after the test."""
    url = ask("empty postgres")
    yield url
    ask("drop", url.rpartition("/")[2])


@pytest.fixture
def redis_url() -> str:
    """Return the URL of an empty Redis database. Publish and subscribe know no databases: name channels apart."""
    return ask("redis")


@pytest.fixture
def cluster_url() -> Iterator[str]:
    """Return the URL of an empty Redis cluster, which no other test uses meanwhile."""
    url = ask("cluster")
    yield url
    ask("cluster back", url)


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """Return a Redis that the test may stop and start again."""
    with Redis() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """Return None, which means files in the data folder, or the URL of a PostgreSQL database: the test runs on both."""
    if request.param == "sqlite":
        return None
    return str(request.getfixturevalue("postgres_url"))
