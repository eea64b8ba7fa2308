"""What was bought: the lines between the head of a document and its total."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from converto.ocr.interface import LineItem
from converto.ocr.understanding.money_lines import Label, MoneyLine
from converto.ocr.words import Line

_UNIT = r"(?:kpl|kg|g|l|dl|cl|m|m2|pkt|rs|rll|ltk|pss|krt|vrk|pv|kk|yö|h|min|km|stk|stck|st|pcs|pc|ea|unt|unit|nos|btl|x)\b\.?"
_NUMBER = re.compile(
    rf"(?<![\w.,])(?P<number>\d{{1,6}}(?:[.,;]\d{{1,4}})?)(?![.,]\d|\d)(?P<percent> ?%)?(?: ?(?P<unit>{_UNIT}))?", re.IGNORECASE
)
_TRAILING_CODE = re.compile(r"^\s*(?:EUR|€|RM)?\s*(?P<code>[A-Z0-9]{1,2})?\*?(?:\s|\||$)")
_MARKED_CODE = re.compile(r" \((?P<code>[A-Z0-9])\)?$")
_LEADING = re.compile(r"^\W*(?:\d{6,14}\s+)?")
_TIMES_BEFORE = re.compile(r"(?<!\w)[xX*@aàä]\s*$|(?<!\w)(?:EUR|RM|€)\s*$")
_TIMES_AFTER = re.compile(r"^\s*[xX*@](?!\w)")
_PER_UNIT = re.compile(r"(?:EUR|RM|€) ?/ ?\w{1,4}", re.IGNORECASE)
_NOT_AN_ITEM = re.compile(
    r"\b(total|yhteensa|subtotal|valisumma|summe|summa|date|tel|puh|gst|invoice|kassa|bonus|viite|saldo|change|cash|excl|incl|round\w*"
    r"|service charge|adjust\w*|uhr|klo|kl|siirto)\b"
)
_SHORTEST_NAME = 3
_FUEL = re.compile(r"\b9[58] ?E\d{1,2}\b", re.IGNORECASE)
_POINT = str.maketrans(",;", "..")
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class _Numbers:
    """The numbers of a line that tell how many, at which price and at which rate, and what is left of its text."""

    quantity: Decimal | None
    unit_price: Decimal | None
    rate: Decimal | None
    name: str


def find_items(
    lines: Sequence[Line], money: Sequence[MoneyLine], codes: Mapping[str, Decimal], rates: Collection[Decimal]
) -> tuple[LineItem, ...]:
    """Return the items as printed; a line that only tells quantity and price belongs to the item beside it.

    `codes` is what the letters behind amounts mean and `rates` which rates there are, by this document's own VAT table.
    """
    end = next((row.at for row in money if row.label in (Label.TOTAL, Label.SUBTOTAL) and row.strength != 0.2), len(lines))
    bearing = {row.at for row in money}
    items: list[LineItem] = []
    for row in money:
        if row.at >= end or row.in_vat_table or row.label not in (Label.OTHER, Label.ASIDE) or _NOT_AN_ITEM.search(row.line.folded):
            continue
        numbers = _numbers(row.line.columns, row.amounts[-1].start, row.last, rates)
        if _is_name(numbers.name):
            items.append(_item(row, numbers.name, numbers, codes))
        elif items and _per_piece(row, items[-1]):
            items[-1] = _with_price(items[-1], row)
        elif row.at and row.at - 1 not in bearing and _is_name(lines[row.at - 1].text):
            items.append(_item(row, _tidy(lines[row.at - 1].text), numbers, codes))
    if len(rates) == 1:
        # A document with one rate has that rate on every row.
        items = [item.model_copy(update={"vat_rate": next(iter(rates))}) for item in items]
    return tuple(items)


def sum_of(items: Sequence[LineItem]) -> Decimal | None:
    """Return what the items add up to; None without items."""
    return sum((item.total for item in items), Decimal("0.00")) if items else None


def _numbers(text: str, end: int, total: Decimal, rates: Collection[Decimal]) -> _Numbers:
    """Tell quantity, price and rate among the numbers before a line's own amount: the two whose product it is, and a known rate."""
    found = [(match, Decimal(match["number"].translate(_POINT))) for match in _NUMBER.finditer(text, 0, end)]
    used: list[re.Match[str]] = []
    quantity = price = rate = None
    for match, value in found:
        is_written = match["percent"] or ("." in match["number"].translate(_POINT) and match is found[-1][0])
        if is_written and (value in rates or (not rates and match["percent"])):  # cream of 10 % is no rate of 10 %
            rate = value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()
            used.append(match)
    for at, (first, count) in reversed(list(enumerate(found))):
        for second, each in found[at + 1 :]:
            if quantity is None and first not in used and second not in used and _makes(count, each, total) and len(second["number"]) > 2:
                quantity, price = count, each
                used += [first, second]
    name = text[:end]
    for match in sorted(used, key=lambda match: -match.start()):
        name = f"{_TIMES_BEFORE.sub('', name[: match.start()])}  {_TIMES_AFTER.sub('', name[match.end() :])}"
    return _Numbers(quantity if quantity != 1 else None, price if quantity != 1 else None, rate, _tidy(name))


def _makes(count: Decimal, each: Decimal, total: Decimal) -> bool:
    return count > 0 and abs(count * each - abs(total)) <= max(_CENT, abs(total) / 400)


def _tidy(text: str) -> str:
    text = _PER_UNIT.sub(" ", _LEADING.sub("", text))
    return re.sub(r"\s+", " ", text).strip(" .,:;*-=|(")


def _is_name(text: str) -> bool:
    letters = len(re.findall(r"[^\W\d_]", text))
    return bool(_FUEL.search(text)) or (
        letters >= _SHORTEST_NAME and not re.fullmatch(rf"(?:\W|\d|{_UNIT}|eur|rm|a|ä)+", text, re.IGNORECASE)
    )


def _per_piece(row: MoneyLine, item: LineItem) -> bool:
    """Tell whether a line is quantity and price of the item above it: 2 kpl x 1,19 EUR/kpl."""
    return item.quantity is None and _quantity_and_price(row, item) is not None


def _quantity_and_price(row: MoneyLine, item: LineItem) -> tuple[Decimal, Decimal] | None:
    values = [Decimal(match["number"].translate(_POINT)) for match in _NUMBER.finditer(row.line.columns)]
    pairs = [(first, second) for at, first in enumerate(values) for second in values[at + 1 :]]
    return next((pair for pair in pairs if _makes(*pair, item.total)), None)


def _with_price(item: LineItem, row: MoneyLine) -> LineItem:
    pair = _quantity_and_price(row, item)
    return item if pair is None else item.model_copy(update={"quantity": pair[0], "unit_price": pair[1]})


def _item(row: MoneyLine, name: str, numbers: _Numbers, codes: Mapping[str, Decimal]) -> LineItem:
    tail = _TRAILING_CODE.match(row.line.columns[row.amounts[-1].end :])
    marked = _MARKED_CODE.search(name)
    code = tail["code"] if tail and tail["code"] else marked["code"] if marked else None
    return LineItem(
        description=name[: marked.start()].strip() if marked else name,
        quantity=numbers.quantity,
        unit_price=numbers.unit_price,
        total=row.last,
        vat_rate=numbers.rate if numbers.rate is not None else codes.get(code) if code else None,
        confidence=round(0.3 + 0.6 * row.line.confidence(), 3),
        page=row.line.page,
        box=row.line.box(),
    )
