"""Confidence as a word and a colour, the same in the terminal and on pictures."""

from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Level:
    """How far a value may be trusted: from `least` upwards, with its word and its colours in the terminal and on pictures."""

    word: str
    least: float
    style: str
    colour: Colour


SURE = Level("sure", 0.9, "green", (0, 135, 60))
LIKELY = Level("likely", 0.7, "yellow", (176, 98, 0))
CHECK = Level("check", 0.0, "red", (205, 30, 45))
LEVELS = (SURE, LIKELY, CHECK)


def level(confidence: float) -> Level:
    """Return the level of a confidence between 0 and 1, taken to the whole percent that is shown."""
    return next((found for found in LEVELS if round(confidence, 2) >= found.least), CHECK)
