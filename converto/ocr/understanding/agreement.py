"""Two readings of one document made one: what they agree on is surer, and what they differ in is said."""

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from converto.kernel.money import Money
from converto.ocr.document import Fields, Finding, Found, VatLine
from converto.ocr.recognition.diacritics import plain
from converto.ocr.understanding.alternatives import joined
from converto.ocr.understanding.extraction import Extracted

_MOST = 0.99
# The second engine is right more often: its value is kept unless the first is so much surer.
_HEAD_START = 0.2
_IN_DOUBT = 0.6
_ROUNDING = Decimal("0.05")
_CENT = Decimal("0.011")
# What is to be compared by a person where the readings differ; of the others the better one is simply taken.
_WEIGHTY = ("vendor", "business_id", "vat_id", "date", "due_date", "total", "net_total", "vat_total", "iban", "reference_number")
# What goes with the VAT table, and is taken from the same reading.
_OF_THE_TABLE = ("net_total", "vat_total")
_NAMES = {"seller_id_missing": ("business_id", "vat_id")}


def agreed(first: Extracted, second: Extracted) -> Extracted:
    """Return one reading of two: `second` is by the more accurate engine, and is kept wherever nothing speaks for the first."""
    table = first if adds_up(first) and not adds_up(second) else second
    fields: dict[str, Any] = {}
    kept_of_first: set[str] = set()
    doubts: list[Finding] = []
    for name in Fields.model_fields:
        one, other = getattr(first.fields, name), getattr(second.fields, name)
        if _same(one, other):
            fields[name] = _surer(one, other)
            continue
        takes_first = other is None or (one is not None and _prefers_first(name, first, second, table=table))
        chosen, left = (one, other) if takes_first else (other, one)
        if takes_first:
            kept_of_first.add(name)
        fields[name] = chosen
        if left is not None and not _is_proven(name, chosen, table):
            fields[name] = chosen.model_copy(update={"confidence": min(chosen.confidence, _IN_DOUBT)})
            doubts.extend(_differ(name, chosen, left))
    if table is first:
        kept_of_first.update(_OF_THE_TABLE)
    findings = tuple(finding for finding in second.findings if not _is_about(finding, kept_of_first)) + tuple(
        finding for finding in first.findings if _is_about(finding, kept_of_first)
    )
    items = first if _items_add_up(first) and not _items_add_up(second) else second
    kept = Fields(**fields)
    return replace(
        second,
        fields=kept,
        alternatives=joined(kept, [(first.fields, first.alternatives), (second.fields, second.alternatives)]),
        vat_lines=table.vat_lines,
        line_items=items.line_items,
        findings=(*findings, *doubts),
    )


def _is_proven(name: str, chosen: Found[Any], table: Extracted) -> bool:
    """Tell whether a sum is what the rows of a table give that adds up to the total: what the other engine read does not matter then."""
    if name not in _OF_THE_TABLE or not adds_up(table):
        return False
    parts = [getattr(row, name.removesuffix("_total")) for row in table.vat_lines]
    return bool(sum(parts, Decimal(0)) == chosen.value.amount)


def adds_up(extracted: Extracted) -> bool:
    """Tell whether there is a VAT table that holds: every row in itself, and all together the total."""
    rows, total = extracted.vat_lines, extracted.fields.total
    if not rows or total is None or not all(_row_holds(row) for row in rows):
        return False
    grosses = [_gross(row) for row in rows]
    return None not in grosses and abs(sum((gross for gross in grosses if gross is not None), Decimal(0)) - total.value.amount) <= _ROUNDING


def _row_holds(row: VatLine) -> bool:
    if row.net is None or row.vat is None:
        return False
    if abs(row.net * row.rate / 100 - row.vat) > _CENT:
        return False
    return row.gross is None or row.net + row.vat == row.gross


def _gross(row: VatLine) -> Decimal | None:
    if row.gross is not None:
        return row.gross
    return row.net + row.vat if row.net is not None and row.vat is not None else None


def _items_add_up(extracted: Extracted) -> bool:
    total = extracted.fields.total
    items = extracted.line_items
    return bool(items) and total is not None and sum((item.total for item in items), Decimal(0)) == total.value.amount


def _same(one: Found[Any] | None, other: Found[Any] | None) -> bool:
    return one is other is None or (one is not None and other is not None and _key(one.value) == _key(other.value))


def _key(value: object) -> object:
    if isinstance(value, Money):
        return value.amount
    return re.sub(r"[\W_]+", "", plain(value)) if isinstance(value, str) else value


def _surer(one: Found[Any] | None, other: Found[Any] | None) -> Found[Any] | None:
    """Return what both say, surer than each alone; of two spellings the one with diacritics."""
    if one is None or other is None:
        return other
    confidence = max(one.confidence, other.confidence, min(_MOST, 1 - (1 - one.confidence) * (1 - other.confidence)))
    spelt = one.value if isinstance(one.value, str) and not one.value.isascii() and other.value.isascii() else other.value
    return other.model_copy(update={"value": spelt, "confidence": round(confidence, 3)})


def _prefers_first(name: str, first: Extracted, second: Extracted, *, table: Extracted) -> bool:
    if name in ("total", *_OF_THE_TABLE) and adds_up(first) != adds_up(second):
        return table is first
    one, other = getattr(first.fields, name), getattr(second.fields, name)
    return bool(one.confidence > other.confidence + _HEAD_START)


def _differ(name: str, chosen: Found[Any], left: Found[Any]) -> Iterator[Finding]:
    if name in _WEIGHTY:
        said = f"Two readings differ: {_shown(chosen.value)} was taken, {_shown(left.value)} is the other; compare with the picture."
        yield Finding(code="readings_differ", severity="warning", field=name, detail=said)


def _shown(value: object) -> str:
    return str(value.amount) if isinstance(value, Money) else str(value)


def _is_about(finding: Finding, names: set[str]) -> bool:
    return finding.field in names or any(name in names for name in _NAMES.get(finding.code, ()))
