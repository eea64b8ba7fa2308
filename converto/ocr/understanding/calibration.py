"""How sure a value is, as a share of right ones: what was found on documents that are known, for each field and each way of reading."""

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from converto.ocr.document import Fields, Source
from converto.ocr.understanding.checks import unsure
from converto.ocr.understanding.confidence import document_confidence
from converto.ocr.understanding.extraction import Extracted
from converto.ocr.words import Line

BOTH = "both"
_TEXT_LAYER = "text-layer"
Knots = Sequence[tuple[float, float]]
"""What a confidence means: pairs of one as the rules give it and the share that is right there, both rising."""


def calibrated(extracted: Extracted, engines: Sequence[str], lines: Sequence[Line]) -> Extracted:
    """Return a reading whose confidences are shares of right values; what answer keys and people said stays as it is."""
    way = way_of(engines)
    updates = {}
    for name in Fields.model_fields:
        found = getattr(extracted.fields, name)
        if found is not None and found.source is Source.OCR:
            updates[name] = found.model_copy(update={"confidence": meaning(name, found.confidence, way)})
    fields = extracted.fields.model_copy(update=updates)
    findings = (*(finding for finding in extracted.findings if finding.code != "unsure"), *unsure(fields))
    return replace(extracted, fields=fields, findings=findings, confidence=document_confidence(fields, lines))


def way_of(engines: Sequence[str]) -> str:
    """Return how a document was read: by one engine, named so, by `both`, or empty where it was all text."""
    pictured = [name for name in engines if name != _TEXT_LAYER]
    return BOTH if len(pictured) > 1 else pictured[0] if pictured else ""


def meaning(field: str, confidence: float, way: str) -> float:
    """Return the share of right values where the rules give this confidence; itself where that was never measured."""
    knots = _maps().get(way, {}).get(field)
    return confidence if not knots else round(between(knots, confidence), 3)


def between(knots: Knots, confidence: float) -> float:
    """Return the share at a confidence: on the straight line between two knots, beyond the last that of the last."""
    at = bisect_right(knots, confidence, key=lambda knot: knot[0])
    if at == 0:
        (first, share) = knots[0]
        return share * confidence / first if first else share
    if at == len(knots):
        return knots[-1][1]
    (left, low), (right, high) = knots[at - 1], knots[at]
    return low + (high - low) * (confidence - left) / (right - left)


@cache
def _maps() -> Mapping[str, Mapping[str, Any]]:
    text = files("converto.ocr.understanding").joinpath("calibration.json").read_text(encoding="utf-8")
    maps: Mapping[str, Mapping[str, Any]] = json.loads(text)["maps"]
    return maps
