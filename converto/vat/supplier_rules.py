"""What a company's own approvals say about a supplier: learnt, tried on its own history, and used once a person has switched it on."""

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Final
from uuid import UUID

from pydantic import StringConstraints

from converto.kernel.interface import Value
from converto.kernel.money import Amount
from converto.vat.boxes import Treatment
from converto.vat.vouchers import Line, NewLine, NewVoucher, Voucher
from converto.vat.written import Sum

LEAST: Final = 3
"""So many approvals of a person make a rule; fewer are chance."""
LOOKED_AT: Final = 50
"""So many of a supplier's last vouchers are learnt from, and tried on."""
SURE: Final = 0.9
"""A document that was read less surely than this waits for a person, whatever its rule says."""
BY_PEOPLE: Final = frozenset({"person", "api_key"})
"""What rules decided teaches none: they would prove themselves."""


Told = tuple[Decimal, str]
"""A rate and a treatment."""


class RuledLine(Value):
    """How a supplier's lines of one rate and treatment, which the document tells, are booked."""

    rate: Amount
    treatment: Treatment
    category: str | None = None
    deductible_share: Amount


class Backtest(Value):
    """What a rule would have done with a supplier's vouchers of before, beside what people did."""

    vouchers: int
    agreed: int
    differing: tuple[UUID, ...] = ()
    """The vouchers that the rule would have booked in another way."""
    since: datetime.date | None = None
    until: datetime.date | None = None

    @property
    def is_proven(self) -> bool:
        """Whether there were enough vouchers, and the rule agreed with each."""
        return self.vouchers >= LEAST and self.agreed == self.vouchers


class LearntRule(Value):
    """What a company's approvals say of a supplier, and how well that fits them."""

    seller_id: str
    supplier: str | None
    lines: tuple[RuledLine, ...]
    backtest: Backtest
    proven: bool
    """Whether it can be switched on."""


class NewSupplierRule(Value):
    """A rule to switch on."""

    seller_id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    approves: bool = False
    """Whether drafts without any finding are booked by it; without, it fills them in and a person approves."""
    most: Sum | None = None
    """The largest total that it approves, in euros."""


class SupplierRule(Value):
    """A rule that is, or was, switched on."""

    id: UUID
    seller_id: str
    supplier: str | None
    lines: tuple[RuledLine, ...]
    approves: bool
    most: Amount | None
    backtest: Backtest
    """As it was when it was switched on."""
    switched_on_at: datetime.datetime
    switched_on_by: UUID | None
    switched_off_at: datetime.datetime | None = None


def learnt(seller_id: str, history: Sequence[Voucher]) -> LearntRule:
    """Return what approvals say of a supplier, the newest first; what was booked most often, and of two the newer."""
    seen = [voucher for voucher in history if voucher.decided is not None and voucher.decided.by in BY_PEOPLE]
    ways: dict[Told, Counter[RuledLine]] = {}
    for voucher in seen:
        for line in voucher.lines:
            ways.setdefault(_told(line), Counter())[_way(line)] += 1
    lines = tuple(ways[told].most_common(1)[0][0] for told in sorted(ways, reverse=True))
    found = backtest(lines, seen)
    supplier = next((voucher.supplier for voucher in seen if voucher.supplier), None)
    return LearntRule(seller_id=seller_id, supplier=supplier, lines=lines, backtest=found, proven=found.is_proven)


def backtest(lines: Sequence[RuledLine], history: Sequence[Voucher]) -> Backtest:
    """Return what a rule would have done with vouchers that people have booked."""
    ways = {_told(line): line for line in lines}
    differing = tuple(voucher.id for voucher in history if not _agrees(ways, voucher))
    days = [voucher.tax_date for voucher in history]
    return Backtest(
        vouchers=len(history),
        agreed=len(history) - len(differing),
        differing=differing,
        since=min(days, default=None),
        until=max(days, default=None),
    )


def ruled(given: NewVoucher, rule: SupplierRule) -> NewVoucher:
    """Return a voucher with its lines booked as a rule has them; a line that the rule does not know stays as it was."""
    ways = {_told(line): line for line in rule.lines}
    return given.model_copy(update={"lines": tuple(_ruled(line, ways.get(_told(line))) for line in given.lines)})


def may_approve(rule: SupplierRule, drafted: Voucher, *, confidence: float) -> bool:
    """Tell whether a rule books a draft: one that was read surely, of known lines, with nothing to say about it, and not too large."""
    known = {_told(line) for line in rule.lines}
    return (
        rule.approves
        and confidence >= SURE
        and all(finding.severity == "info" for finding in drafted.findings)
        and all(_told(line) in known for line in drafted.lines)
        and (rule.most is None or abs(drafted.total) <= rule.most)
    )


def _agrees(ways: Mapping[Told, RuledLine], voucher: Voucher) -> bool:
    return all(ways.get(_told(line)) == _way(line) for line in voucher.lines)


def _told(line: NewLine | Line | RuledLine) -> Told:
    return line.rate, line.treatment.value


def _way(line: Line) -> RuledLine:
    return RuledLine(rate=line.rate, treatment=line.treatment, category=line.category, deductible_share=line.deductible_share)


def _ruled(line: NewLine, way: RuledLine | None) -> NewLine:
    if way is None:
        return line
    return line.model_copy(update={"category": way.category, "deductible_share": way.deductible_share})
