"""RapidOCR, on the models that ship with it: slower than Tesseract, and right far more often on photos."""

import math
import statistics
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version as installed_version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from converto.ocr.document import EngineChoice
from converto.ocr.files.pages import Picture
from converto.ocr.recognition.latin import LatinWords, latin_places
from converto.ocr.recognition.latin_head import letters_of, with_outputs
from converto.ocr.refusals import EngineMissing, ReaderFailed
from converto.ocr.words import Line, Word, is_noise, lines_by_place

# Lines are looked for on a picture whose longer side has so many pixels, or on a larger one where the letters would be too low there.
_SIDE_PIXELS = 1280
_LEAST_SIDE_PIXELS = 480
_LEAST_LINE_PIXELS = 20.0
_WORTH_ANOTHER_LOOK = 1.1
_MOST_SOUGHT_PIXELS = 3_000_000
_MOST_PIXELS = 12_000_000
_SURE_LINE = 0.5
# A line is written upwards or downwards when it is so much higher than wide, and higher than the others.
_UPRIGHT_RATIO = 1.5
_UPRIGHT_LINES = 2.0
_LONG_LINE_RATIO = 4.0
_LONG_LINES = 3


class RapidOcr:
    """RapidOCR without its classifier of angles; loaded with the first page, and kept for as long as the process lives."""

    name = EngineChoice.RAPIDOCR.value

    @property
    def version(self) -> str:
        """Give the version of RapidOCR."""
        return installed_version("rapidocr")

    def read(self, picture: Picture, *, page: int) -> tuple[Line, ...]:
        """Return the lines on a picture; places are in shares of it. Raises ReaderFailed, EngineMissing, MemoryError."""
        pixels = _pixels(picture)
        try:
            words, slope = _read(_models(), pixels)
        except (EngineMissing, MemoryError):
            raise
        except Exception as error:  # three libraries raise classes of their own
            if "alloc" in str(error):
                raise MemoryError from error
            raise ReaderFailed(reason=type(error).__name__) from error
        return tuple(line for line in lines_by_place(words, page=page, slope=slope) if not is_noise(line.words))


def _pixels(picture: Picture) -> Any:
    """Return a picture as rows of blue, green and red, made smaller where it has more pixels than help."""
    scale = math.sqrt(_MOST_PIXELS / (picture.width * picture.height))
    with Image.open(picture.path) as opened:
        if scale < 1:
            size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
            opened.draft("RGB", size)
            shown = opened.convert("RGB").resize(size, Image.Resampling.BILINEAR)
        else:
            shown = opened.convert("RGB")
        return np.ascontiguousarray(np.asarray(shown)[:, :, ::-1])


@cache
def _models() -> Any:
    """Load the two models, which look for lines and read them, to run on one core each: pages are what runs side by side."""
    import cv2  # noqa: PLC0415 - heavy, and needed with the first page only
    from rapidocr import RapidOCR  # noqa: PLC0415 - the same

    cv2.setNumThreads(1)
    full = Path(_shipped("rec")).read_bytes()
    letters = letters_of(full)
    kept = latin_places(letters)
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        file.write(with_outputs(full, kept, of=len(letters)))
        file.flush()
        rapid: Any = RapidOCR(
            params={
                "Global.log_level": "error",
                "Global.use_cls": False,
                "Global.return_word_box": True,
                "EngineConfig.onnxruntime.intra_op_num_threads": 1,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                # Named, so that nothing is ever fetched from the network.
                "Det.model_path": _shipped("det"),
                "Rec.model_path": file.name,
                # Short lines are not filled up to twice as much: a fifth less time, and equally right.
                "Rec.rec_img_shape": [3, 48, 160],
                "Det.limit_type": "max",
                "Det.limit_side_len": _SIDE_PIXELS,
            }
        )
        blank = np.full((48, 64, 3), 255, dtype=np.uint8)
        rapid(blank)  # both models are loaded when they are needed first
        rapid.recognize_txt([blank])
    rapid.text_rec.postprocess_op = LatinWords([letters[at] for at in kept])
    return rapid


def _shipped(task: str) -> str:
    """Return where a model of the installed package lies. Raises EngineMissing."""
    found = sorted(entry.name for entry in files("rapidocr").joinpath("models").iterdir() if f"_{task}_" in entry.name)
    if not found:
        raise EngineMissing(engine=EngineChoice.RAPIDOCR.value)
    return str(files("rapidocr").joinpath("models", found[-1]))


def _read(rapid: Any, pixels: Any) -> tuple[list[Word], float]:
    """Return the words on a picture, and by how much its lines fall to the right."""
    boxes = _lines(rapid, pixels)
    if not boxes:
        return [], 0.0
    usual = statistics.median(_sides(box)[1] for box in boxes)
    upright = [_stands(box, usual) for box in boxes]
    crops = [_cut_out(pixels, box, stands=stands) for box, stands in zip(boxes, upright, strict=True)]
    read = rapid.recognize_txt(crops)
    height, width = pixels.shape[:2]
    words = []
    for box, stands, score, pieces in zip(boxes, upright, read.scores, read.word_results, strict=True):
        if score >= _SURE_LINE:
            for piece in pieces:
                left, top, right, bottom = _place(box, piece.start, piece.end, stands=stands)
                words.append(
                    Word(piece.text, left / width, top / height, (right - left) / width, (bottom - top) / height, piece.confidence)
                )
    return words, _slope([box for box, stands in zip(boxes, upright, strict=True) if not stands]) * width / height


def _lines(rapid: Any, pixels: Any) -> list[Any]:
    """Return the four corners of each line of text, from the upper left one clockwise."""
    height, width = pixels.shape[:2]
    most = min(1.0, math.sqrt(_MOST_SOUGHT_PIXELS / (height * width)))
    scale = min(most, max(_SIDE_PIXELS / max(height, width), _LEAST_SIDE_PIXELS / min(height, width)))
    boxes = _sought(rapid, pixels, scale)
    low = statistics.median(_sides(box)[1] for box in boxes) * scale if boxes else _LEAST_LINE_PIXELS / 2
    wanted = min(most, scale * _LEAST_LINE_PIXELS / low)
    return _sought(rapid, pixels, wanted) if wanted > scale * _WORTH_ANOTHER_LOOK else boxes


def _sought(rapid: Any, pixels: Any, scale: float) -> list[Any]:
    rapid.text_det.limit_side_len = round(max(pixels.shape[:2]) * scale)
    boxes = rapid.text_det(pixels).boxes
    return [] if boxes is None else list(boxes)


def _slope(boxes: Sequence[Any]) -> float:
    """Return by how much most lines fall to the right, in pixels by pixels; short ones do not tell."""
    long = [box for box in boxes if _sides(box)[0] > _LONG_LINE_RATIO * _sides(box)[1]]
    return float(statistics.median((box[1][1] - box[0][1]) / (box[1][0] - box[0][0]) for box in long)) if len(long) >= _LONG_LINES else 0.0


def _sides(box: Any) -> tuple[float, float]:
    """Return how wide and how high a line is, in pixels."""
    return (
        max(math.dist(box[0], box[1]), math.dist(box[2], box[3])),
        max(math.dist(box[0], box[3]), math.dist(box[1], box[2])),
    )


def _stands(box: Any, usual: float) -> bool:
    """Tell whether a line runs from top to bottom; a lone 1 or I is high and narrow too, but no higher than a line."""
    width, height = _sides(box)
    return height >= _UPRIGHT_RATIO * width and height > _UPRIGHT_LINES * usual


def _cut_out(pixels: Any, box: Any, *, stands: bool) -> Any:
    """Return the picture of a line, lying flat."""
    import cv2  # noqa: PLC0415 - loaded already

    wide, high = (max(1, round(side)) for side in _sides(box))
    corners = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], dtype=np.float32)
    flat = cv2.warpPerspective(
        pixels,
        cv2.getPerspectiveTransform(np.asarray(box, dtype=np.float32), corners),
        (wide, high),
        borderMode=cv2.BORDER_REPLICATE,
        flags=cv2.INTER_CUBIC,
    )
    return np.rot90(flat) if stands else flat


def _place(box: Any, start: float, end: float, *, stands: bool) -> tuple[float, float, float, float]:
    """Return the rectangle around a part of a line: left, top, right and bottom in pixels."""
    upper_left, upper_right, lower_right, lower_left = (np.asarray(corner, dtype=float) for corner in box)
    sides = ((upper_left, lower_left), (upper_right, lower_right)) if stands else ((upper_left, upper_right), (lower_left, lower_right))
    corners = [first + (last - first) * share for first, last in sides for share in (start, end)]
    xs, ys = [corner[0] for corner in corners], [corner[1] for corner in corners]
    return float(min(xs)), float(min(ys)), float(max(xs)), float(max(ys))
