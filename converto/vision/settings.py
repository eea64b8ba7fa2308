"""The settings of vision."""

import os

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from converto.kernel.config import ModuleSettings


class VisionSettings(ModuleSettings):
    """What vision is told from outside; which models are asked is set with those."""

    model_config = SettingsConfigDict(env_prefix="CONVERTO_VISION_")

    max_bytes: int = Field(default=20_000_000, ge=1)
    """A larger picture is refused."""
    workers: int = Field(default_factory=lambda: max(1, (os.cpu_count() or 1) // 2), ge=1, le=256)
    """How many pictures are looked at at once in a process; the default is one for two cores, as the reader has its own."""
    look_timeout_s: float = Field(default=30, gt=0)
    """A picture that takes longer fails, and its worker is ended."""
    worker_max_bytes: int = Field(default=2_000_000_000, ge=500_000_000)
    """The most memory that one worker may take; a picture that needs more fails."""
    least_face_confidence: float = Field(default=0.9, gt=0, lt=1)
    """Less sure faces are not told."""
