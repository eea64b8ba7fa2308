"""What outbound webhooks are told from outside: `CONVERTO_WEBHOOKS_...`."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from converto.kernel.config import Listed, ModuleSettings


class WebhooksSettings(ModuleSettings):
    """The settings of outbound webhooks."""

    model_config = SettingsConfigDict(env_prefix="CONVERTO_WEBHOOKS_")

    secret_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("CONVERTO_WEBHOOKS_SECRET_KEY", "CONVERTO_AUTH_SECRET_KEY", "JWT_SECRET_KEY")
    )
    """Seals the signing secrets at rest, the same in every process; production insists on 32 characters or more, elsewhere one is made."""
    allowed_networks: Listed[IPv4Network | IPv6Network] = ()
    """Networks that deliveries may go to although they are private, with commas: 10.1.2.0/24,fd00:1::/64."""
    ca_file: Path | None = None
    """Certificates (PEM) that endpoints may be signed by, instead of the system's."""
    per_tenant: int = Field(default=20, ge=1, le=1000)
    """The most endpoints that a company may have."""
    max_body_bytes: int = Field(default=262_144, ge=1024, le=10_485_760)
    """The largest body that is posted; a larger event is noted as failed."""
    endpoint_timeout_s: float = Field(default=15, gt=0, le=60)
    """An endpoint that has not answered within so long has failed."""
    at_once: int = Field(default=256, ge=2, le=10_000)
    """The most deliveries that a process has under way, not counting the first of each endpoint."""
    at_once_per_endpoint: int = Field(default=8, ge=1, le=100)
    """The most deliveries that a process has under way to one endpoint; one at a time while it fails."""
    breaker_failures: int = Field(default=5, ge=1, le=100)
    """After so many failures in a row an endpoint is left in peace for a while, and then tried with one delivery."""
    disable_after_days: float = Field(default=5, gt=0, le=365)
    """An endpoint that has taken nothing for so long is disabled."""
    keep_days: float = Field(default=30, gt=0, le=3650)
    """How long deliveries and their attempts are remembered."""

    @property
    def lease_s(self) -> float:
        """How long a delivery belongs to the process that took it: one whose process has died is free again after so long."""
        return 2 * self.endpoint_timeout_s + 2
