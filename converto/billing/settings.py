"""The settings of billing."""

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from converto.kernel.config import Listed, ModuleSettings


class BillingSettings(ModuleSettings):
    """What billing is told from outside."""

    model_config = SettingsConfigDict(env_prefix="CONVERTO_BILLING_")

    default_plan: str = Field(default="", pattern="^(|unlimited|trial|starter|professional|enterprise)$")
    """What every company has: unlimited, a plan's name, or trial, which is CONVERTO_BILLING_TRIAL_DAYS of starter and then what it pays
    for; empty means trial where plans are sold, and else unlimited."""
    trial_days: int = Field(default=14, ge=0, le=365)
    """How long a company may try, on the starter's limits, without a card."""
    grace_days: int = Field(default=14, ge=0, le=90)
    """For so many days after a failed payment everything goes on; then what is there can only be read."""
    stripe_secret_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("CONVERTO_BILLING_STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY")
    )
    """The key of the Stripe account that is paid; without one nothing is sold. `converto fake-stripe` serves one to try with."""
    stripe_webhook_secrets: Listed[SecretStr] = ()
    """What Stripe signs its webhooks with, with commas where it is being changed: POST /billing/webhooks/stripe takes them."""
    stripe_url: str | None = Field(default=None, pattern=r"^https?://[^\s/?#@]+$")
    """Where Stripe is, if not where it always is: http://127.0.0.1:12111 for our own."""
    stripe_timeout_s: float = Field(default=10, gt=0, le=80)
    """The seconds that one request to Stripe may take."""
    stripe_retries: int = Field(default=2, ge=0, le=5)
    """How often such a request is made again, under the same key, so that nothing is done twice."""
    reconcile_every_s: float = Field(default=86_400, ge=60)
    """The seconds between two comparisons of all that we have with what Stripe has."""
    report_usage: bool = False
    """Whether Stripe's meters, named as our features, are told of what is used."""
