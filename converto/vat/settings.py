"""The settings of value added tax."""

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from converto.kernel.config import ModuleSettings


class VatSettings(ModuleSettings):
    """What value added tax is told from outside."""

    model_config = SettingsConfigDict(env_prefix="CONVERTO_VAT_")

    secret_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("CONVERTO_VAT_SECRET_KEY", "CONVERTO_AUTH_SECRET_KEY", "JWT_SECRET_KEY")
    )
    """Seals the chains of entries, the same in every process; production insists on 32 characters or more, elsewhere one is made."""
