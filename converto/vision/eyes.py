"""Whoever looks at pictures, as the service uses it: pictures are decoded in worker processes alone."""

from typing import Self
from uuid import UUID

from converto.kernel.workers import Trade, Workers
from converto.vision.kinds import kind_of
from converto.vision.look import Look, LookFor
from converto.vision.refusals import LookingStopped, TookTooLong
from converto.vision.settings import VisionSettings

LOOKING = Trade("converto.vision.worker", LookingStopped, lambda seconds: TookTooLong(timeout_s=seconds))


class Eyes:
    """Looks at pictures in worker processes, at most `settings.workers` at once."""

    def __init__(self, settings: VisionSettings) -> None:
        self._settings = settings
        self._workers = Workers(
            LOOKING, size=settings.workers, timeout_s=settings.look_timeout_s, max_memory_bytes=settings.worker_max_bytes
        )

    async def __aenter__(self) -> Self:
        await self._workers.__aenter__()
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._workers.__aexit__(*failure)

    def check(self, picture: bytes) -> None:
        """Refuse by its first bytes what is no picture. Raises EmptyPicture, PictureTooLarge, UnsupportedPicture."""
        kind_of(picture, max_bytes=self._settings.max_bytes)

    async def look(self, picture: bytes, wanted: LookFor, *, company: UUID) -> Look:
        """Return what is on a picture, when it is its company's turn. Raises what `refusals` lists."""
        wanted = wanted.model_copy(update={"least_face_confidence": self._settings.least_face_confidence})
        job = {"call": "look", "wanted": wanted.model_dump(mode="json")}
        return Look.model_validate_json(await self._workers.ask(picture, job, company=company))
