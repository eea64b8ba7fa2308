"""How a document was paid: the means, the card, and the block that Finnish card terminals print."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass

from converto.kernel.identifiers.check_digits import is_business_id
from converto.ocr.interface import PaymentMethod
from converto.ocr.understanding.identifiers import find_masked_cards
from converto.ocr.understanding.money_lines import Label, MoneyLine
from converto.ocr.words import Line

_MEANS = (
    (PaymentMethod.GIFT_CARD, re.compile(r"\blahjakortti|\bgift ?card|\bgutschein|\bpresentkort")),
    (
        PaymentMethod.MOBILE,
        re.compile(r"\bmobiilimaksu|\bmobile ?pay|\bapple ?pay|\bgoogle ?pay|\bswish\b|\bpivo\b|\bsiirto\b|\btng\b|\bgrab ?pay|\balipay"),
    ),
    (PaymentMethod.INVOICE, re.compile(r"\blaskutusmyynti|\blaskutus\b|\bon account|\bauf rechnung")),
    (
        PaymentMethod.CARD,
        re.compile(
            r"\bvisa\b|\bmaster ?card|\bdebit\b|\bcredit ?card|\bveloitus|\bkorttitapahtuma"
            r"|\bpankkikortti|\bkortti\b|\bkortilla|\bgirocard|\bec ?- ?(?:karte|cash)\b"
            r"|\bkartenzahlung|\bmaestro|\bamex\b|\bkort\b|\bkarte\b|\bcard\b|\bbankkort|\bcontactless|\blahimaksu"
        ),
    ),
    (PaymentMethod.CASH, re.compile(r"\bcash\b|\bkateinen|\bkontant|\bbargeld|\bbar\b|\btunai\b|\bespece")),
)
_BLOCK = re.compile(r"yritys ?/ ?ala\D{0,4}0(?P<business>\d{8})(?P<store>\d{3}) ?/ ?(?P<mcc>\d{4})")
_REFERENCE = re.compile(r"\bviite\b\W{0,4}(?P<year>\d{2})(?P<month>\d{2})(?P<day>\d{2})\d{6}(?!\d)")
# Stars are read as letters: *kKK KKKK 4417.
_MISREAD_MASK = re.compile(r"(?:(?<![\w])[*+kKxXAaRrHheEtToO\u00b7#.]{1,20} ?){2,}(?P<last4>\d{4})(?!\d)")
_CARD_WORDS = re.compile(r"\bkortti|\bcard|\bvisa|\bmaster|\bdebit|\bkarte|\bkort\b|\bpan\b|\bkontakt")
_CARD_NAMES = re.compile(r"\bkortti\b|\bvisa\b|\bmaster ?card|\bdebit\b|\bkort\b|\bkarte\b|\bmaestro\b")
_CENTURY = 2000
# Merchant category codes that Finnish receipts bear, in plain words.
_CODES_OF_CATEGORIES = {
    "groceries": "5411 5462 5499",
    "department_store": "5300 5311",
    "restaurant": "5812 5813 5814",
    "fuel": "5541 5542",
    "pharmacy": "5912",
    "building_supplies": "5200 5211 5251",
    "electronics": "5045 5732 5734",
    "books": "5942",
    "office_supplies": "5943",
    "travel": "4111 4112 4121 4131",
    "parking": "7523",
    "accommodation": "7011",
    "alcohol": "5921",
    "clothing": "5651 5691",
    "furniture": "5712",
}
_CATEGORIES = {code: category for category, codes in _CODES_OF_CATEGORIES.items() for code in codes.split()}
_CATEGORY_WORDS = (
    ("fuel", re.compile(r"\b(95 ?e10|98 ?e5|diesel|bensiini|litraa|petrol|benzin|super e10|fuelsave|seteliautomaatti)\b")),
    ("parking", re.compile(r"\b(parking|pysakointi|parkering|parkhaus|parkschein)\b")),
    ("restaurant", re.compile(r"\b(ravintola|restaurant|restoran|kahvila|bistro|pizzeria|cafe)\b")),
    ("pharmacy", re.compile(r"\b(apteekki|pharmacy|apotheke|apotek)\b")),
    (
        "groceries",
        re.compile(
            r"\b(prisma|s ?- ?market|k ?- ?market|k ?- ?supermarket|k ?- ?citymarket|alepa|lidl|aldi|rewe|edeka|supermarket|hypermarket)\b"
        ),
    ),
    ("accommodation", re.compile(r"\b(hotelli|hotel|majoitus)\b")),
)


@dataclass(frozen=True)
class CardBlock:
    """What a Finnish card terminal prints: the merchant's business id and trade, and the day in its reference."""

    business_id: str | None
    category_code: str | None
    date: datetime.date | None
    line: Line


def find_method(money: Sequence[MoneyLine], lines: Sequence[Line]) -> tuple[PaymentMethod, Line] | None:
    """Return how it was paid: by the line that bears the amount, else by the terminal's block."""
    paid = [row.line for row in money if row.label is Label.PAID and row.last]
    terminal = [
        line
        for line in lines
        if re.search(
            r"\bkorttitapahtuma|\bmaksutapa|\bbetalsatt|\bpayment method"
            r"|\bzahlungsart|\bcard (type|no)|\bmobiilimaksu|\bkartenzahlung|\bgirocard",
            line.folded,
        )
    ]
    for method, pattern in _MEANS:
        for line in (*paid, *terminal):
            if pattern.search(line.folded):
                return method, line
    return None


def find_card_last4(lines: Sequence[Line]) -> tuple[str, Line, int, int] | None:
    """Return the last four digits of the card and where they stand."""
    for line in lines:
        text = line.columns
        for card in find_masked_cards(text):
            if "*" in text or _CARD_WORDS.search(line.folded) or "XXXX" in text.upper():
                return card.value, line, card.start, card.end
    for before, line in zip((None, *lines), lines, strict=False):
        named = _CARD_NAMES.search(line.folded) or (before is not None and _CARD_NAMES.search(before.folded))
        match = _MISREAD_MASK.search(line.columns) if named else None
        if match is not None:
            return match["last4"], line, *match.span("last4")
    return None


def find_card_block(lines: Sequence[Line]) -> CardBlock | None:
    """Return the block of a Finnish card terminal; its reference is no bank reference but tells the day."""
    for at, line in enumerate(lines):
        block = _BLOCK.search(line.text.casefold())
        if block is None:
            continue
        number = f"{block['business'][:7]}-{block['business'][7]}"
        dates = [date for other in lines[at : at + 5] if (date := _reference_date(other)) is not None]
        return CardBlock(number if is_business_id(number) else None, block["mcc"], dates[0] if dates else None, line)
    return None


def _reference_date(line: Line) -> datetime.date | None:
    match = _REFERENCE.search(line.text.casefold())
    if match is None:
        return None
    try:
        return datetime.date(_CENTURY + int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        return None


def find_category(block: CardBlock | None, lines: Sequence[Line]) -> tuple[str, Line, float] | None:
    """Return what was bought: by the card block's trade, else by words at the head; None where neither tells."""
    if block is not None and block.category_code in _CATEGORIES:
        return _CATEGORIES[block.category_code], block.line, 0.9
    for category, pattern in _CATEGORY_WORDS:
        for line in lines[:10]:
            if pattern.search(line.folded):
                return category, line, 0.6
    return None
