"""A second look at a page that hardly gave a word: turned upright, straightened, or with its background evened out."""

import math
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from converto.ocr.files.pages import TURNS, Picture, save
from converto.ocr.files.paper import evened
from converto.ocr.recognition import tesseract
from converto.ocr.recognition.engines import Engine
from converto.ocr.words import Line, Word

# A page with fewer sure letters than this was not read: it lies on its side, is dark, or holds no text.
_ENOUGH_LETTERS = 60
_SURE = 0.6
_SURE_SHARE = 0.35
_SKEWED_DEGREES = 1.2
_MOST_SKEWED_DEGREES = 20.0
_LONG_LINE_WORDS = 3
_WORDS = re.compile(r"[^\W\d_]{3,}|\d+[.,]\d{2}")


@dataclass(frozen=True)
class Reread:
    """The better reading of a page, and by how many degrees clockwise the page is to be turned for its places to fit."""

    lines: tuple[Line, ...]
    turn: int = 0


def read_harder(picture: Picture, lines: tuple[Line, ...], *, engine: Engine, page: int, timeout_s: float, folder: Path) -> Reread:
    """Return the lines of a page, read again where the first reading is poor; the better reading wins.

    Places are given on the page turned upright, and on a leaning page as it leans.
    """
    if not is_poor(lines) and not _run_upwards(lines, picture):
        return Reread(lines)
    with Image.open(picture.path) as opened:
        original = opened.convert("L")

    def again(prepared: Image.Image) -> tuple[Line, ...]:
        return engine.read(save(prepared, folder / f"again{page}.pgm"), page=page)

    turn = tesseract.quarter_turns(picture, timeout_s=timeout_s)
    if turn:
        original = original.transpose(TURNS[turn])
        turned = again(original)
        if sure_letters(turned) > sure_letters(lines) or _run_upwards(lines, picture):
            return Reread(_straightened(original, turned, again), turn)
        original = original.transpose(TURNS[360 - turn])
    best = _straightened(original, lines, again)
    return Reread(max(best, again(evened(original)), key=sure_letters) if is_poor(best) else best)


def _straightened(original: Image.Image, lines: tuple[Line, ...], again: Callable[[Image.Image], tuple[Line, ...]]) -> tuple[Line, ...]:
    """Return the lines of a leaning page, read from its picture made straight if that is the better reading."""
    angle = skew_degrees(lines, width=original.width, height=original.height)
    if not _SKEWED_DEGREES < abs(angle) < _MOST_SKEWED_DEGREES:
        return lines
    straight = original.rotate(angle, resample=Image.Resampling.BICUBIC, fillcolor=255)
    return max(lines, _leant_back(again(straight), angle, original.size), key=sure_letters)


def is_poor(lines: Sequence[Line]) -> bool:
    """Tell whether a reading holds too few sure words to be one."""
    letters = sum(len(word.text) for line in lines for word in line.words)
    return sure_letters(lines) < max(_ENOUGH_LETTERS, _SURE_SHARE * letters)


def _run_upwards(lines: Sequence[Line], picture: Picture) -> bool:
    """Tell whether most words are higher than wide: an engine that reads upwards too sees a page on its side otherwise than it lies."""
    words = [word for line in lines for word in line.words if len(word.text) >= _LONG_LINE_WORDS]
    return 2 * sum(word.height * picture.height > word.width * picture.width for word in words) > len(words)


def sure_letters(lines: Sequence[Line]) -> int:
    """Return how many letters stand in words and amounts that the recogniser is sure of."""
    return sum(len(word.text) for line in lines for word in line.words if word.confidence >= _SURE and _WORDS.search(word.text))


def skew_degrees(lines: Sequence[Line], *, width: int, height: int) -> float:
    """Return how far lines of words climb to the right, in degrees; negative when they fall."""
    slopes = []
    for line in lines:
        words = [word for word in line.words if word.confidence > _SURE and len(word.text) > 1]
        if len(words) >= _LONG_LINE_WORDS:
            first, last = words[0], words[-1]
            across = (last.x + last.width / 2 - first.x - first.width / 2) * width
            if across > 0:
                slopes.append((first.bottom - last.bottom) * height / across)
    return -math.degrees(math.atan(statistics.median(slopes))) if len(slopes) >= _LONG_LINE_WORDS else 0.0


def _leant_back(lines: tuple[Line, ...], angle: float, size: tuple[int, int]) -> tuple[Line, ...]:
    """Return lines at their places before the picture was rotated by `angle` degrees around its middle."""
    width, height = size
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))

    def back(word: Word) -> Word:
        x, y = (word.x + word.width / 2 - 0.5) * width, (word.y + word.height / 2 - 0.5) * height
        old_x, old_y = (x * cos - y * sin) / width + 0.5, (x * sin + y * cos) / height + 0.5
        return Word(word.text, old_x - word.width / 2, old_y - word.height / 2, word.width, word.height, word.confidence)

    return tuple(Line(tuple(back(word) for word in line.words), line.page) for line in lines)
