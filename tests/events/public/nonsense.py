"""JSON and texts that nobody would send on purpose: made by chance, the same again for the same seed."""

import random
import string
from collections.abc import Sequence
from typing import Any

LETTERS = string.printable + "äö€\u2028\u202e\x7f\ud7ff\U0001f600"
NUMBERS = (0, -1, 1, 2**31, 2**63 - 1, -(2**63), 0.5, -0.0, 1e308, 1e-308)
TEXTS = ("", " ", "null", "0", "-1", "NaN", "new", "../..", "%00", "a" * 300, "2026-11-23", "9999-12-31T23:59:59-14:00", "1e9999", "12,50")


class Nonsense:
    """A source of it."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - to break things, not to keep a secret

    def one_of(self, choices: Sequence[Any]) -> Any:
        """Return any one of several."""
        return self._random.choice(choices)

    def text(self) -> str:
        """Return a text."""
        made = "".join(self._random.choices(LETTERS, k=self._random.randint(1, 20)))
        return str(self.one_of([*TEXTS, made, made]))

    def json(self, depth: int = 3) -> Any:
        """Return any JSON value."""
        kinds = ["text", "number", "constant", *(["list", "object"] if depth else [])]
        match self.one_of(kinds):
            case "text":
                return self.text()
            case "number":
                return self.one_of(NUMBERS)
            case "constant":
                return self.one_of([None, True, False])
            case "list":
                return [self.json(depth - 1) for _ in range(self._random.randint(0, 3))]
            case _:
                return {self.text(): self.json(depth - 1) for _ in range(self._random.randint(0, 3))}

    def fields(self, names: Sequence[str]) -> dict[str, Any]:
        """Return an object of some of these fields, with any values."""
        return {name: self.json() for name in self._random.sample(names, self._random.randint(1, 3))}
