"""What was bought: the lines between the head of a receipt and its total."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

from converto.ocr.interface import LineItem
from converto.ocr.money_lines import Label, MoneyLine
from converto.ocr.words import Line

_QUANTITY = re.compile(
    r"(?<![\w.,])(?P<quantity>\d{1,4}(?:[.,]\d{1,3})?) ?(?P<unit>kpl|kg|g|l|pkt|rs|ltk|pss|krt|h|x|\*|stk|st|pcs?|ea|unt|unit)?\W{0,2}[x*@a]? ?(?:rm|eur|€|\$)? ?"
    r"(?P<price>\d{1,6}[.,]\d{2,4})(?!\d)",
    re.IGNORECASE,
)
_TRAILING_CODE = re.compile(r"^\s*(?:EUR|€|RM)?\s*(?P<code>[A-Z0-9]{1,2})?\*?\s*$")
_LEADING = re.compile(r"^(?:\d{1,3}[).]?\s+)?(?:\d{6,14}\s+)?")
_NOT_AN_ITEM = re.compile(
    r"\b(total|yhteensa|subtotal|valisumma|summe|summa|date|tel|puh|gst|invoice|kassa|bonus|viite|saldo|change|cash|excl|incl|round\w*|service charge|adjust\w*)\b"
)
_SHORTEST_NAME = 3


def find_items(lines: Sequence[Line], money: Sequence[MoneyLine], codes: Mapping[str, Decimal]) -> tuple[LineItem, ...]:
    """Return the items as printed; a line that only tells quantity and price belongs to the item above it.

    `codes` is what the letters behind amounts mean, by this document's own VAT table.
    """
    end = next((row.at for row in money if row.label in (Label.TOTAL, Label.SUBTOTAL) and row.strength != 0.2), len(lines))
    items: list[LineItem] = []
    for row in money:
        if row.at >= end or row.in_vat_table:
            continue
        quantity = _QUANTITY.search(row.line.columns)
        name = _name(row, quantity)
        if name is None and quantity is not None and items and _only_quantity(row.line, quantity):
            items[-1] = _with_quantity(items[-1], quantity)
        elif name is not None and row.label in (Label.OTHER, Label.ASIDE) and not _NOT_AN_ITEM.search(row.line.folded):
            items.append(_item(row, name, quantity, codes))
    return tuple(items)


def _name(row: MoneyLine, quantity: re.Match[str] | None) -> str | None:
    text = row.line.columns[: row.amounts[-1].start]
    if quantity is not None and quantity.start() < row.amounts[-1].start:
        text = text[: quantity.start()] + " " + text[quantity.end() :]
    text = re.sub(r"\s+", " ", _LEADING.sub("", text.strip())).strip(" .,:;*-=|")
    return text if len(re.findall(r"[^\W\d_]", text)) >= _SHORTEST_NAME else None


def _only_quantity(line: Line, quantity: re.Match[str]) -> bool:
    return quantity.start() <= 2


def _item(row: MoneyLine, name: str, quantity: re.Match[str] | None, codes: Mapping[str, Decimal]) -> LineItem:
    amount = row.amounts[-1]
    tail = _TRAILING_CODE.match(row.line.columns[amount.end :])
    code = tail["code"] if tail else None
    item = LineItem(
        description=name,
        total=amount.value,
        vat_rate=codes.get(code) if code else None,
        confidence=round(0.3 + 0.6 * row.line.confidence(), 3),
        page=row.line.page,
        box=row.line.box(),
    )
    return _with_quantity(item, quantity) if quantity is not None else item


def _with_quantity(item: LineItem, quantity: re.Match[str]) -> LineItem:
    """Return the item with its quantity and price, where they give its total."""
    count, price = (Decimal(quantity[name].replace(",", ".")) for name in ("quantity", "price"))
    if abs(count * price - abs(item.total)) > Decimal("0.02") + abs(item.total) / 200:
        return item
    return item.model_copy(update={"quantity": count, "unit_price": price})


def sum_of(items: Sequence[LineItem]) -> Decimal | None:
    """Return what the items add up to; None without items."""
    return sum((item.total for item in items), Decimal("0.00")) if items else None
