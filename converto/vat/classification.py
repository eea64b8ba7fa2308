"""What a purchase is: category and deductible share, by the card slip's merchant code and by words, each with its reason."""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from converto.kernel.interface import Value
from converto.kernel.money import Amount
from converto.vat.card_slip import CardSlip
from converto.vat.rates import parsed, rule_file


class Classified(Value):
    """What a purchase seems to be, and why."""

    category: str | None
    deductible_share: Amount
    reasons: tuple[str, ...]


def classified(text: str, slip: CardSlip | None) -> Classified:
    """Return what a purchase seems to be; words stand before the merchant code, which says what a shop sells and not what was bought."""
    rules, reasons, category = _rules(), [], None
    if slip is not None and slip.mcc in rules["mcc"]:
        category = rules["mcc"][slip.mcc]
        reasons.append(f"the card slip's merchant category code {slip.mcc}")
    folded = text.lower()
    word = next((word for word in rules["words"] if re.search(rf"\b{re.escape(word)}", folded)), None)
    if word is not None:
        category = rules["words"][word]
        reasons.append(f"the word {word}")
    why = rules["barred"].get(category)
    if why is not None:
        reasons.append(f"not deductible: {why}")
    return Classified(category=category, deductible_share=Decimal(0 if why is not None else 1), reasons=tuple(reasons))


@cache
def _rules() -> Mapping[str, Any]:
    found: Mapping[str, Any] = parsed(rule_file("FI", "categories.yaml").read_text(encoding="utf-8"))
    return found
