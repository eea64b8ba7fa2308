"""What a recogniser of text lines says, as words; and which of the letters that it knows are Latin ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Beside ASCII, Latin-1 and the letters of its neighbours: what stands on receipts.
_SIGNS = "\u20ac\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u2026\u2116"
_LAST_LATIN = 0x17F
# So many columns of the recogniser's output without a letter part two words, also where it gives no space.
_GAP_COLUMNS = 5.0
_GAP_LETTERS = 2.6


@dataclass(frozen=True)
class Piece:
    """A word on a line; where it begins and ends is in shares of the line's width."""

    text: str
    start: float
    end: float
    confidence: float


class LatinWords:
    """Makes words of a recogniser's output, column by column: which letter stands there, or none (connectionist temporal classification).

    `characters` are the recogniser's, in its order; the first stands for none.
    """

    def __init__(self, characters: Sequence[str]) -> None:
        self._characters = ["", *characters[1:]]

    def __call__(
        self, shares: Any, _: object = None, *, wh_ratio_list: Sequence[float], max_wh_ratio: float
    ) -> tuple[list[tuple[str, float]], list[tuple[Piece, ...]]]:
        """Return the text and the confidence of each line, and its words.

        `shares` is how likely each letter is in each column of each line; lines are as wide as `wh_ratio_list` says, in heights, and
        filled up to `max_wh_ratio`.
        """
        best, sure = shares.argmax(axis=2), shares.max(axis=2)
        words = [
            self._words(best[at], sure[at], columns=best.shape[1] * ratio / max_wh_ratio)
            for at, ratio in zip(range(len(best)), wh_ratio_list, strict=True)
        ]
        return [(" ".join(piece.text for piece in line), _mean(line)) for line in words], words

    def _words(self, best: Any, sure: Any, *, columns: float) -> tuple[Piece, ...]:
        changes = np.ones(len(best), dtype=bool)
        changes[1:] = best[1:] != best[:-1]
        places = np.flatnonzero(changes & (best != 0))
        letters = [(self._characters[best[at]], int(at), float(sure[at])) for at in places]
        if not letters:
            return ()
        step = max(1.0, (letters[-1][1] - letters[0][1]) / max(1, len(letters) - 1))
        words: list[list[tuple[str, int, float]]] = [[]]
        for letter in letters:
            if letter[0].isspace():
                words.append([])
                continue
            if words[-1] and letter[1] - words[-1][-1][1] > max(_GAP_COLUMNS, _GAP_LETTERS * step):
                words.append([])
            words[-1].append(letter)
        return tuple(_piece(word, step=step, columns=columns) for word in words if word)


def _piece(letters: Sequence[tuple[str, int, float]], *, step: float, columns: float) -> Piece:
    first, last = letters[0][1], letters[-1][1]
    wide = (last - first) / (len(letters) - 1) if len(letters) > 1 else step
    return Piece(
        "".join(letter for letter, _, _ in letters),
        min(1.0, max(0.0, (first + 0.5 - wide / 2) / columns)),
        min(1.0, max(0.0, (last + 0.5 + wide / 2) / columns)),
        sum(sure for _, _, sure in letters) / len(letters),
    )


def _mean(words: Sequence[Piece]) -> float:
    return sum(word.confidence for word in words) / len(words) if words else 0.0


def latin_places(characters: Sequence[str]) -> list[int]:
    """Return where among a recogniser's letters the Latin ones are, and the first, which stands for none."""
    return [at for at, char in enumerate(characters) if at == 0 or _is_latin(char)]


def _is_latin(char: str) -> bool:
    return len(char) == 1 and (" " <= char <= "~" or "\u00a0" < char <= chr(_LAST_LATIN) or char in _SIGNS)
