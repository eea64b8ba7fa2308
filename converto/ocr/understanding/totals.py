"""The total of a document: every amount is a candidate, and labels, payments and arithmetic speak for or against it."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from converto.ocr.understanding.amounts import digits_apart
from converto.ocr.understanding.money_lines import Label, MoneyLine
from converto.ocr.words import Line

ZERO = Decimal("0.00")
_DEBT = re.compile(
    r"\bausstehend|\boutstanding|\bprev(?:ious)? (?:balance|amount|bill)|\bbalance b ?/ ?f\b|\bedellinen saldo|\bavoin saldo"
)
# How much each kind of evidence weighs, in the unit of a plainly labelled total (3). Set on real receipts.
_SAME_TOTAL_AGAIN = 0.5
_LAST_TOTAL = 0.8
_PAID_BY_CARD = 1.5
_PAID = 1.2
_PAID_LESS_CHANGE = 2.5
_SUM_WITH_TAX = 1.5
_SUM_ROUNDED = 2.5
_SUM_OF_VAT_TABLE = 2.0
_SUM_OF_ITEMS = 1.0
_LARGEST = 0.8
_GUESSED = -1.0
_AFTER_ROUNDING = 2.2
_WITHOUT_DEBT = 2.5
_ROUNDING_STATED = 1.5
_CLEAR_WORD = 1.0
_LESS_THAN_AN_ITEM = -2.5
_ROUNDING_UP_TO = Decimal("0.05")
_NOT_POSITIVE = -4.0


@dataclass
class TotalCandidate:
    """An amount that may be the total, its best place, and what speaks for it."""

    value: Decimal
    score: float = 0.0
    line: Line | None = None
    start: int = 0
    end: int = 0
    strength: float = -1.0
    guessed: bool = True
    reasons: list[str] = field(default_factory=list)

    def add(self, weight: float, reason: str) -> None:
        """Count one piece of evidence, once."""
        if reason not in self.reasons:
            self.reasons.append(reason)
            self.score += weight


@dataclass(frozen=True)
class Part:
    """An amount that is part of the total, and where it stands."""

    value: Decimal
    line: Line
    start: int
    end: int


def total_candidates(
    money: Sequence[MoneyLine], *, vat_sums: Iterable[Decimal] = (), item_sum: Decimal | None = None
) -> list[TotalCandidate]:
    """Return what may be the total, the best supported first.

    `vat_sums` are the totals that the VAT table gives; `item_sum` is what the items add up to.
    """
    candidates: dict[Decimal, TotalCandidate] = {}
    _place(money, candidates)
    _weigh_labels(money, candidates)
    _weigh_payments(money, candidates)
    _weigh_sums(money, candidates)
    _weigh_rounding(money, candidates)
    _weigh_debts(money, candidates)
    for value in vat_sums:
        if value in candidates:
            candidates[value].add(_SUM_OF_VAT_TABLE, "sum of the VAT table")
    if item_sum is not None and item_sum in candidates:
        candidates[item_sum].add(_SUM_OF_ITEMS, "sum of the items")
    _weigh_size(money, candidates)
    for candidate in candidates.values():
        if candidate.value <= ZERO:
            candidate.add(_NOT_POSITIVE, "not positive")
        if candidate.line is not None:
            candidate.score += _CLEAR_WORD * (candidate.line.confidence(candidate.start, candidate.end) - 0.8)
    _join_misreadings(candidates)
    return sorted(candidates.values(), key=lambda candidate: -candidate.score)


def _place(money: Sequence[MoneyLine], candidates: dict[Decimal, TotalCandidate]) -> None:
    """Make a candidate of every amount, standing where it is labelled best."""
    for row in money:
        for amount in row.amounts if row.label is not Label.TOTAL else row.amounts[-1:]:
            candidate = candidates.setdefault(amount.value, TotalCandidate(amount.value))
            strength = row.strength if row.label is Label.TOTAL and not row.in_vat_table else -0.5 if row.label is Label.PAID else -1.0
            if (
                strength > candidate.strength
                or candidate.line is None
                or (candidate.guessed and not amount.guessed and strength >= candidate.strength)
            ):
                candidate.line, candidate.start, candidate.end, candidate.strength = row.line, amount.start, amount.end, strength
            candidate.guessed = candidate.guessed and amount.guessed
    for candidate in candidates.values():
        if candidate.guessed:
            candidate.add(_GUESSED, "misread")
    positive = [
        row.last for row in money if row.label not in (Label.PAID, Label.CHANGE, Label.ASIDE) and not any(a.guessed for a in row.amounts)
    ]
    if positive:
        candidates[max(positive)].add(_LARGEST, "largest")


def _weigh_labels(money: Sequence[MoneyLine], candidates: dict[Decimal, TotalCandidate]) -> None:
    labelled = [row for row in money if row.label is Label.TOTAL and not row.in_vat_table]
    times: dict[Decimal, int] = defaultdict(int)
    for row in labelled:
        candidate = candidates[row.last]
        times[row.last] += 1
        candidate.add(row.strength if times[row.last] == 1 else _SAME_TOTAL_AGAIN, f"labelled {times[row.last]}")
        best = max(other.strength for other in labelled if other.last == row.last)
        if times[row.last] == 1:
            candidate.score += best - row.strength
    plain = [row for row in labelled if row.strength >= 3.0 and not any(amount.guessed for amount in row.amounts)]
    if plain:
        candidates[plain[-1].last].add(_LAST_TOTAL, "last total")
    for row in money:
        if row.label is Label.SUBTOTAL and not row.in_vat_table:
            candidates[row.last].add(1.0, "subtotal")


def _weigh_payments(money: Sequence[MoneyLine], candidates: dict[Decimal, TotalCandidate]) -> None:
    paid = [row for row in money if row.label is Label.PAID]
    change = [abs(row.last) for row in money if row.label is Label.CHANGE]
    for row in paid:
        by_cash = "cash" in row.line.folded
        if not change or ZERO in change or not by_cash:
            candidates[row.last].add(_PAID if by_cash else _PAID_BY_CARD, "paid" if by_cash else "paid by card")
        for returned in change:
            kept = abs(row.last) - returned  # some tills print what was paid as taken away: -50.00
            if kept in candidates and (returned > ZERO or by_cash):
                candidates[kept].add(_PAID_LESS_CHANGE, "paid less change")


def _weigh_sums(money: Sequence[MoneyLine], candidates: dict[Decimal, TotalCandidate]) -> None:
    sums = [row.last for row in money if row.label in (Label.SUBTOTAL, Label.TOTAL)]
    taxes = [row.last for row in money if row.label is Label.TAX]
    rounding = {row.last for row in money if row.label is Label.ROUNDING and ZERO < abs(row.last) <= _ROUNDING_UP_TO}
    for value in {first + second for first in sums for second in taxes if second > ZERO}:
        if value in candidates:
            candidates[value].add(_SUM_WITH_TAX, "net and tax")
        for rounded in rounding:
            if value + rounded in candidates:
                candidates[value + rounded].add(_SUM_ROUNDED, "net, tax and rounding")


def _weigh_rounding(money: Sequence[MoneyLine], candidates: dict[Decimal, TotalCandidate]) -> None:
    """Prefer the total after rounding to the one before it: both are labelled, a few cents apart, the later one is due."""
    labelled = [row for row in money if row.label in (Label.TOTAL, Label.SUBTOTAL) and not row.in_vat_table]
    rounding = {abs(row.last) for row in money if row.label is Label.ROUNDING}
    for before in labelled:
        for after in labelled:
            apart = abs(before.last - after.last)
            if before.at < after.at and ZERO < apart <= _ROUNDING_UP_TO and after.strength >= 3.0:
                candidates[after.last].add(_AFTER_ROUNDING, "rounded")
                if apart in rounding:
                    candidates[after.last].add(_ROUNDING_STATED, "rounding stated")


def _weigh_debts(money: Sequence[MoneyLine], candidates: dict[Decimal, TotalCandidate]) -> None:
    """Prefer what a document charges to what is to be paid with an earlier debt: the debt stands on a document of its own."""
    debts = {row.last for row in money if row.label is Label.ASIDE and _DEBT.search(row.line.folded)}
    charged = {row.last for row in money if row.label in (Label.TOTAL, Label.SUBTOTAL, Label.TAX)}
    for payable in list(candidates.values()):
        for debt in debts:
            if debt > ZERO and payable.value - debt in charged and payable.value - debt in candidates:
                candidates[payable.value - debt].add(_WITHOUT_DEBT, "without an earlier debt")
                payable.add(-_WITHOUT_DEBT, "with an earlier debt")


def _weigh_size(money: Sequence[MoneyLine], candidates: dict[Decimal, TotalCandidate]) -> None:
    """Doubt a total that is less than one of its items, unless something was taken off."""
    if any(amount.value < ZERO for row in money for amount in row.amounts):
        return
    items = [row.last for row in money if row.label is Label.OTHER and not row.in_vat_table and not row.amounts[-1].guessed]
    for candidate in candidates.values():
        if len([item for item in items if item > candidate.value]) > 1 or (items and candidate.value * 10 < max(items)):
            candidate.add(_LESS_THAN_AN_ITEM, "less than its items")


def derived_total(money: Sequence[MoneyLine]) -> Decimal | None:
    """Return what was paid less what was given back, where exactly one such amount makes sense."""
    paid = [abs(row.last) for row in money if row.label is Label.PAID]
    change = [abs(row.last) for row in money if row.label is Label.CHANGE]
    kept = {first - second for first in paid for second in change if first > second}
    return kept.pop() if len(kept) == 1 else None


def parts_of_total(money: Sequence[MoneyLine], total: Decimal) -> tuple[Part, Part] | None:
    """Return the net amount and the VAT that a document states line by line and that make its total; None where several pairs do.

    The VAT's line says that it is tax, or the net amount's that it is without; a total without any VAT has its zero stated.
    """
    taxes = [row for row in money if row.label is Label.TAX]
    nets = [row for row in money if row.label in (Label.SUBTOTAL, Label.TOTAL)]
    pairs: dict[tuple[Decimal, Decimal], tuple[Part, Part]] = {}
    for tax in taxes:
        for net in nets:
            fits = net.last + tax.last == total and abs(net.last) >= abs(tax.last) and net.last * tax.last >= ZERO
            if net is not tax and fits and (tax.last != ZERO or net.label is Label.SUBTOTAL):
                pairs[net.last, tax.last] = (_part(net), _part(tax))
    return next(iter(pairs.values())) if len(pairs) == 1 else None


def _part(row: MoneyLine) -> Part:
    amount = row.amounts[-1]
    return Part(amount.value, row.line, amount.start, amount.end)


def _join_misreadings(candidates: dict[Decimal, TotalCandidate]) -> None:
    """Let a labelled total and an amount one digit off speak for one another, where sums or a card payment support the other.

    One of the two is misread, and the one that adds up is right: 728.10 is labelled, 78.10 was paid.
    """
    labelled = [candidate for candidate in candidates.values() if candidate.strength >= 3.0]
    for other in candidates.values():
        if not {"net and tax", "sum of the VAT table", "paid less change", "paid by card"} & set(other.reasons):
            continue
        for candidate in labelled:
            if candidate is not other and not _is_supported(candidate) and digits_apart(candidate.value, other.value):
                other.add(candidate.strength + _LAST_TOTAL, "misread label")


def _is_supported(candidate: TotalCandidate) -> bool:
    return any(
        reason in candidate.reasons for reason in ("net and tax", "sum of the VAT table", "paid less change", "paid by card", "rounded")
    )
