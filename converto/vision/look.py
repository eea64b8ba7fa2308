"""What a worker sees on a picture, as it comes back to the server."""

from pydantic import Field

from converto.kernel.interface import Value
from converto.vision.interface import Face, PictureFacts, SeenCode


class LookFor(Value):
    """What a worker is to look for."""

    faces: bool = False
    codes: bool = False
    blur: bool = False
    shown_side_pixels: int = 0
    """How long the longer side of the picture is that a model is shown; 0 means that none is."""
    least_face_confidence: float = 0.9


class Look(Value):
    """What was seen; places are shares of the picture upright."""

    facts: PictureFacts
    faces: tuple[Face, ...] = ()
    codes: tuple[SeenCode, ...] = ()
    shown: str | None = Field(default=None, repr=False)
    """The picture for a model: upright, of sRGB, a JPEG in base64, without anything that its file says beside it, such as the place."""
    blurred: str | None = Field(default=None, repr=False)
    """The whole picture without its faces, a JPEG in base64."""
