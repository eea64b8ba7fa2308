"""Random ledgers: what entries come to is what each box says, to the cent."""

import random
from collections import defaultdict
from datetime import date
from decimal import Decimal

from converto.kernel.actor import Actor
from converto.vat.booking import booked_line
from converto.vat.bookkeeping import cents
from converto.vat.boxes import installed_form
from converto.vat.rates import installed_rates
from converto.vat.returns import Contribution, boxes_of
from converto.vat.vouchers import NewLine, NewVoucher
from tests.vat.house import House
from tests.vat.ledgers import expected, ledger

ON = date(2026, 1, 15)
LEDGERS = 300


def boxes_by_entries(lines: list[NewLine]) -> dict[str, Decimal]:
    """Return the boxes of a ledger as the program makes them."""
    booked = [booked_line(line, at, rates=installed_rates(), form=installed_form(), on=ON) for at, line in enumerate(lines, start=1)]
    sums = [
        Contribution(
            base_box=line.base_box, tax_box=line.tax_box, net=cents(line.net), vat=cents(line.vat), deductible=cents(line.deductible_vat)
        )
        for line in booked
    ]
    return boxes_of(sums, installed_form(), on=ON)


def test_the_boxes_of_random_ledgers_are_plain_sums() -> None:
    chance = random.Random(8)  # noqa: S311 - a ledger is no secret
    wrong = [lines for lines in (ledger(chance) for _ in range(LEDGERS)) if boxes_by_entries(lines) != expected(lines)]
    assert wrong == []


async def test_the_explained_entries_of_a_random_ledger_sum_to_each_box_and_a_filed_one_is_recomputed(house: House, aino: Actor) -> None:
    chance = random.Random(19)  # noqa: S311
    lines = [line for _ in range(6) for line in ledger(chance)]
    for at in range(0, len(lines), 7):
        await house.vat.add_voucher(aino, NewVoucher(document_date=ON, lines=tuple(lines[at : at + 7])))
    filed = await house.vat.file(aino, "2026-01")

    explained: dict[str, Decimal] = defaultdict(Decimal)
    for box in filed.boxes:
        for item in (await house.vat.explain(aino, "2026-01", box=box, limit=200)).items:
            explained[box] += item.amount

    assert filed.boxes == expected(lines)
    assert {box: amount for box, amount in filed.boxes.items() if box != "308"} == explained
    assert await house.service.filing.recomputed(aino, "2026-01", version=1) == filed.boxes
