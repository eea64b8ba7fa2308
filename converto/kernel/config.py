"""Settings: `CONVERTO_...` in the environment or in a file `.env`, typed and bounded."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

T = TypeVar("T")


def _parts(given: Any) -> Any:
    return tuple(part.strip() for part in given.split(",") if part.strip()) if isinstance(given, str) else given


Listed = Annotated[tuple[T, ...], NoDecode, BeforeValidator(_parts)]
"""Several with commas."""


class CannotStart(Exception):
    """The settings do not make a working program; the message is one sentence that says what to set."""


class Environment(StrEnum):
    """Where this runs: `production` refuses what is only good enough for trying out."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


SECRETS_DIR = "CONVERTO_SECRETS_DIR"
"""The environment variable that names the folder of secrets."""


class FromOutside(BaseSettings):
    """Settings that are read from the environment, a file `.env` and a folder of secrets, in this order, and then stay.

    A secret is a file by the name of the setting, as Docker and Kubernetes put it into /run/secrets. What is there but empty is not set.
    """

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - it would warn of a folder that is not there
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add the folder of secrets, where there is one."""
        folder = Path(os.environ.get(SECRETS_DIR) or "/run/secrets")
        files = (SecretsSettingsSource(settings_cls, secrets_dir=folder),) if folder.is_dir() else ()
        return (init_settings, env_settings, dotenv_settings, *files)


class ModuleSettings(FromOutside):
    """The settings of one module; a subclass names its prefix, `CONVERTO_OCR_`. What stands here every module has, wherever it lives."""

    rate_limit: int | None = Field(default=None, ge=1)
    """The requests a minute that one principal may send to this module, beside what its plan allows; empty means as many as that."""
    timeout_s: float | None = Field(default=None, gt=0, le=3600)
    """The seconds that a request to this module, or a call of it, may take; empty means what the edge and the operation say."""
    health_every_s: float | None = Field(default=None, gt=0, le=300)
    """The seconds between two looks at this module where it lives elsewhere; empty means CONVERTO_GATEWAY_HEALTH_EVERY_S."""
    log_level: Annotated[str | None, Field(pattern="^(debug|info|warning|error)$")] = None
    """debug, info, warning or error: from where on this module, and what is asked of it, is told of; empty means CONVERTO_LOG_LEVEL."""

    @classmethod
    def of(cls, module: str) -> "ModuleSettings":
        """Return what a module is told as every module is, also where it lives elsewhere and its own settings are not known."""
        return ModuleSettings(_env_prefix=f"CONVERTO_{module.upper()}_")


class _OtherNames(BaseSettings):
    """The names that deployments of this kind often use, in the same places as our own."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    environment: str = ""
    redis_host: str = ""
    redis_port: str = "6379"
    postgres_host: str = ""
    postgres_port: str = "5432"
    postgres_user: str = "postgres"
    postgres_password: SecretStr = SecretStr("")
    postgres_db: str = "converto"


class Settings(FromOutside):
    """What the whole program is told from outside."""

    model_config = SettingsConfigDict(env_prefix="CONVERTO_", env_nested_delimiter="__")

    environment: Environment = Field(default=Environment.DEVELOPMENT)
    """development, test or production."""
    data_dir: Path = Path("data")
    """The folder that holds everything on the embedded default: databases and documents."""
    database_url: SecretStr | None = None
    """A PostgreSQL to use instead of the SQLite files: postgresql://user:password@host/name."""
    database_owner_url: SecretStr | None = None
    """Who migrates, where CONVERTO_DATABASE_URL is a user that owns no table; the same database."""
    database_pool: int = Field(default=10, ge=1, le=200)
    """The most connections that one process opens to PostgreSQL."""
    blobs_url: str | None = None
    """Where documents lie instead of the data folder: s3://bucket/prefix (keys and endpoint by AWS_... variables)."""
    events: str = "memory"
    """How events travel: memory (in this process), or redis://host:6379/0."""
    events_lease_s: float = Field(default=15, ge=1, le=600)
    """Within so many seconds and one, the job of a process that has died is given to another."""
    events_keep_days: int = Field(default=7, ge=1, le=365)
    """How long events are kept after they have gone out: by then a copy is known, and what Redis has lost can be sent again."""
    modules: Listed[str] = ()
    """The modules that live in this process, with commas; empty means all of them."""
    remote: dict[str, str] = Field(default_factory=dict)
    """Where a module lives that is not here: CONVERTO_REMOTE__OCR=http://ocr:8002 (several with commas, or a name of several addresses).
    What CONVERTO_MODULES names is here all the same, so that all processes may have these in common."""
    discovery_every_s: float = Field(default=5.0, gt=0, le=300)
    """The seconds between two looks at which addresses the names of CONVERTO_REMOTE__... have."""
    rpc_secrets: Listed[SecretStr] = ()
    """The secrets that sign calls between our processes, with commas: the first signs, all are accepted."""
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    """debug, info, warning or error."""
    log_format: str = Field(default="auto", pattern="^(auto|json|text)$")
    """json (one line a fact), text (for eyes), or auto: text on a terminal, json elsewhere."""
    public_url: str = Field(default="http://127.0.0.1:8000", pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$", max_length=300)
    """Where people reach this installation: links in letters begin with it, whatever name a request was sent to."""
    stop_delay_s: float = Field(default=0, ge=0, le=300)
    """The seconds for which a process that is told to stop serves on, while `/health/ready` says no: as long as what shares requests out
    among gateways needs to see that, so that none is sent to a process that is gone."""
    mail_url: SecretStr | None = None
    """What takes letters: smtp://user:password@host:587 (STARTTLS), smtps://..., smtp+plain://host, or folder:/a/path; unless set, they lie
    as .eml files in the data folder."""
    mail_from: str = Field(default="Converto <converto@localhost>", min_length=3, max_length=300, pattern=r"^[^\r\n]+$")
    """Whom letters are from."""
    metrics_token: SecretStr | None = None
    """What `GET /metrics` asks for as a bearer token; in production it is closed without one."""

    otlp_endpoint: str | None = Field(default=None, pattern=r"^https?://[^\s?#@]+$", max_length=300)
    """The OpenTelemetry collector that traces are sent to, by OTLP over HTTP: http://collector:4318; empty means that none are."""
    otlp_headers: SecretStr | None = None
    """What goes with each batch of traces, such as a key: name=value, several with commas."""
    otlp_share: float = Field(default=1.0, ge=0, le=1)
    """The share of the traces beginning here that are collected; one that begins at a caller is, if the caller says so."""

    @model_validator(mode="before")
    @classmethod
    def _other_names(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Take the names that deployments of this kind often use, where our own are not set."""
        found = _OtherNames()
        others: dict[str, Any] = {}
        if found.environment:
            others["environment"] = found.environment
        if found.redis_host:
            others["events"] = f"redis://{found.redis_host}:{found.redis_port}/0"
        if found.postgres_host:
            password = found.postgres_password.get_secret_value()
            who = f"{quote(found.postgres_user, safe='')}:{quote(password, safe='')}"
            others["database_url"] = f"postgresql://{who}@{found.postgres_host}:{found.postgres_port}/{found.postgres_db}"
        return {**others, **given}
