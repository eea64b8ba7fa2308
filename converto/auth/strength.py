"""How hard a password is to guess; the only file that imports zxcvbn."""

import threading
from collections.abc import Mapping, Sequence
from typing import Final

from zxcvbn import zxcvbn
from zxcvbn.matching import RANKED_DICTIONARIES

from converto.auth.finnish_words import FINNISH_WORDS

MIN_SCORE: Final = 3
_LOOKED_AT: Final = 72
_SWAPPED: Final = frozenset("4@8({[<3691!|7$5+0%2")
_MAX_SWAPPED: Final = 4
_USED_MOST: Final[Mapping[str, int]] = RANKED_DICTIONARIES["passwords"]
_FOLDED: Final = str.maketrans("äöå", "aoa")
_FINNISH: Final = tuple(dict.fromkeys([*FINNISH_WORDS, *(word.translate(_FOLDED) for word in FINNISH_WORDS)]))
_lock = threading.Lock()


def is_common(password: str) -> bool:
    """Tell whether a password stands in the lists of those used most, whatever its capitals."""
    plain = password.lower()
    return plain in _USED_MOST or plain in FINNISH_WORDS


def score(password: str, known: Sequence[str] = ()) -> int:
    """Return 0 (guessed at once) to 4 (never), by the first 72 characters; `known` are words that a guesser would try first.

    At most about 0.1 s of work: run it beside the event loop.
    """
    looked_at = _bounded(password[:_LOOKED_AT])
    with _lock:  # the library keeps the known words in a global
        return int(zxcvbn(looked_at, user_inputs=[*known, *_FINNISH], max_length=_LOOKED_AT)["score"])


def _bounded(password: str) -> str:
    """Return the password with at most four kinds of the signs that may stand for letters.

    The library tries every way to read them: twelve kinds in 72 characters took it three seconds.
    """
    kept: set[str] = set()
    signs = []
    for sign in password:
        if sign in _SWAPPED and sign not in kept:
            if len(kept) == _MAX_SWAPPED:
                signs.append("~")
                continue
            kept.add(sign)
        signs.append(sign)
    return "".join(signs)
