"""Tesseract within a reading process, through tesserocr: it starts once and keeps its models, where its command begins anew each page."""

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from converto.ocr.files.pages import Picture
from converto.ocr.refusals import ReaderFailed

# Two sets of models: those of the document before, and of this one.
_KEPT_MODELS = 2
_VARIABLES = {"tessedit_do_invert": "0"}


@cache
def version() -> str:
    """Return the version of the Tesseract within tesserocr."""
    import tesserocr  # noqa: PLC0415 - for reading processes alone

    return str(tesserocr.tesseract_version()).split(maxsplit=2)[1]


def table(picture: Picture, *, languages: Sequence[str], tessdata: str, segmentation: int, timeout_s: float) -> str:
    """Return Tesseract's table of the words on a picture. Raises ReaderFailed."""
    try:
        reader = _reader("+".join(languages), tessdata, segmentation)
        reader.SetImageFile(str(picture.path))
        if not reader.Recognize(round(timeout_s * 1000)):
            raise ReaderFailed(reason="it took too long")
        found: str = reader.GetTSVText(0)
        reader.Clear()
    except (RuntimeError, ValueError, OSError, SyntaxError) as error:  # it asks Pillow where it cannot open a file itself
        raise ReaderFailed(reason=type(error).__name__) from error
    return found


def turn(picture: Picture, *, tessdata: str) -> tuple[int, float]:
    """Return by how many degrees, clockwise, a page is to be turned, and how sure that is: from 1 on it is. Raises ReaderFailed."""
    import tesserocr  # noqa: PLC0415 - the same

    try:
        # its model is of 10 MB, and few pages ask for it: it is not kept
        with tesserocr.PyTessBaseAPI(path=tessdata, lang="osd", psm=tesserocr.PSM.OSD_ONLY) as looker:
            looker.SetImageFile(str(picture.path))
            told = looker.DetectOrientationScript()
    except (RuntimeError, ValueError, OSError, SyntaxError) as error:
        raise ReaderFailed(reason=type(error).__name__) from error
    return (-told["orient_deg"] % 360, told["orient_conf"]) if told else (0, 0.0)


@lru_cache(_KEPT_MODELS)
def _reader(languages: str, tessdata: str, segmentation: int) -> Any:
    import tesserocr  # noqa: PLC0415 - the same

    reader = tesserocr.PyTessBaseAPI(path=tessdata, lang=languages, psm=segmentation)
    for name, value in _VARIABLES.items():
        reader.SetVariable(name, value)
    return reader
