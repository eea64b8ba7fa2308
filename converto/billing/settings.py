"""The settings of billing."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from converto.kernel.config import ModuleSettings


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
