"""The settings of the public events."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from converto.kernel.config import ModuleSettings


class EventsSettings(ModuleSettings):
    """What is kept for consumers outside, and for how long."""

    model_config = SettingsConfigDict(env_prefix="CONVERTO_EVENTS_")

    retention_days: int = Field(default=7, ge=1, le=3650)
    """Events are kept so long for consumer groups and live views; what a group has not received by then it will not receive."""
    max_groups: int = Field(default=100, ge=1, le=10_000)
    """The most consumer groups of one tenant."""
    lease_s: int = Field(default=30, ge=1, le=3600)
    """How long a consumer may keep an event before it goes to another one, where the subscription does not say."""
