"""Whether a person should look at what was read, and why."""

from collections.abc import Iterator

from converto.ocr.document import Correction, Fields, Kind, Reading, ReviewReason, Source

_SURE_ENOUGH = {"total": 0.9, "date": 0.9, "vendor": 0.6}
"""How sure the main fields have to be of a document that nobody looks at; who the seller is stands in the business id too."""


def reasons(reading: Reading, fields: Fields, corrections: dict[str, Correction]) -> tuple[ReviewReason, ...]:
    """Return why a person should look at a document: none where it is surely right, and none about what a person has put right."""
    said = {name for name, one in corrections.items() if one.learned_from is None}
    return tuple(one for one in (*_findings(reading), *_doubts(reading, fields)) if one.field not in said)


def _findings(reading: Reading) -> Iterator[ReviewReason]:
    for finding in reading.findings:
        if finding.severity != "info":
            yield ReviewReason(code=finding.code, field=finding.field, detail=finding.detail)


def _doubts(reading: Reading, fields: Fields) -> Iterator[ReviewReason]:
    if reading.kind is Kind.TEXT:
        return
    for name, least in _SURE_ENOUGH.items():
        found = getattr(fields, name)
        if found is not None and found.source is not Source.PERSON and found.confidence < least:
            detail = f"The {name} is {found.confidence:.0%} sure; compare it with the picture."
            yield ReviewReason(code="unsure", field=name, detail=detail)
