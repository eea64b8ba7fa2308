"""Settings: `CONVERTO_...` in the environment or in a file `.env`, typed and bounded."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Environment(StrEnum):
    """Where this runs: `production` refuses what is only good enough for trying out."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class ModuleSettings(BaseSettings):
    """The settings of one module; a subclass names its prefix, `CONVERTO_OCR_`."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, use_attribute_docstrings=True)


class Settings(ModuleSettings):
    """What the whole program is told from outside."""

    model_config = SettingsConfigDict(env_prefix="CONVERTO_", env_nested_delimiter="__")

    environment: Environment = Field(default=Environment.DEVELOPMENT)
    """development, test or production."""
    data_dir: Path = Path("data")
    """The folder that holds everything on the embedded default: databases and documents."""
    database_url: SecretStr | None = None
    """A PostgreSQL to use instead of the SQLite files: postgresql://user:password@host/name."""
    database_pool: int = Field(default=10, ge=1, le=200)
    """The most connections that one process opens to PostgreSQL."""
    blobs_url: str | None = None
    """Where documents lie instead of the data folder: s3://bucket/prefix (keys and endpoint by AWS_... variables)."""
    events: str = "memory"
    """How events travel: memory (in this process), or redis://host:6379/0."""
    modules: Annotated[tuple[str, ...], NoDecode] = ()
    """The modules that live in this process, with commas; empty means all of them."""
    remote: dict[str, str] = Field(default_factory=dict)
    """Where a module lives that is not here: CONVERTO_REMOTE__OCR=http://ocr:8002 (several addresses with commas)."""
    rpc_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """The secrets that sign calls between our processes, with commas: the first signs, all are accepted."""
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    """debug, info, warning or error."""
    log_format: str = Field(default="auto", pattern="^(auto|json|text)$")
    """json (one line a fact), text (for eyes), or auto: text on a terminal, json elsewhere."""
    metrics_token: SecretStr | None = None
    """What `GET /metrics` asks for as a bearer token; in production it is closed without one."""

    @field_validator("modules", "rpc_secrets", mode="before")
    @classmethod
    def _with_commas(cls, given: Any) -> Any:
        return tuple(part.strip() for part in given.split(",") if part.strip()) if isinstance(given, str) else given

    @model_validator(mode="before")
    @classmethod
    def _other_names(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Take the names that deployments of this kind often use, where our own are not set."""
        env = {name.lower(): value for name, value in os.environ.items() if value}
        others: dict[str, Any] = {}
        if "environment" in env:
            others["environment"] = env["environment"]
        if "redis_host" in env:
            others["events"] = f"redis://{env['redis_host']}:{env.get('redis_port', '6379')}/0"
        if "postgres_host" in env:
            who = f"{quote(env.get('postgres_user', 'postgres'), safe='')}:{quote(env.get('postgres_password', ''), safe='')}"
            where = f"{env['postgres_host']}:{env.get('postgres_port', '5432')}/{env.get('postgres_db', 'converto')}"
            others["database_url"] = f"postgresql://{who}@{where}"
        return {**others, **given}
