"""What the keeper of people and companies is told from outside: `CONVERTO_AUTH_...`."""

from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, StringConstraints
from pydantic_settings import SettingsConfigDict

from converto.kernel.config import Listed, ModuleSettings

ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]


class OidcProvider(BaseModel):
    """Another service that people may sign in by: `CONVERTO_AUTH_OIDC__GOOGLE__ISSUER` and so on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(pattern=r"^https?://[^\s?#]+$", max_length=255)
    """Exactly as its discovery document and its tokens say it."""
    client_id: str = Field(min_length=1, max_length=255)
    client_secret: SecretStr | None = None
    """None for a client that PKCE alone protects."""
    title: str = Field(default="", max_length=100)
    """What people are shown; the provider's name where it is empty."""
    scopes: str = "openid email profile"
    """What is asked for, with spaces; `openid` is needed."""
    algorithms: tuple[Literal["RS256", "PS256", "ES256", "EdDSA"], ...] = Field(default=("RS256", "PS256", "ES256", "EdDSA"), min_length=1)
    """How its ID tokens may be signed."""


class AuthSettings(ModuleSettings):
    """The settings of auth."""

    model_config = SettingsConfigDict(env_prefix="CONVERTO_AUTH_", env_nested_delimiter="__")

    # the plugin cannot read two names, and a second one is what deployments of this kind often use
    secret_key: SecretStr | None = Field(default=None, validation_alias=AliasChoices("CONVERTO_AUTH_SECRET_KEY", "JWT_SECRET_KEY"))
    """Seals the signing keys at rest, the same in every process; production insists on 32 characters or more, elsewhere one is made."""
    issuer: str = Field(default="converto", min_length=1, max_length=100)
    """Who signs access tokens: the `iss` that is written and asked for."""
    audience: str = Field(default="converto", min_length=1, max_length=100)
    """Whom access tokens are for: the `aud` that is written and asked for."""
    registration_open: bool = True
    """Whether anybody may open an account and a company."""
    session_idle_days: int = Field(default=14, ge=1, le=365)
    """A session that is not refreshed for so long ends."""
    session_max_days: int = Field(default=90, ge=1, le=365)
    """A session ends after so long, however busy it is."""
    session_cache_s: float = Field(default=0.4, ge=0, le=5)
    """How long a session is believed to stand without asking the database: a session ended in another process lives so much longer."""
    refresh_grace_s: float = Field(default=10.0, ge=0, le=60)
    """How long a refresh token that was used gets the same successor again: two tabs, or an answer that was lost."""
    key_max_age_days: int = Field(default=30, ge=1, le=365)
    """The next signing key takes over after so long."""
    hash_threads: int | None = Field(default=None, ge=1)
    """The most passwords that are checked at once, never more than there are cores; by default one less, which leaves one to answer."""
    hash_queue: int = Field(default=64, ge=0)
    """The most sign-ins that wait for a free thread; those beyond it are told to come back."""
    hash_queue_timeout_s: float = Field(default=2.0, gt=0, le=30)
    """How long a sign-in waits for a free thread before it is told to come back."""
    free_failures: int = Field(default=5, ge=1, le=100)
    """How many wrong passwords in a row cost nothing for one account from one network (a /24 or /64), or on one known device; each further
    one doubles the wait, from one second on."""
    free_failures_per_account: int = Field(default=20, ge=1, le=1000)
    """The same for one account from everywhere but its owner's known devices."""
    free_failures_per_network: int = Field(default=50, ge=1, le=10_000)
    """The same for one network and all accounts, within an hour; the longest wait of a network is a minute."""
    free_failures_in_all: int = Field(default=1000, ge=1, le=1_000_000)
    """After so many wrong passwords within an hour, whoever they are from, none is free any more but on known devices."""
    longest_wait_s: int = Field(default=900, ge=1, le=86_400)
    """The longest wait after a wrong password; nobody is locked out for ever."""
    language: Literal["fi", "en"] = "fi"
    """The language of letters to people whose browser names neither: fi or en."""
    tell_new_devices: bool = True
    """Whether people get a letter when somebody signs in to their account on a device that was not seen before."""
    breach_range_url: str | None = Field(default=None, pattern=r"^https?://", max_length=300)
    """Where new passwords are looked up among leaked ones: the address gets the first five hexadecimal digits of the SHA-1 appended, and
    answers `suffix:count` a line. Unless set, nothing is asked."""

    passkey_rp_id: str | None = Field(default=None, min_length=1, max_length=253)
    """The name that passkeys belong to, where it is not that of the public URL but a domain above it: example.fi for app.example.fi."""
    passkey_origins: Listed[str] = ()
    """Where passkeys may be used, with commas, where that is not the public URL alone."""
    oidc: dict[ProviderName, OidcProvider] = Field(default_factory=dict, examples=["GOOGLE__ISSUER"])
    """Who else people may sign in by, each under a name: __ISSUER, __CLIENT_ID, __CLIENT_SECRET, __TITLE, __SCOPES, __ALGORITHMS."""
    oidc_allowed_networks: Listed[IPv4Network | IPv6Network] = ()
    """Networks that providers may live in although they are private, with commas: 10.1.2.0/24,fd00:1::/64."""
    oidc_ca_file: Path | None = None
    """Certificates (PEM) that providers may be signed by, instead of the system's."""
    oidc_timeout_s: float = Field(default=5, gt=0, le=20)
    """A provider that has not answered within so long is unavailable."""

    deletion_grace_days: int = Field(default=30, ge=1, le=90)
    """How long somebody who has asked for their account to be deleted may take that back."""
    audit_keep_days: int = Field(default=1095, ge=30, le=3660)
    """How long entries of the audit logs are kept."""
    sweep_every_s: float = Field(default=3600, gt=0, le=86_400)
    """How often accounts whose time has come are emptied, and old entries of the audit logs removed."""

    @property
    def session_idle(self) -> timedelta:
        """How long a session may rest."""
        return timedelta(days=self.session_idle_days)

    @property
    def session_max(self) -> timedelta:
        """How long a session may last."""
        return timedelta(days=self.session_max_days)
