"""Value added tax by the ten thousand: random ledgers, and damaged bank barcodes."""

import random
from datetime import date
from decimal import Decimal

import pytest

from converto.kernel.identifiers.bank_barcode import check_symbol
from converto.vat.validation import Identifier, checked
from tests.kernel.identifiers.encoders import barcode_digits, finnish_iban, reference_number
from tests.vat.ledgers import expected, ledger
from tests.vat.test_ledgers import boxes_by_entries

pytestmark = pytest.mark.trials
MANY = 10_000
DUE = date(2026, 12, 1)


def test_ten_thousand_random_ledgers_sum_to_their_boxes() -> None:
    chance = random.Random(2026)  # noqa: S311 - a ledger is no secret
    wrong = sum(boxes_by_entries(lines) != expected(lines) for lines in (ledger(chance) for _ in range(MANY)))
    print(f"{MANY} ledgers, {wrong} with another sum in some box")
    assert wrong == 0


def test_ten_thousand_damaged_bank_barcodes_are_refused() -> None:
    chance, wrong = random.Random(54), []  # noqa: S311
    for _ in range(MANY):
        iban = finnish_iban(f"{chance.choice('12568')}{chance.randrange(10**12):012}")
        digits = barcode_digits(iban, Decimal(chance.randrange(10**8)).scaleb(-2), reference_number(str(chance.randrange(100, 10**9))), DUE)
        at = chance.randrange(len(digits))
        other = chance.choice([digit for digit in "0123456789" if digit != digits[at]])
        damaged = f"{digits[:at]}{other}{digits[at + 1 :]}"
        if checked(Identifier.BARCODE, f"[105] {damaged} [{check_symbol(digits)}]").valid:
            wrong.append(damaged)
    print(f"{MANY} damaged barcodes, {len(wrong)} taken")
    assert wrong == []
