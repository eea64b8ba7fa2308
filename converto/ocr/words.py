"""Words on a page, where they stand, and the lines they form."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from converto.ocr.interface import Box
from converto.ocr.vocabulary import canonical

# A gap wider than this many letters parts two columns: digits on both sides of it are never one number.
COLUMN_GAP_LETTERS = 1.7
SEPARATE_GAP_LETTERS = 5.0


@dataclass(frozen=True)
class Word:
    """A word; its rectangle is in shares of the page's width and height, its confidence in 0..1."""

    text: str
    x: float
    y: float
    width: float
    height: float
    confidence: float = 1.0

    @property
    def right(self) -> float:
        """Give the right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Give the lower edge."""
        return self.y + self.height

    @property
    def letter_width(self) -> float:
        """Give the width of an average letter."""
        return self.width / max(1, len(self.text))


@dataclass(frozen=True)
class Line:
    """Words that stand on one line, from left to right."""

    words: tuple[Word, ...]
    page: int = 1

    @cached_property
    def text(self) -> str:
        """Give the words with one space between them."""
        return " ".join(word.text for word in self.words)

    @cached_property
    def columns(self) -> str:
        """Give the words with two spaces where a wide gap parts columns; all spans below count in this text."""
        return "".join(text for text, _ in self._pieces)

    @cached_property
    def folded(self) -> str:
        """Give the line in small plain letters, its misread keywords mended."""
        return canonical(self.text)

    @cached_property
    def _pieces(self) -> list[tuple[str, Word | None]]:
        pieces: list[tuple[str, Word | None]] = []
        for before, word in zip((None, *self.words), self.words, strict=False):
            if before is not None:
                letter = min(before.letter_width, word.letter_width) if len(word.text) > 1 else before.letter_width
                pieces.append(("  " if word.x - before.right > COLUMN_GAP_LETTERS * letter else " ", None))
            pieces.append((word.text, word))
        return pieces

    def first_column(self) -> "Line":
        """Return the words up to the first gap of several letters: what stands at the right edge is another matter."""
        for at, (before, word) in enumerate(pairwise(self.words), start=1):
            if word.x - before.right > SEPARATE_GAP_LETTERS * max(before.letter_width, word.letter_width):
                return Line(self.words[:at], self.page)
        return self

    def words_in(self, start: int, end: int) -> tuple[Word, ...]:
        """Return the words that a span of `columns` touches."""
        touched, at = [], 0
        for text, word in self._pieces:
            if word is not None and at < end and at + len(text) > start:
                touched.append(word)
            at += len(text)
        return tuple(touched)

    def box(self, start: int = 0, end: int | None = None) -> Box | None:
        """Return the rectangle around a span of `columns`, or around the whole line."""
        return box_of(self.words_in(start, len(self.columns) if end is None else end))

    def confidence(self, start: int = 0, end: int | None = None) -> float:
        """Return how sure the recogniser is of the least sure word in a span of `columns`."""
        words = self.words_in(start, len(self.columns) if end is None else end)
        return min((word.confidence for word in words), default=0.0)

    @cached_property
    def height(self) -> float:
        """Give the median height of its words."""
        heights = sorted(word.height for word in self.words)
        return heights[len(heights) // 2]

    @cached_property
    def top(self) -> float:
        """Give the upper edge."""
        return min(word.y for word in self.words)

    @cached_property
    def left(self) -> float:
        """Give the left edge."""
        return self.words[0].x


@dataclass(frozen=True)
class Page:
    """The lines of one page from top to bottom."""

    number: int
    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """Give the page as plain text."""
        return "\n".join(line.text for line in self.lines)


def box_of(words: Sequence[Word]) -> Box | None:
    """Return the rectangle around words; None without any."""
    if not words:
        return None
    left, top = _share(min([word.x for word in words])), _share(min([word.y for word in words]))
    right, bottom = _share(max([word.x + word.width for word in words])), _share(max([word.y + word.height for word in words]))
    return Box(x=left, y=top, width=round(right - left, 5), height=round(bottom - top, 5))


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 5)


_NOISE = re.compile(r"[^\w%€$£]+", re.UNICODE)


def is_noise(words: Iterable[Word]) -> bool:
    """Tell whether a line holds nothing but specks that a recogniser took for letters."""
    return not any(_NOISE.sub("", word.text) for word in words)


def lines_by_place(words: Sequence[Word], *, page: int, slope: float = 0.0) -> tuple[Line, ...]:
    """Group words into lines by where they stand: a word joins the line whose middle runs through it.

    `slope` is by how much lines fall to the right, in shares of the page's height by shares of its width.
    """
    rows: list[_Row] = []
    for word in sorted(words, key=lambda word: (_middle(word, slope), word.x)):
        row = next((row for row in reversed(rows[-4:]) if row.takes(word, slope)), None)
        if row is None:
            rows.append(_Row(word))
        else:
            row.add(word)
    return tuple(Line(tuple(sorted(row.words, key=lambda word: word.x)), page) for row in rows)


class _Row:
    """The words of a line as they come."""

    def __init__(self, word: Word) -> None:
        self.words = [word]
        self._rightmost = word
        self._right = word.right

    def add(self, word: Word) -> None:
        self.words.append(word)
        if word.x >= self._rightmost.x:
            self._rightmost = word
        self._right = max(self._right, word.right)

    def takes(self, word: Word, slope: float) -> bool:
        """Tell whether a word stands on this line, beside its words."""
        is_behind = word.x >= self._right  # as nearly all are
        # The nearest word of a row tells its height best: a row may climb a little across a skewed page.
        nearest = self._rightmost if is_behind else min(self.words, key=lambda other: abs(other.x - word.x))
        if abs(_middle(word, slope) - _middle(nearest, slope)) >= 0.45 * min(word.height, nearest.height):
            return False
        return is_behind or not any(_overlap(other, word) for other in self.words)


def _overlap(one: Word, other: Word) -> bool:
    return one.x < other.right - other.letter_width / 2 and other.x < one.right - one.letter_width / 2


def _middle(word: Word, slope: float) -> float:
    """Return how high a word would stand at the left edge, were its line to begin there."""
    return word.y + word.height / 2 - slope * (word.x + word.width / 2)
