"""A booked voucher as double entries: what programs of accounting take, debit and credit in balance."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

from converto.vat.boxes import Treatment, installed_form
from converto.vat.rates import parsed, rule_file
from converto.vat.vouchers import Line


@dataclass(frozen=True)
class Posting:
    """An amount on an account, debit above zero and credit below; `line` is the voucher's where the account is that of its treatment."""

    account: str
    amount: Decimal
    line: Line | None = None


def postings(lines: Sequence[Line]) -> Sequence[Posting]:
    """Return the double entries of a voucher's lines, which add up to zero; the tax that is not deducted stays with what was bought."""
    found = [posting for line in lines for posting in _postings(line) if posting.amount]
    others = _others(lines)
    rest = -sum((posting.amount for posting in found), Decimal(0))
    return [*found, Posting(profiles()["others"][others], rest)] if rest else found


def _postings(line: Line) -> Iterator[Posting]:
    accounts, reporting = profiles()["others"], installed_form().treatments[line.treatment]
    account = profiles()["accounts"][line.treatment]
    if not reporting.deducts and not _is_purchase(line):
        yield Posting(account, -line.net, line)
        yield Posting(accounts["tax_payable"], -line.vat)
        return
    yield Posting(account, line.net + line.vat - line.deductible_vat, line)
    yield Posting(accounts["tax_deductible"], line.deductible_vat)
    if reporting.buyer_works_out:
        yield Posting(accounts["tax_payable"], -line.vat)


def _is_purchase(line: Line) -> bool:
    return line.treatment is Treatment.EXEMPT_PURCHASE


def _others(lines: Sequence[Line]) -> str:
    """Return who is on the other side: what is used privately is the owner's, and a voucher of sales is owed by its buyers."""
    if all(line.treatment is Treatment.OWN_USE for line in lines):
        return "private"
    form = installed_form()
    return "payables" if any(form.treatments[line.treatment].deducts or _is_purchase(line) for line in lines) else "receivables"


@cache
def profiles() -> Mapping[str, Any]:
    """Return the profiles of exports."""
    found: Mapping[str, Any] = parsed(rule_file("FI", "accounts.yaml").read_text(encoding="utf-8"))
    return found
