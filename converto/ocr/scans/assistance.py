"""What a model says of a document, beside what the reader found: it fills what is missing, and overwrites nothing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from converto.kernel.money import Money
from converto.ocr.document import Box, Fields, Finding, Found, Reading, Source
from converto.ocr.interface import BadCorrection
from converto.ocr.scans.corrections import checked, value_of

BACKED, READ, UNBACKED = 0.8, 0.7, 0.4
"""How sure a model's value is: its words stand on the page, they stand in the document's own text, or nowhere."""
MOST_WORDS = 12
_TOLERANCE = Decimal("0.04")
_SUMS = {"total": "gross", "net_total": "net", "vat_total": "vat"}
_NO_LETTER = re.compile(r"[\W_]+")


def missing(fields: Fields) -> tuple[str, ...]:
    """Return the names of the fields that were not found."""
    return tuple(name for name in Fields.model_fields if getattr(fields, name) is None)


def assisted(reading: Reading, said: Mapping[str, Any]) -> Reading:
    """Return a reading with what a model says of fields that the reader did not find.

    What the reader found stays, and a finding `ai_differs` tells where the model reads something else. A sum that the document's own VAT
    table contradicts is not taken, and a value whose check digit or form is wrong is none.
    """
    fields: dict[str, Any] = reading.fields.model_dump(mode="json")
    findings = list(reading.findings)
    currency = reading.fields.currency.value if reading.fields.currency is not None else str(said.get("currency") or "EUR")
    for name, value in _taken(said, currency):
        if fields[name] is None and not _contradicted(reading, name, value):
            fields[name] = _found(reading, name, value).model_dump(mode="json")
            findings = [finding for finding in findings if finding.code not in {f"{name}_missing", _ALSO_MISSING.get(name, "")}]
        elif fields[name] is None or not _same(value_of(reading.fields, name), value):
            findings += [one for one in (_differs(name, value),) if one not in findings]
    return reading.model_copy(update={"fields": Fields.model_validate(fields), "findings": tuple(findings)})


_ALSO_MISSING = {"business_id": "seller_id_missing", "vat_id": "seller_id_missing"}


def _taken(said: Mapping[str, Any], currency: str) -> Iterator[tuple[str, str | Money]]:
    for name, value in said.items():
        if name not in Fields.model_fields or value is None:
            continue
        try:
            taken = checked({name: value}, currency=currency)[name]
        except BadCorrection:
            continue
        if taken is not None:
            yield name, taken


def _same(known: Any, value: str | Money) -> bool:
    if isinstance(value, Money):
        amount = known["amount"] if isinstance(known, Mapping) else None
        return amount is not None and Decimal(str(amount)) == value.amount
    return _letters(str(known)) == _letters(value)


def _differs(name: str, value: str | Money) -> Finding:
    reads = f"{value.amount} {value.currency}" if isinstance(value, Money) else value
    return Finding(
        code="ai_differs", severity="info", field=name, detail=f"A model reads {reads}, which what is printed does not bear out."
    )


def _contradicted(reading: Reading, name: str, value: str | Money) -> bool:
    """Tell whether the rows of the VAT table add up to something else."""
    column = _SUMS.get(name)
    amounts = [getattr(line, column) for line in reading.vat_lines] if column is not None else []
    if not isinstance(value, Money) or not amounts or None in amounts:
        return False
    return bool(abs(sum(amounts, Decimal(0)) - value.amount) > _TOLERANCE)


def _found(reading: Reading, name: str, value: str | Money) -> Found[Any]:
    pattern = _amount(value.amount) if isinstance(value, Money) else None
    forms = () if isinstance(value, Money) else _forms(name, value)
    for page in reading.words:
        box = _place(page.words, forms, pattern)
        if box is not None:
            return Found[Any](value=value, confidence=BACKED, page=page.page, box=box, source=Source.AI)
    text = _letters(reading.text)
    stands = bool(re.search(rf"(?<!\d){pattern}(?!\d)", reading.text)) if pattern else any(_letters(form) in text for form in forms)
    return Found[Any](value=value, confidence=READ if stands else UNBACKED, page=1, source=Source.AI)


def _forms(name: str, value: str) -> Sequence[str]:
    """Return how a value may be printed."""
    if name in {"date", "due_date"}:
        day = date.fromisoformat(value)
        years = (f"{day:%Y}", f"{day:%y}")
        ways = [(f"{day:%d}", f"{day:%m}"), (str(day.day), str(day.month)), (str(day.day), f"{day:%m}")]
        return [
            value,
            *(f"{one}.{two}.{year}" for one, two in ways for year in years),
            *(f"{two}/{one}/{year}" for one, two in ways for year in years),
        ]
    return [value, value[:5]] if name == "time" else [value]


def _amount(amount: Decimal) -> str:
    whole, _, cents = f"{abs(amount):.2f}".partition(".")
    grouped = f"{int(whole):,}".replace(",", r"[ .,'\u00a0]?")
    return rf"{'-' if amount < 0 else ''}{grouped}[.,]{cents}"


def _place(words: Sequence[tuple[str, float, float, float, float]], forms: Sequence[str], pattern: str | None) -> Box | None:
    """Return where words stand one after another that are one of these forms, or an amount."""
    wanted = {_letters(form) for form in forms} - {""}
    longest = max((len(form) for form in wanted), default=0)
    for first in range(len(words)):
        letters, raw = "", ""
        for last in range(first, min(len(words), first + MOST_WORDS)):
            letters, raw = letters + _letters(words[last][0]), f"{raw} {words[last][0]}".strip()
            if letters in wanted or (pattern is not None and re.fullmatch(rf"\W*{pattern}\W*([A-Za-z]{{1,3}})?\W*", raw)):
                return _around(words[first : last + 1])
            if len(letters) > max(longest, MOST_WORDS):
                break
    return None


def _around(words: Sequence[tuple[str, float, float, float, float]]) -> Box:
    left, top = min(word[1] for word in words), min(word[2] for word in words)
    right, bottom = max(word[1] + word[3] for word in words), max(word[2] + word[4] for word in words)
    return Box(x=max(0.0, left), y=max(0.0, top), width=min(1.0, right - left), height=min(1.0, bottom - top))


def _letters(text: str) -> str:
    return _NO_LETTER.sub("", text).casefold()
