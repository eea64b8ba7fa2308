"""The VAT table of a document, as printed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from itertools import permutations

from converto.ocr.amounts import FoundAmount
from converto.ocr.interface import VatLine
from converto.ocr.money_lines import Label, MoneyLine, amounts_of, label_of, vat_headers, vat_table_lines
from converto.ocr.words import Line

CENT = Decimal("0.01")
HUNDRED = Decimal(100)
# Registers round each item: with many items the printed VAT may miss the computed one by this much.
_TOLERANCE = Decimal("0.06")
_HIGHEST_RATE = 30
_RATE = re.compile(r"(?<![\d.,])(?P<rate>\d{1,2}(?:[.,]\d{1,2})?) ?(?:%|°/[o0]|prosent|pct)")
_BARE_RATE = re.compile(r"^\W*(?:[A-Za-z0-9]{1,4}[\s:=@(]+)?\W*(?P<rate>\d{1,2}(?:[.,]\d{1,2})?)(?= )")
_CODE = re.compile(r"^\W*(?P<code>[A-Z]|\d)\b(?!\s*[.,]\d)")
_TAX_WORD = re.compile(r"\b(gst|sst|vat|alv|arvonlisavero|moms|mwst|ust|mehrwertsteuer|steuer)\b")
_COLUMNS = (
    ("net", re.compile(r"\b(veroton|netto|net|skattefritt|excl|nettobetrag|taxable|exkl)\b")),
    ("gross", re.compile(r"\b(verollinen|brutto|gross|incl|skattepliktigt|inkl|yhteensa|total)\b")),
    ("vat", re.compile(r"\b(vero|alv|vat|moms|skatt|steuer|tax|gst|mwst|ust)\b")),
)
_CURRENCY_TAIL = re.compile(r"\b(?:EUR|RM|SEK)\b|€")


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


@dataclass
class VatTable:
    """The rows of the VAT tables, and the sum row where there is one."""

    rows: list[VatRow] = field(default_factory=list)
    sums: VatRow | None = None

    @property
    def codes(self) -> dict[str, Decimal]:
        """Give the rate that each code stands for, by this document's own table."""
        return {row.code: row.rate for row in self.rows if row.code and row.rate is not None}

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
        amounts = [amount for amount in amounts_of(line) if amount.value >= 0 or inside]
        rate, rate_end = _rate_of(line, inside=inside, amounts=amounts)
        amounts = [amount for amount in amounts if amount.start >= rate_end or rate is None]
        if rate is not None and amounts and (inside or _TAX_WORD.search(line.folded)):
            row = _row(line, rate, [amount.value for amount in amounts][:3], order if inside else ())
            if row is not None and not any(_same(row, other) for other in table.rows):
                table.rows.append(row)
        elif inside and table.rows and len(amounts) >= 2:
            table.sums = table.sums or _sum_row(line, amounts, table.rows)
    return table


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


def _rate_of(line: Line, *, inside: bool, amounts: Sequence[FoundAmount]) -> tuple[Decimal | None, int]:
    match = _RATE.search(line.columns)
    if match is None and inside and len(amounts) >= 2:
        match = _BARE_RATE.search(line.columns)
    if match is None:
        return None, 0
    rate = Decimal(match["rate"].replace(",", "."))
    normal = rate.normalize()
    return (normal if normal.as_tuple().exponent != 1 else rate.quantize(Decimal(1)), match.end()) if rate <= _HIGHEST_RATE else (None, 0)


def _row(line: Line, rate: Decimal, values: Sequence[Decimal], order: Sequence[str]) -> VatRow | None:
    code = _CODE.match(line.columns)
    parts, checked = _roles(rate, values, order)
    if parts is None:
        return None
    return VatRow(line, rate, parts.get("net"), parts.get("vat"), parts.get("gross"), code["code"] if code else None, checked)


def _roles(rate: Decimal, values: Sequence[Decimal], order: Sequence[str]) -> tuple[dict[str, Decimal] | None, bool]:
    """Say which amount is which: by arithmetic where it holds for one reading only, else by the table's header."""
    in_order = dict(zip(order, values, strict=False)) if len(order) == len(values) else None
    readings = [dict(zip(names, values, strict=True)) for names in permutations(("net", "vat", "gross"), len(values))]
    holding = [reading for reading in readings if _holds(rate, reading)]
    if in_order is not None and in_order in holding:
        return in_order, True
    if holding:
        return holding[0], True
    if in_order is not None:
        return in_order, False
    if len(values) == 1:
        return {"vat": values[0]}, False
    return None, False


def _holds(rate: Decimal, parts: dict[str, Decimal]) -> bool:
    net, vat, gross = parts.get("net"), parts.get("vat"), parts.get("gross")
    if net is None and vat is not None and gross is not None:
        net = gross - vat
    if vat is None and net is not None and gross is not None:
        vat = gross - net
    if net is None or vat is None or (gross is not None and net + vat != gross):
        return False
    return net >= vat and tolerance_holds(rate, net, vat)


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


def _sum_row(line: Line, amounts: Sequence[FoundAmount], rows: Sequence[VatRow]) -> VatRow | None:
    values = [amount.value for amount in amounts][-3:]
    nets = [row.net for row in rows if row.net is not None]
    vats = [row.vat for row in rows if row.vat is not None]
    if label_of(line.folded)[0] not in (Label.TOTAL, Label.OTHER, Label.TAX):
        return None
    for names in permutations(("net", "vat", "gross"), len(values)):
        parts = dict(zip(names, values, strict=True))
        net, vat, gross = parts.get("net"), parts.get("vat"), parts.get("gross")
        fits_rows = (net is None or not nets or net == sum(nets)) and (vat is None or not vats or vat == sum(vats))
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


def computed_vat(rate: Decimal, gross: Decimal) -> Decimal:
    """Return the VAT that a gross amount holds at a rate, to the cent."""
    return (gross * rate / (HUNDRED + rate)).quantize(CENT, rounding=ROUND_HALF_UP)
