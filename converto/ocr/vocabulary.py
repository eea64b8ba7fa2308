"""The words that receipts and invoices use, in Finnish, Swedish, English, German and Malay, and how to know them when misread."""

import re
import unicodedata
from functools import cache, lru_cache

# Keywords that a misreading is mended to. Only words that say what a number beside them is; five letters and more, because
# shorter ones are too near to too much else.
_KEYWORDS = """
    total subtotal amount payable balance change rounding adjustment rounded discount service charge inclusive exclusive excluding
    included including gross savings saving tendered payment received invoice receipt quantity number cashier customer
    summary price description invoiced please terms account reference
    yhteensa loppusumma maksettava maksettavaa summa valisumma alennus pyoristys kateinen takaisin vaihtoraha korttitapahtuma kortti
    pankkikortti veloitus mobiilimaksu laskutusmyynti lahjakortti veroton verollinen arvonlisavero sisaltaa paivays paivamaara erapaiva
    laskun numero laskunumero viitenumero tilinumero saaja maksaja kuitti kuittinro tunnus bonukseen kirjattu pantti palautus tuote
    totalt summa betala delsumma rabatt avrundning kontant tillbaka vaxel moms momsbelopp skattefritt forfallodag fakturanummer kvitto
    gesamt gesamtbetrag gesamtsumme summe zwischensumme betrag netto brutto mehrwertsteuer steuer ruckgeld zuruck gegeben bargeld
    rechnungssumme bruttosumme nettosumme positionssumme zahlbetrag steuerbetrag steuersatz basisbetrag umsatzsteuer montant
    rechnung rechnungsnummer rechnungsdatum datum zahlen endbetrag kartenzahlung girocard uhrzeit
"""
KEYWORDS = frozenset(_KEYWORDS.split())
_SHORT = {
    "6st": "gst",
    "8st": "gst",
    "gs7": "gst",
    "bst": "gst",
    "5st": "gst",
    "t0tal": "total",
    "casn": "cash",
    "gash": "cash",
    "vat": "vat",
}
_MISREAD_DIGITS = str.maketrans("0158|!", "olsbll")
_LONG_WORD = 8
_KEYWORD_FROM = 5
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)?|[^\w\s]|_", re.UNICODE)


@lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """Return text in small letters without diacritics: what a recogniser drops first."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def _without_one(word: str) -> set[str]:
    return {word[:at] + word[at + 1 :] for at in range(len(word))}


@cache
def _deletions() -> dict[str, str]:
    """Index every keyword under itself with one letter left out, long ones with two."""
    index: dict[str, str] = {}
    for keyword in sorted(KEYWORDS):
        once = _without_one(keyword)
        for variant in once:
            index.setdefault(variant, keyword)
        if len(keyword) >= _LONG_WORD:
            for variant in {twice for short in once for twice in _without_one(short)}:
                index.setdefault(variant, keyword)
    return index


@lru_cache(maxsize=16384)
def mend(word: str) -> str:
    """Return the keyword that a folded word is a misreading of (one letter off, two in long words), or the word itself."""
    if word in KEYWORDS or word in _SHORT:
        return _SHORT.get(word, word)
    lettered = word.translate(_MISREAD_DIGITS)
    if lettered in KEYWORDS:
        return lettered
    if len(word) < _KEYWORD_FROM - 1 or sum(char.isdigit() for char in word) > 1:
        return word
    return _nearest(lettered) or word


def _nearest(word: str) -> str | None:
    """Return the keyword from which a word lacks a letter, has one too many, or has one wrong."""
    index = _deletions()
    lacking = index.get(word)
    if lacking is not None and len(lacking) - len(word) == 1:
        return lacking
    for variant in sorted(_without_one(word)):
        keyword = variant if variant in KEYWORDS else index.get(variant) if len(word) >= _KEYWORD_FROM else None
        if keyword is not None and abs(len(keyword) - len(word)) <= 1:
            return keyword
    return None


def canonical(text: str) -> str:
    """Return a line folded, its misread keywords mended, one space between words and none before punctuation."""
    return " ".join(mend(word) for word in _WORD.findall(fold(text)))
