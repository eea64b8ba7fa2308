"""Lines of a document as a recogniser would give them, without one."""

from collections.abc import Sequence

from converto.ocr.words import Line, Page, Word

_LINE_HEIGHT = 0.02


def line(text: str, *, at: int = 0, page: int = 1, confidence: float = 0.95) -> Line:
    """Return a line of text set in letters of one width; more than one space is a gap as wide."""
    width = 0.01
    words, x = [], 0
    for word in text.split(" "):
        if word:
            words.append(Word(word, x * width, at * _LINE_HEIGHT, len(word) * width, _LINE_HEIGHT * 0.8, confidence))
        x += len(word) + 1
    return Line(tuple(words), page)


def page(lines: Sequence[str], *, number: int = 1, confidence: float = 0.95) -> Page:
    """Return a page of such lines."""
    return Page(number, tuple(line(text, at=at, page=number, confidence=confidence) for at, text in enumerate(lines) if text.strip()))
