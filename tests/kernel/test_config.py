import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import make_url

from converto.kernel.config import Environment, Settings

ALIASES = ("ENVIRONMENT", "REDIS_HOST", "REDIS_PORT", "POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run in an empty folder, with none of our settings set."""
    for name in [name for name in os.environ if name.startswith("CONVERTO_") or name in ALIASES]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def settings_with(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_without_any_setting_everything_lives_here_in_a_folder() -> None:
    settings = Settings()
    assert (settings.environment, settings.data_dir, settings.events, settings.database_url) == (
        Environment.DEVELOPMENT,
        Path("data"),
        "memory",
        None,
    )
    assert (settings.modules, settings.remote, settings.rpc_secrets) == ((), {}, ())


def test_what_is_there_but_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_with(monkeypatch, CONVERTO_DATABASE_URL="", CONVERTO_EVENTS_LEASE_S="", CONVERTO_MAIL_URL="")

    assert (settings.database_url, settings.events_lease_s, settings.mail_url) == (None, 15, None)


@pytest.mark.parametrize("name", ["converto_metrics_token", "CONVERTO_METRICS_TOKEN"])
def test_a_secret_may_be_a_file_by_the_name_of_the_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("from a file\n")
    monkeypatch.setenv("CONVERTO_SECRETS_DIR", str(tmp_path))

    token = Settings().metrics_token

    assert token is not None
    assert token.get_secret_value() == "from a file"


def test_the_environment_wins_over_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "converto_log_level").write_text("debug")
    monkeypatch.setenv("CONVERTO_SECRETS_DIR", str(tmp_path))

    assert settings_with(monkeypatch, CONVERTO_LOG_LEVEL="error").log_level == "error"


def test_a_redis_by_its_host_carries_the_events(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_with(monkeypatch, REDIS_HOST="redis").events == "redis://redis:6379/0"
    assert settings_with(monkeypatch, REDIS_PORT="6380").events == "redis://redis:6380/0"


def test_a_postgres_by_its_host_is_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    url = settings_with(monkeypatch, POSTGRES_HOST="db", POSTGRES_PASSWORD="p@ss/w:rd%1").database_url
    assert url is not None
    parts = make_url(url.get_secret_value())
    assert (parts.host, parts.port, parts.username, parts.password, parts.database) == ("db", 5432, "postgres", "p@ss/w:rd%1", "converto")


def test_the_parts_of_a_postgres_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    url = settings_with(monkeypatch, POSTGRES_HOST="db", POSTGRES_PORT="6543", POSTGRES_USER="anna", POSTGRES_DB="books").database_url
    assert url is not None
    assert url.get_secret_value() == "postgresql://anna:@db:6543/books"


@pytest.mark.parametrize(
    ("ours", "theirs", "name", "value"),
    [
        ({"CONVERTO_EVENTS": "memory"}, {"REDIS_HOST": "redis"}, "events", "memory"),
        ({"CONVERTO_ENVIRONMENT": "test"}, {"ENVIRONMENT": "production"}, "environment", Environment.TEST),
    ],
)
def test_our_own_name_comes_before_another_one(
    monkeypatch: pytest.MonkeyPatch, ours: dict[str, str], theirs: dict[str, str], name: str, value: Any
) -> None:
    assert getattr(settings_with(monkeypatch, **ours, **theirs), name) == value


def test_an_empty_other_name_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_with(monkeypatch, REDIS_HOST="", ENVIRONMENT="").events == "memory"


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_with(monkeypatch, CONVERTO_MODULES=" ocr, auth ,", CONVERTO_RPC_SECRETS="new,old")
    assert settings.modules == ("ocr", "auth")
    assert [secret.get_secret_value() for secret in settings.rpc_secrets] == ["new", "old"]


def test_where_a_module_lives_is_written_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_with(monkeypatch, CONVERTO_REMOTE__OCR="http://ocr:8002").remote == {"ocr": "http://ocr:8002"}


def test_settings_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CONVERTO_MODULES=ocr\nREDIS_HOST=redis\nPOSTGRES_HOST=db\nOTHER=1\n")
    settings = Settings()
    assert (settings.modules, settings.events, settings.database_url is not None) == (("ocr",), "redis://redis:6379/0", True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONVERTO_DATABASE_POOL", "0"),
        ("CONVERTO_DATABASE_POOL", "201"),
        ("CONVERTO_DATABASE_POOL", "many"),
        ("CONVERTO_LOG_LEVEL", "loud"),
        ("CONVERTO_LOG_FORMAT", "xml"),
        ("CONVERTO_ENVIRONMENT", "holiday"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings_with(monkeypatch, **{name: value})
    (wrong,) = caught.value.errors()
    assert wrong["loc"] == (name.removeprefix("CONVERTO_").lower(),)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = repr(settings_with(monkeypatch, CONVERTO_RPC_SECRETS="hunter2", CONVERTO_DATABASE_URL="postgresql://a:hunter2@db/c"))
    assert "hunter2" not in shown
