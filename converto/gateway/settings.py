"""The settings of the edge: `CONVERTO_GATEWAY_...`."""

from typing import Annotated, Any

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from converto.gateway.origins import origin_of
from converto.kernel.config import ModuleSettings

MIB = 1024 * 1024


class GatewaySettings(ModuleSettings):
    """What the edge takes, and how long it waits."""

    model_config = SettingsConfigDict(env_prefix="CONVERTO_GATEWAY_")

    json_max_bytes: int = Field(default=MIB, ge=1024)
    """The most bytes of a body, unless it is an upload."""
    upload_max_bytes: int = Field(default=21 * MIB, ge=1024)
    """The most bytes of a multipart upload: the largest document, and what is sent around it."""
    internal_max_bytes: int = Field(default=64 * MIB, ge=1024)
    """The most bytes of a call between our own processes."""
    deadline_s: float = Field(default=60.0, gt=0, le=3600)
    """The seconds after which nobody works on a request any more; an event stream lasts as long as its listener."""
    trusted_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """The names that this installation is reached by, with commas; empty means any."""
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """The addresses whose pages may ask from a browser, with commas: https://app.example.com; the own address needs no mention."""
    token_cache_s: float = Field(default=1.0, ge=0, le=5)
    """The seconds for which an access token that was good is taken to be still good: how late a revocation may bite."""
    token_cache_size: int = Field(default=10_000, ge=1)
    """The most access tokens that are remembered so."""
    health_every_s: float = Field(default=5.0, gt=0, le=60)
    """The seconds between two looks at the modules that live elsewhere."""
    secret_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("CONVERTO_GATEWAY_SECRET_KEY", "CONVERTO_AUTH_SECRET_KEY", "JWT_SECRET_KEY")
    )
    """Seals the answers that are kept under an Idempotency-Key, the same in every edge; production insists on 32 characters or more."""
    idempotency_keep_s: float = Field(default=86_400, ge=1, le=7 * 86_400)
    """For so many seconds a request that comes again under its Idempotency-Key is answered as the first time."""
    idempotency_max_bytes: int = Field(default=262_144, ge=1024, le=4 * MIB)
    """The largest answer that is kept so; after a larger one the same request is refused, for it was done."""

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins(cls, given: Any) -> Any:
        return tuple(origin_of(part) for part in given.split(",") if part.strip()) if isinstance(given, str) else given

    @field_validator("trusted_hosts", mode="before")
    @classmethod
    def _with_commas(cls, given: Any) -> Any:
        return tuple(part.strip().lower() for part in given.split(",") if part.strip()) if isinstance(given, str) else given
