"""How sure a value is: what the recogniser says of its letters, joined with what speaks for it."""

import math
from collections.abc import Sequence

from converto.ocr.interface import Fields
from converto.ocr.understanding.totals import TotalCandidate
from converto.ocr.words import Line

# A logistic curve over the evidence, fitted on real receipts whose totals are known.
_BIAS, _SCORE, _MARGIN, _WORD = -2.2, 0.35, 0.35, 1.2
_MOST = 0.99


def total_confidence(best: TotalCandidate, second: TotalCandidate | None) -> float:
    """Return how likely the best candidate is the total."""
    margin = best.score - (second.score if second is not None else 0.0)
    word = best.line.confidence(best.start, best.end) if best.line is not None else 0.0
    weight = _BIAS + _SCORE * best.score + _MARGIN * min(6.0, margin) + _WORD * word
    return round(min(_MOST, 1 / (1 + math.exp(-weight))), 3)


def document_confidence(fields: Fields, lines: Sequence[Line]) -> float:
    """Return how sure a reading is as a whole: its total and date where it has them, else its words."""
    main = [found.confidence for found in (fields.total, fields.date, fields.vendor) if found is not None]
    words = [word.confidence for line in lines for word in line.words]
    letters = sum(words) / len(words) if words else 0.0
    return round(0.7 * sum(main) / 3 + 0.3 * letters if main else letters, 3)
