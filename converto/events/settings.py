"""The settings of the public events."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from converto.kernel.config import ModuleSettings


class EventsSettings(ModuleSettings):
    """What consumers outside may have."""

    model_config = SettingsConfigDict(env_prefix="CONVERTO_EVENTS_")

    max_groups: int = Field(default=100, ge=1, le=10_000)
    """The most consumer groups of one tenant."""
    group_lease_s: int = Field(default=30, ge=1, le=3600)
    """How long a consumer may keep an event before it goes to another one, where the subscription does not say."""
