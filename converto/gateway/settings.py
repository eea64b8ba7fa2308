"""The settings of the edge: `CONVERTO_GATEWAY_...`."""

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Self

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, StringConstraints, model_validator
from pydantic_settings import SettingsConfigDict

from converto.gateway.origins import origin_of
from converto.gateway.plans import limits
from converto.kernel.config import Listed, ModuleSettings

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
    trusted_hosts: Listed[Annotated[str, StringConstraints(to_lower=True)]] = ()
    """The names that this installation is reached by, with commas; empty means any."""
    cors_origins: Listed[Annotated[str, AfterValidator(origin_of)]] = ()
    """The addresses whose pages may ask from a browser, with commas: https://app.example.com; the own address needs no mention."""
    trusted_proxies: Listed[IPv4Network | IPv6Network] = ()
    """The networks of the proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, with commas: 10.0.0.0/8,::1."""
    processes: int = Field(default=1, ge=1, le=1000)
    """How many processes with the gateway there are: where limits cannot be counted together, each allows its share."""
    rates_url: SecretStr | None = None
    """The Redis in which all processes count together, redis://host:6379/0; by default that of CONVERTO_EVENTS, if it is one."""
    plan_limits: str = "starter=1200,professional=6000,enterprise=60000"
    """The requests a minute that each principal may send, by its company's plan."""
    default_plan: str = "enterprise"
    """The plan of every company, as long as nobody sells plans."""
    address_rate_limit: int = Field(default=120_000, ge=1)
    """The requests a minute that one address may send, signed in or not."""
    sign_in_rate_limit: int = Field(default=6_000, ge=1)
    """The requests a minute by which one address may try to sign in, register, or renew a session."""
    most_waiting: int = Field(default=1_000, ge=1)
    """The most requests that wait at once for something to happen: event streams and long polls."""
    token_cache_s: float = Field(default=0.4, ge=0, le=5)
    """The seconds for which an access token that was good is taken to be still good: how late a revocation may bite."""
    token_cache_size: int = Field(default=10_000, ge=1)
    """The most access tokens that are remembered so."""
    health_every_s: float = Field(default=5.0, gt=0, le=60)
    """The seconds between two looks at the modules that live elsewhere."""
    cache_max_bytes: int = Field(default=32 * MIB, ge=MIB)
    """The memory for answers that may be given again within seconds; those used longest ago make room."""
    secret_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("CONVERTO_GATEWAY_SECRET_KEY", "CONVERTO_AUTH_SECRET_KEY", "JWT_SECRET_KEY")
    )
    """Seals the answers that are kept under an Idempotency-Key, the same in every edge; production insists on 32 characters or more."""
    idempotency_keep_s: float = Field(default=86_400, ge=1, le=7 * 86_400)
    """For so many seconds a request that comes again under its Idempotency-Key is answered as the first time."""
    idempotency_max_bytes: int = Field(default=262_144, ge=1024, le=4 * MIB)
    """The largest answer that is kept so; after a larger one the same request is refused, for it was done."""

    @model_validator(mode="after")
    def _has_the_default_plan(self) -> Self:
        if self.default_plan not in self.limits_by_plan:
            msg = f"CONVERTO_GATEWAY_DEFAULT_PLAN is {self.default_plan}, which CONVERTO_GATEWAY_PLAN_LIMITS does not name"
            raise ValueError(msg)
        return self

    @property
    def limits_by_plan(self) -> Mapping[str, int]:
        """The requests a minute by the name of the plan."""
        return limits(self.plan_limits)
