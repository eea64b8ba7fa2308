"""The dots of ä and ö, which one engine drops, put back from the reading of another."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from converto.ocr.words import Line

_LETTERS = re.compile(r"[^\W\d_]{2,}")
_SURE = 0.5


def restored(lines: Sequence[Line], seen: Iterable[Line]) -> tuple[Line, ...]:
    """Return lines with the diacritics that other lines of the same document have in the same words.

    A word is left as it is where it bears diacritics already, or where `seen` has it plain as often.
    """
    spellings = _spellings(seen)
    if not spellings:
        return tuple(lines)

    def spelt(match: re.Match[str]) -> str:
        word = match[0]
        known = spellings.get(word.casefold())
        return word if known is None else "".join(_in_case(mark, char) for mark, char in zip(known, word, strict=True))

    return tuple(
        replace(line, words=tuple(replace(word, text=_LETTERS.sub(spelt, word.text)) for word in line.words)) if line.words else line
        for line in lines
    )


def plain(text: str) -> str:
    """Return text in small letters, each without its diacritics; as long as it was."""
    return "".join(_plain(char) for char in text.casefold())


def _spellings(lines: Iterable[Line]) -> dict[str, str]:
    """Return how plain words are spelt with diacritics, where they mostly are."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        for word in line.words:
            if word.confidence >= _SURE:
                for letters in _LETTERS.findall(word.text):
                    small = letters.casefold()
                    if len(small) == len(letters):
                        counted[plain(small)][small] += 1
    return {
        bare: spelling
        for bare, spellings in counted.items()
        for spelling, times in spellings.most_common(1)
        if spelling != bare and times > spellings[bare]
    }


def _plain(char: str) -> str:
    base = unicodedata.normalize("NFD", char)[0]
    return base if base.isalpha() else char


def _in_case(char: str, like: str) -> str:
    return char.upper() if like.isupper() else char
