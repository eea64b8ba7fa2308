"""The block of a Finnish card terminal: who was paid, what kind of shop it is, and on which day.

`Yritys/Ala: 0<business id><store>/<merchant category code>` and `Viite: YYMMDD...`, which is no bank reference: a few pass its check
by chance.
"""

import datetime
import re
from dataclasses import dataclass

from converto.kernel.identifiers.check_digits import is_business_id

_MERCHANT = re.compile(r"yritys\s*/\s*ala\W{0,3}0(?P<id>\d{7})(?P<check>\d)(?P<store>\d{3})\s*/\s*(?P<mcc>\d{4})(?!\d)", re.IGNORECASE)
_REFERENCE = re.compile(r"viite\W{0,3}(?P<day>\d{6})(?P<rest>\d{6,8})(?!\d)", re.IGNORECASE)


@dataclass(frozen=True)
class CardSlip:
    """What a card terminal printed."""

    business_id: str
    store: str
    mcc: str
    date: datetime.date | None


def card_slip(text: str) -> CardSlip | None:
    """Return what the card block of a receipt says; None where there is none, or its business id does not hold."""
    merchant = _MERCHANT.search(text)
    if merchant is None:
        return None
    business_id = f"{merchant['id']}-{merchant['check']}"
    if not is_business_id(business_id):
        return None
    return CardSlip(business_id, merchant["store"], merchant["mcc"], _day(text))


def _day(text: str) -> datetime.date | None:
    reference = _REFERENCE.search(text)
    if reference is None:
        return None
    day = reference["day"]
    try:
        return datetime.date(2000 + int(day[:2]), int(day[2:4]), int(day[4:]))
    except ValueError:
        return None
