"""What else a field may be: values on the document that were not taken, so that a person puts a wrong one right with one click."""

from collections.abc import Iterable, Sequence
from typing import Any

from converto.kernel.money import Money
from converto.ocr.document import Alternatives, Fields, Found

MOST = 5
"""So many are told of a field: who does not find the right one among them looks at the picture."""
_LEAST_CONFIDENCE = 0.01


def others(found: Iterable[Found[Any]], taken: Found[Any] | None) -> tuple[Found[Any], ...]:
    """Return values that differ from the one that was taken and from one another, the surest first, none surer than the one taken."""
    most = taken.confidence if taken is not None else 1.0
    seen = {_key(taken.value)} if taken is not None else set()
    kept: list[Found[Any]] = []
    for one in sorted(found, key=lambda one: -one.confidence):
        if _key(one.value) not in seen:
            seen.add(_key(one.value))
            kept.append(one.model_copy(update={"confidence": max(_LEAST_CONFIDENCE, min(one.confidence, most))}))
    return tuple(kept[:MOST])


def joined(fields: Fields, read: Sequence[tuple[Fields, Alternatives]]) -> Alternatives:
    """Return the alternatives to `fields` that several readings of a document leave: what each took instead, and its own alternatives."""
    told: dict[str, Any] = {}
    for name in Alternatives.model_fields:
        values = [getattr(taken, name) for taken, _ in read]
        found = [*(value for value in values if value is not None), *(one for _, rest in read for one in getattr(rest, name))]
        told[name] = others(found, getattr(fields, name))
    return Alternatives(**told)


def _key(value: object) -> object:
    return value.amount if isinstance(value, Money) else value
