"""The reader's settings."""

import os

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from converto.kernel.config import ModuleSettings
from converto.ocr.document import EngineChoice


class OcrSettings(ModuleSettings):
    """What the reader is told from outside."""

    model_config = SettingsConfigDict(env_prefix="CONVERTO_OCR_")

    languages: str = Field(default="fin+eng", pattern=r"^[a-z_]{3,12}(\+[a-z_]{3,12}){0,4}$")
    """The languages that documents are read in where the upload names none, as Tesseract calls them."""
    engine: EngineChoice = EngineChoice.AUTO
    """What reads pictures where the upload does not say: tesseract (fast), rapidocr (accurate, five times as slow), or auto, which asks the
    accurate one where the fast one leaves doubts. Without the extra ocr-accurate auto is tesseract."""
    max_bytes: int = Field(default=20_000_000, ge=1)
    """A larger upload is refused."""
    max_pages: int = Field(default=50, ge=1, le=1000)
    """A document of more pages is refused."""
    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=256)
    """How many documents are read at once in a process; the default is one per core."""
    timeout_s: float = Field(default=300, gt=0)
    """A document that takes longer fails, and its worker is ended."""
    worker_max_bytes: int = Field(default=2_500_000_000, ge=500_000_000)
    """The most memory that one worker may take; a document that needs more fails."""
    batch_max_files: int = Field(default=1000, ge=1, le=10_000)
    """More files at once are refused, in an archive or by themselves."""
    batch_max_bytes: int = Field(default=200_000_000, ge=1)
    """More bytes at once are refused, counted as they are unpacked."""
