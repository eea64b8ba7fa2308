"""Random ledgers, and what their boxes come to by plain sums that know nothing of how the program does it."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from converto.vat.boxes import Treatment
from converto.vat.vouchers import NewLine

CENT = Decimal("0.01")
BY_RATE = {Decimal("25.5"): "301", Decimal(24): "301", Decimal("13.5"): "302", Decimal(14): "302", Decimal(10): "303"}
SALES = {"domestic_sale", "own_use"}
BASES = {
    "zero_rated_sale": "309", "export_sale": "309", "non_eu_service_sale": "309", "eu_goods_sale": "311", "eu_service_sale": "312",
    "construction_sale_rc": "319",
}  # fmt: skip
BUYERS = {
    "eu_goods_purchase": ("313", "305"), "eu_service_purchase": ("314", "306"), "import_goods": ("310", "304"),
    "construction_purchase_rc": ("320", "318"),
}  # fmt: skip


def ledger(chance: random.Random) -> list[NewLine]:
    """Return lines as somebody may type them."""
    return [_line(chance) for _ in range(chance.randint(0, 12))]


def _line(chance: random.Random) -> NewLine:
    treatment = chance.choice([one for one in Treatment if one is not Treatment.MARGIN_SALE])
    amount = Decimal(chance.randint(-50_000, 5_000_000)).scaleb(-2)
    rate = chance.choice(list(BY_RATE))
    told = {"treatment": treatment, "rate": rate if treatment not in BASES and "exempt" not in treatment else Decimal(0)}
    told["deductible_share"] = chance.choice([Decimal(1), Decimal(1), Decimal("0.5"), Decimal("0.333"), Decimal(0)])
    is_gross = treatment in (Treatment.DOMESTIC_SALE, Treatment.DOMESTIC_PURCHASE) and chance.random() < 0.5
    return NewLine.model_validate({**told, "gross" if is_gross else "net": amount})


def rounded(amount: Decimal) -> Decimal:
    """Return whole cents, half up."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def expected(lines: Sequence[NewLine]) -> Mapping[str, Decimal]:
    """Return the boxes of a ledger that are not zero."""
    boxes: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        name, rate = line.treatment.value, line.rate
        net = line.net if line.net is not None else line.gross or Decimal(0)
        tax = rounded(net * rate / 100) if line.net is not None else rounded(net * rate / (100 + rate))
        if name in SALES:
            boxes[BY_RATE[rate]] += tax
        elif name in BASES:
            boxes[BASES[name]] += rounded(net)
        elif name in BUYERS or name in ("domestic_purchase", "non_eu_service_purchase"):
            if name in BUYERS:
                base, own = BUYERS[name]
                boxes[base] += rounded(net)
                boxes[own] += tax
            elif name == "non_eu_service_purchase":
                boxes[BY_RATE[rate]] += tax
            boxes["307"] += rounded(tax * line.deductible_share)
    payable = sum((boxes[box] for box in ("301", "302", "303", "304", "305", "306", "318")), Decimal(0)) - boxes["307"]
    return {box: amount for box, amount in boxes.items() if amount} | {"308": payable}
