"""Credit notes: what is given back is told as e-invoices tell it, with amounts that are positive, whatever sign the paper bears."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from converto.ocr.document import Finding
from converto.ocr.understanding.amounts import MINUS, find_amounts, parse_amount
from converto.ocr.words import Line, Word

CREDIT_NOTE = Finding(
    code="credit_note", severity="info", field="total", detail="This is a credit note: its amounts are given back, and told without minus."
)
_HEAD_LINES = 25
_NAMED = re.compile(
    r"\bhyvityslasku\b|\bhyvitys ?nota\b|\bcredit ?(?:note|memo|invoice)\b|\bkredit ?(?:faktura|nota|not)\b|\bgutschrift\b|\bavoir\b"
    r"|\bnota de credito\b"
)
# An invoice may speak of credit notes, and a bank credits an account: a document's name stands by itself, or with its number and its day.
_LONGEST_LINE_WORDS = 8
_THOUSANDS = re.compile(rf"[{MINUS}]\d{{1,3}}")
_REST = re.compile(r"\d{3}(?:[.,]\d{2})?")


def is_credit_note(lines: Sequence[Line]) -> bool:
    """Tell whether a document calls itself a credit note at its head."""
    return any(len(line.words) <= _LONGEST_LINE_WORDS and _NAMED.search(line.folded) for line in lines[:_HEAD_LINES])


def unsigned(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Return the lines of a credit note without the minus before its amounts, where most of them bear one."""
    amounts = [amount.value for line in lines for amount in find_amounts(line.columns)]
    if 2 * sum(amount < 0 for amount in amounts) <= len(amounts):
        return tuple(lines)
    return tuple(_unsigned(line) for line in lines)


def _unsigned(line: Line) -> Line:
    following = [after for _, after in pairwise((*line.words, None))]
    return replace(line, words=tuple(_without_minus(word, after) for word, after in zip(line.words, following, strict=True)))


def _without_minus(word: Word, after: Word | None) -> Word:
    amount = parse_amount(word.text)
    begins_one = after is not None and _THOUSANDS.fullmatch(word.text) and _REST.fullmatch(after.text)
    if begins_one or (amount is not None and amount < 0):
        return replace(word, text=re.sub(rf"[{MINUS}]", "", word.text))
    return word
