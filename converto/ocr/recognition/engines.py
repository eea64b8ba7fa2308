"""What reads pictures: one port, and which engines are behind it here."""

from collections.abc import Sequence
from typing import Protocol

from converto.ocr.document import EngineChoice
from converto.ocr.files.pages import Picture
from converto.ocr.recognition import installed, tesseract
from converto.ocr.refusals import EngineMissing
from converto.ocr.words import Line


class Engine(Protocol):
    """Reads one picture of a page."""

    @property
    def name(self) -> str:
        """Give the engine's name, as callers choose it."""
        ...

    @property
    def version(self) -> str:
        """Give the version of what reads."""
        ...

    def read(self, picture: Picture, *, page: int) -> tuple[Line, ...]:
        """Return the lines on a picture; places are in shares of it. Raises ReaderFailed, ReaderMissing."""
        ...


class Tesseract:
    """Tesseract, for certain languages; a page that takes longer than `timeout_s` fails."""

    name = EngineChoice.TESSERACT.value

    def __init__(self, languages: Sequence[str], *, timeout_s: float) -> None:
        self._languages = languages
        self._timeout_s = timeout_s

    @property
    def version(self) -> str:
        """Give the version of Tesseract."""
        return tesseract.reading_version()

    def read(self, picture: Picture, *, page: int) -> tuple[Line, ...]:
        """See `Engine.read`."""
        return tesseract.read_picture(picture, languages=self._languages, page=page, timeout_s=self._timeout_s)


def accurate() -> Engine:
    """Return RapidOCR, whose models are loaded with the first page: seconds and hundreds of megabytes. Raises EngineMissing."""
    if not installed.has_rapidocr():
        raise EngineMissing(engine=EngineChoice.RAPIDOCR.value)
    from converto.ocr.recognition.rapid import RapidOcr  # noqa: PLC0415 - numpy below it is heavy, and not installed everywhere

    return RapidOcr()
