"""The settings of value added tax."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from converto.kernel.config import Listed, ModuleSettings


class VatSettings(ModuleSettings):
    """What value added tax is told from outside."""

    model_config = SettingsConfigDict(env_prefix="CONVERTO_VAT_")

    secret_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("CONVERTO_VAT_SECRET_KEY", "CONVERTO_AUTH_SECRET_KEY", "JWT_SECRET_KEY")
    )
    """Seals the chains of entries, the same in every process; production insists on 32 characters or more, elsewhere one is made."""
    vies_url: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    """The EU's register of VAT numbers, `https://ec.europa.eu/taxation_customs/vies/rest-api`: it tells /vat/validate whose one is."""
    vies_allowed_networks: Listed[IPv4Network | IPv6Network] = ()
    """Networks where the register may be although they are not public: `10.0.0.0/8`. With one, it may also be asked without TLS."""
    vies_timeout_s: float = Field(default=5, gt=0, le=20)
    """Seconds that an answer of the register is waited for; what it does not say is said to be unknown."""
