"""What was read against what stands on the document."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

MONEY = ("total", "net_total", "vat_total")
MINUTES = len("17:42")


@dataclass(frozen=True)
class Difference:
    """A fact that was read otherwise than it stands on the document; None where it is missing on one side."""

    name: str
    printed: str | None
    read: str | None


@dataclass(frozen=True)
class Score:
    """How many of the printed facts were read right, and which others were not."""

    right: int
    printed: int
    differences: tuple[Difference, ...]

    def __add__(self, other: "Score") -> "Score":
        return Score(self.right + other.right, self.printed + other.printed, self.differences + other.differences)


NOTHING = Score(0, 0, ())


def compare(truth: Mapping[str, Any], scan: Mapping[str, Any]) -> Score:
    """Return how a scan stands against the truth of its document: fields and VAT rows.

    Letters' case and spaces do not count; of a VAT row the rate and the VAT do. A value that is not printed but was
    read is a difference too.
    """
    fields = scan.get("fields") or {}
    facts = [(name, printed, _read(name, fields.get(name))) for name, printed in truth["fields"].items()]
    vat = {_same(line["rate"]): line.get("vat") for line in scan.get("vat_lines", ())}
    facts += [(f"VAT {line['rate']} %", line["vat"], vat.get(_same(line["rate"]))) for line in truth["vat_lines"]]
    wrong = tuple(Difference(name, printed, read) for name, printed, read in facts if _same(printed) != _same(read))
    asked = [printed for _, printed, _ in facts if printed is not None]
    missed = sum(1 for difference in wrong if difference.printed is not None)
    return Score(len(asked) - missed, len(asked), wrong)


def rows_right(truth: Mapping[str, Any], scan: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many of the printed rows of goods were read with the right name and sum, and how many there are."""
    left = [_row(row) for row in scan.get("line_items", ())]
    right = 0
    for row in map(_row, truth["line_items"]):
        if row in left:
            left.remove(row)
            right += 1
    return right, len(truth["line_items"])


def total_score(scores: Iterable[Score]) -> Score:
    """Return the scores of several documents as one."""
    return sum(scores, NOTHING)


def _row(row: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return _same(row["description"]), _same(row["total"])


def _read(name: str, found: Mapping[str, Any] | None) -> str | None:
    if found is None:
        return None
    value = found["value"]
    if name in MONEY:
        return str(value["amount"])
    return str(value)[:MINUTES] if name == "time" else str(value)


def _same(value: str | None) -> str | None:
    """Return a value in the form in which equal ones are equal: numbers without trailing zeros, text without case and spaces."""
    if value is None:
        return None
    text = "".join(letter for letter in str(value).casefold() if letter.isalnum() or letter in ".-")
    try:
        return f"{Decimal(text).normalize():f}" if "." in text else text
    except ArithmeticError:
        return text
