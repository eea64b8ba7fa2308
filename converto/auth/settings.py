"""What the keeper of people and companies is told from outside: `CONVERTO_AUTH_...`."""

from datetime import timedelta

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from converto.kernel.config import ModuleSettings


class AuthSettings(ModuleSettings):
    """The settings of auth."""

    model_config = SettingsConfigDict(env_prefix="CONVERTO_AUTH_")

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
    """The most passwords that are checked at once; never more than there are cores, which is the default."""
    hash_queue: int = Field(default=64, ge=0)
    """The most sign-ins that wait for a free thread; those beyond it are told to come back."""
    hash_queue_timeout_s: float = Field(default=2.0, gt=0, le=30)
    """How long a sign-in waits for a free thread before it is told to come back."""
    free_failures: int = Field(default=5, ge=1, le=100)
    """How many wrong passwords in a row cost nothing; each further one doubles the wait, from one second on."""
    longest_wait_s: int = Field(default=900, ge=1, le=86_400)
    """The longest wait after a wrong password; nobody is locked out for ever."""

    @property
    def session_idle(self) -> timedelta:
        """How long a session may rest."""
        return timedelta(days=self.session_idle_days)

    @property
    def session_max(self) -> timedelta:
        """How long a session may last."""
        return timedelta(days=self.session_max_days)
