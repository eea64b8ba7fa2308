"""The VAT table of a document, as printed."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import permutations

from converto.ocr.interface import VatLine
from converto.ocr.understanding.amounts import FoundAmount, digits_apart, find_amounts
from converto.ocr.understanding.money_lines import Label, MoneyLine, label_of, vat_headers, vat_table_lines
from converto.ocr.words import Line

HUNDRED = Decimal(100)
# Registers round each item: with many items the printed VAT may miss the computed one by this much.
_TOLERANCE = Decimal("0.06")
_HIGHEST_RATE = 30
_RATE = re.compile(r"(?<![\d.,])(?P<rate>\d{1,2}(?:[.,;]\d{1,2})?) ?(?:%|°/[o0]|prosent|pct)")
# 24.008, 24.002 and 24,00X are 24.00 % with a misread sign.
_MISREAD_RATE = re.compile(r"(?<![\d.,])(?P<rate>\d{1,2}[.,;]\d)[\w°/]{0,3}(?= )")
# 124.00% is 24.00 % behind the row's code, 1, where the space between them was not seen.
_STUCK_RATE = re.compile(r"(?<![\d.,])\d(?P<rate>\d{1,2}[.,;]\d{1,2}) ?%")
_POINT = str.maketrans(",;", "..")
_ANY_RATE = re.compile(r"(?<![\d.,-])(?P<rate>\d{1,2}(?:[.,]\d{1,2})?)(?= ?%?(?: |$))")
_CENT = Decimal("0.01")
_BARE_RATE = re.compile(r"(?<![\d.,])(?P<rate>\d{1,2})(?= )")
_CODE = re.compile(r"^\W*(?P<code>[A-Z]|\d)\b(?!\s*[.,]\d)")
_TAX_WORD = re.compile(r"\b(gst|sst|vat|alv|arvonlisavero|moms|mwst|ust|mehrwertsteuer|umsatzsteuer|steuer|tva|versicherungs?teuer)\b")
_NET_WORD = re.compile(r"\b(veroton|netto|net|exkl|skattefritt|excl)\b")
_COLUMNS = (
    ("net", re.compile(r"\b(basisbetrag|base|veroton|netto|net|skattefritt|excl|nettobetrag|taxable|exkl)\b")),
    ("gross", re.compile(r"\b(verollinen|brutto|gross|incl|skattepliktigt|inkl|yhteensa|total)\b")),
    ("vat", re.compile(r"\b(steuerbetrag|montant|vero|alv|vat|moms|skatt|steuer|tax|gst|mwst|ust)\b")),
)


@dataclass(frozen=True)
class VatRow:
    """One row of a VAT table and how it was understood."""

    line: Line
    rate: Decimal | None
    net: Decimal | None
    vat: Decimal | None
    gross: Decimal | None
    code: str | None = None
    checked: bool = False
    mended: bool = False


@dataclass
class VatTable:
    """The rows of the VAT tables, and the sum row where there is one."""

    rows: list[VatRow] = field(default_factory=list)
    sums: VatRow | None = None

    @property
    def codes(self) -> dict[str, Decimal]:
        """Give the rate that each code stands for, by this document's own table."""
        return {row.code: row.rate for row in self.rows if row.code and row.rate is not None}

    @property
    def rates(self) -> frozenset[Decimal]:
        """Give the rates that the table has."""
        return frozenset(row.rate for row in self.rows if row.rate is not None)

    def totals(self) -> list[Decimal]:
        """Return the gross totals that the table gives."""
        found = [self.sums.gross] if self.sums and self.sums.gross is not None else []
        grosses = [row.gross if row.gross is not None else _plus(row.net, row.vat) for row in self.rows]
        if grosses and all(gross is not None for gross in grosses):
            found.append(sum((gross for gross in grosses if gross is not None), Decimal("0.00")))
        return found


def read_vat_table(lines: Sequence[Line]) -> VatTable:
    """Return the VAT rows of a document: rate, net, VAT and gross as far as each is printed."""
    table, zone = VatTable(), vat_table_lines(lines)
    order = _column_order(lines)
    for at, line in enumerate(lines):
        inside = at in zone
        row = _read_row(line, order if inside else (), inside=inside)
        if row is not None:
            if not any(_same(row, other) for other in table.rows):
                table.rows.append(row)
        elif inside and table.rows and table.sums is None:
            table.sums = _sum_row(line, table.rows)
    sure = {row.rate for row in table.rows if row.checked}
    # Discounts and charges name the rate that they are taxed at: no rows of a table that has that rate.
    table.rows = [row for row in table.rows if row.checked or row.net is not None or row.rate not in sure]
    largest = max((abs(amount.value) for line in lines for amount in find_amounts(line.columns)), default=HUNDRED)
    table.rows = [row for row in table.rows if _can_be(row, largest)]
    if len(table.rows) == 1:
        table.rows = [_completed(table.rows[0], lines)]
    return table


def _can_be(row: VatRow, largest: Decimal) -> bool:
    """Tell whether a lone VAT can be part of the largest amount on the document: "220.00 including 19 %" tells no VAT of 220.00."""
    if row.rate is None or row.vat is None or row.net is not None or row.gross is not None:
        return True
    return abs(row.vat) <= largest * row.rate / (HUNDRED + row.rate) + _TOLERANCE


def _completed(row: VatRow, lines: Sequence[Line]) -> VatRow:
    """Return a lone row with the net and gross amounts that stand elsewhere on the document and fit it."""
    if row.rate is None or row.vat is None or row.mended:
        return row
    amounts = {amount.value for line in lines for amount in find_amounts(line.columns)}
    nets = {amount.value for line in lines if _NET_WORD.search(line.folded) for amount in find_amounts(line.columns)}
    net = row.net if row.net is not None else next((net for net in sorted(nets) if tolerance_holds(row.rate, net, row.vat)), None)
    if net is None:
        return row
    gross = row.gross if row.gross is not None else net + row.vat if net + row.vat in amounts else None
    return replace(row, net=net, gross=gross, checked=tolerance_holds(row.rate, net, row.vat))


def _read_row(line: Line, order: Sequence[str], *, inside: bool) -> VatRow | None:
    """Return a line as a row of the table: of the numbers that may be its rate, the one whose arithmetic holds."""
    if not (inside or (_RATE.search(line.columns) and _TAX_WORD.search(line.folded))):
        return None
    # A column of amounts has no times of day: 18:15 there is 18.15.
    found = find_amounts(line.columns, lenient=inside)
    code, label = _CODE.match(line.columns), label_of(line.folded)[0]
    unsure: VatRow | None = None
    for rate, end, plain in _rates(line.columns, inside=inside):
        values = [amount.value for amount in found if amount.start >= end][:3]
        if len(values) < (2 if inside else 1) or (label is Label.TOTAL and not plain):
            continue
        parts, checked, mended = _roles(rate, values, order)
        if parts is None or not (checked or plain):
            continue
        letter = code["code"] if code and code.end() <= end else None
        row = VatRow(line, rate, parts.get("net"), parts.get("vat"), parts.get("gross"), letter, checked, mended)
        if checked:
            return row
        unsure = unsure or row
    return (_rate_between(line, found) if inside else None) or unsure


def _rate_between(line: Line, amounts: Sequence[FoundAmount]) -> VatRow | None:
    """Return a row whose rate stands between its net amount and its VAT, as arithmetic alone tells."""
    for match in _ANY_RATE.finditer(line.columns):
        rate = _percent(match["rate"])
        before = [amount.value for amount in amounts if amount.end <= match.start()]
        after = [amount.value for amount in amounts if amount.start >= match.end()]
        if rate is None or not before or not after or abs(before[-1] * rate / HUNDRED - after[0]) > _CENT:
            continue
        gross = after[1] if len(after) > 1 and after[1] == before[-1] + after[0] else None
        return VatRow(line, rate, before[-1], after[0], gross, checked=True)
    return None


def vat_lines(table: VatTable) -> tuple[VatLine, ...]:
    """Return the table's rows as they are told to callers; a row is the surer for arithmetic that holds."""
    return tuple(
        VatLine(
            rate=row.rate,
            net=row.net,
            vat=row.vat,
            gross=row.gross,
            confidence=round(min(0.99, (0.75 if row.checked else 0.3) + 0.24 * row.line.confidence()), 3),
            page=row.line.page,
            box=row.line.box(),
        )
        for row in table.rows
        if row.rate is not None
    )


def tolerance_holds(rate: Decimal, net: Decimal, vat: Decimal) -> bool:
    """Tell whether a printed VAT fits its net amount and rate, allowing for rounding item by item."""
    return abs(net * rate / HUNDRED - vat) <= _TOLERANCE + abs(net) / 10000


def _rates(text: str, *, inside: bool) -> Iterator[tuple[Decimal, int, bool]]:
    """Yield the numbers that may be a row's rate, where each ends, and whether a percent sign says so."""
    for pattern, plain in ((_RATE, True), (_STUCK_RATE, False), (_MISREAD_RATE, False), (_BARE_RATE, False)):
        for match in pattern.finditer(text) if plain or inside else ():
            rate = _percent(match["rate"])
            if rate is not None:
                yield rate, match.end(), plain


def _percent(text: str) -> Decimal | None:
    rate = Decimal(text.translate(_POINT))
    if rate > _HIGHEST_RATE:
        return None
    return rate.quantize(Decimal(1)) if rate == rate.to_integral_value() else rate.normalize()


def _roles(rate: Decimal, values: Sequence[Decimal], order: Sequence[str]) -> tuple[dict[str, Decimal] | None, bool, bool]:
    """Say which amount is which, whether arithmetic confirms it, and whether a misread one was mended.

    Arithmetic decides where it holds for one reading only, else the table's header.
    """
    in_order = dict(zip(order, values, strict=False)) if len(order) == len(values) else None
    readings = [dict(zip(names, values, strict=True)) for names in permutations(("net", "vat", "gross"), len(values))]
    holding = [reading for reading in ([in_order] if in_order else []) + readings if _holds(rate, reading)]
    if holding:
        return holding[0], True, False
    if in_order is not None:
        mended = _mended(rate, in_order)
        return (mended, True, True) if mended is not None else (in_order, False, False)
    return ({"vat": values[0]} if len(values) == 1 else None), False, False


def _mended(rate: Decimal, parts: dict[str, Decimal]) -> dict[str, Decimal] | None:
    """Return a row of three with the one amount put right that is a digit off what the other two and the rate make it."""
    if len(parts) < 3:
        return None
    net, vat, gross = parts["net"], parts["vat"], parts["gross"]
    for name, right in (("net", gross - vat), ("vat", gross - net), ("gross", net + vat)):
        candidate = {**parts, name: right}
        if digits_apart(parts[name], right) and _holds(rate, candidate):
            return candidate
    return None


def _holds(rate: Decimal, parts: dict[str, Decimal]) -> bool:
    net, vat, gross = parts.get("net"), parts.get("vat"), parts.get("gross")
    if net is None and vat is not None and gross is not None:
        net = gross - vat
    if vat is None and net is not None and gross is not None:
        vat = gross - net
    if net is None or vat is None or (gross is not None and net + vat != gross):
        return False
    return abs(net) >= abs(vat) and net * vat >= 0 and tolerance_holds(rate, net, vat)


def _column_order(lines: Sequence[Line]) -> tuple[str, ...]:
    for at in vat_headers(lines):
        words = lines[at].folded
        places = [(match.start(), name) for name, pattern in _COLUMNS if (match := _last_column(pattern, words, name)) is not None]
        names = tuple(name for _, name in sorted(places))
        if len(names) >= 2:
            return names
    return ()


def _last_column(pattern: re.Pattern[str], words: str, name: str) -> re.Match[str] | None:
    matches = list(pattern.finditer(words))
    # The tax's own name heads the table too ("ALV VEROTON VERO VEROLLINEN"): its column is the last one that bears it.
    return (matches[-1] if name == "vat" else matches[0]) if matches else None


def _sum_row(line: Line, rows: Sequence[VatRow]) -> VatRow | None:
    values = [amount.value for amount in find_amounts(line.columns)][-3:]
    if len(values) < 2:
        return None
    nets = [row.net for row in rows if row.net is not None]
    vats = [row.vat for row in rows if row.vat is not None]
    if label_of(line.folded)[0] not in (Label.TOTAL, Label.OTHER, Label.TAX):
        return None
    for names in permutations(("net", "vat", "gross"), len(values)):
        parts = dict(zip(names, values, strict=True))
        net, vat, gross = parts.get("net"), parts.get("vat"), parts.get("gross")
        # A row that was not read leaves the sums larger than what was.
        fits_rows = (net is None or net >= sum(nets)) and (vat is None or vat >= sum(vats))
        if fits_rows and (net is None or vat is None or gross is None or net + vat == gross) and (vat is None or net is None or net >= vat):
            return VatRow(line, None, net, vat, gross, checked=True)
    return None


def _same(row: VatRow, other: VatRow) -> bool:
    """Tell whether two rows say the same: a table printed twice, or a line above the table."""
    if row.rate != other.rate:
        return False
    return row.vat == other.vat or other.checked


def _plus(net: Decimal | None, vat: Decimal | None) -> Decimal | None:
    return None if net is None or vat is None else net + vat


def vat_total_line(money: Sequence[MoneyLine]) -> MoneyLine | None:
    """Return the line that states the whole VAT, outside the table."""
    stated = [row for row in money if row.label is Label.TAX and not row.in_vat_table and len(row.amounts) == 1]
    return stated[-1] if len({row.last for row in stated}) == 1 else None
